"""One payment under whatever may be done to it, in any order: against a model that moves its money coin by coin."""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import Connection

from delegation import usage
from tests.books import assert_books_balance
from tests.integration.payments.lists import decided, value
from tests.integration.payments.scene import HOTEL, Scene
from tests.integration.payments.town import Town
from tests.machines import play
from tests.world import NETTO
from tokenization import cards, ids
from tokenization.errors import NotFound
from wallet.payments import accounts, expiry, history, operations
from wallet.payments.models import Payment
from wallet.payments.rates import Rate, RateTable
from wallet.payments.references import Answer, ReferenceReused
from wallet.payments.requests import Operation, Reference
from wallet.payments.standing import MOVES, Refused, capture

FEW: Final = 6  # always the same; more are others each time
EXAMPLES: Final = int(os.environ.get("EXAMPLES", FEW))
STEPS: Final = 12
SUNDAY: Final = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
COINS: Final = 20
MARGIN: Final = 3  # 115 % of 20
EUROS: Final = Rate("EUR", "DKK", Decimal("7.4605"), date(2026, 11, 20))
DAY: Final = timedelta(days=1)
SOME: Final = st.sampled_from([1, 7, COINS, COINS + MARGIN, COINS + MARGIN + 1])


class Coins:
    """A payment as coins, each of which is somewhere: a margin is what may yet be asked of the account."""

    def __init__(self, margin: int) -> None:
        self.at = ["held"] * COINS + ["margin"] * margin

    def count(self, *places: str) -> int:
        return sum(self.at.count(place) for place in places)

    def move(self, amount: int, source: tuple[str, ...], to: str) -> None:
        """So many coins, from the first place as far as it has them, then from the next."""
        for place in source:
            for nth, at in enumerate(self.at):
                if at == place and amount:
                    self.at[nth], amount = to, amount - 1
        assert not amount

    def all(self, source: str, to: str) -> None:
        self.move(self.count(source), (source,), to)


class Life(RuleBasedStateMachine):
    """An acquirer captures, reverses and refunds, asks twice and at random; the bank blocks the card; time passes."""

    town: Town
    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self._savepoint = self.connection.begin_nested()
        self.town.world.clock.set(SUNDAY)
        self.scene = Scene(self.town)
        self.parts, self.asked = self.town.world.parts, list[tuple[Operation, Any]]()

    def teardown(self) -> None:
        try:
            with self.parts.database.reading() as session:
                assert_books_balance(session, self.scene.opened_with)
        finally:
            self._savepoint.rollback()

    @property
    def now(self) -> datetime:
        return self.town.world.clock.now()

    @initialize(hotel=st.booleans(), estimated=st.booleans(), euros=st.booleans())
    def emil_pays(self, hotel: bool, estimated: bool, euros: bool) -> None:
        where: dict[str, Any] = {"at": HOTEL if hotel else NETTO, "currency": "EUR" if euros else "DKK"}
        request = self.scene.tap(COINS, "pin", token=self.scene.emil, estimated=estimated, **where)
        self.reference, self.rate = request["network_reference"], EUROS if euros else None
        asked, rates = value(request, self.scene.network.client_id), RateTable({"EUR": EUROS})
        with self.parts.database.transaction("network:test") as session:
            [answer] = decided(session, self.parts.vault, [asked], self.now, rates)
        assert isinstance(answer, Answer)
        assert answer.body["approved"], answer.body
        self.payment_id = ids.parse("pay", answer.body["id"])
        self.coins = Coins(MARGIN if hotel and estimated else 0)
        self.ends_at = SUNDAY + DAY * (30 if hotel else 7)

    # What an acquirer does.

    @rule(amount=SOME, final=st.booleans())
    def captures(self, amount: int, final: bool) -> None:
        most, ended = self.coins.count("held", "margin"), self.coins.count("expired")
        expected = ("hold-expired" if ended else "nothing-held") if not most else _fits(amount, most)
        if self._operate("capture", amount, expected, final=final):
            self.coins.move(amount, ("held", "margin"), "captured")
            if final:
                self.coins.all("held", "given up")
                self.coins.all("margin", "given up")

    @rule(amount=st.none() | SOME)
    def reverses(self, amount: int | None) -> None:
        most = self.coins.count("held", "captured")
        wanted = most if amount is None else amount
        if self._operate("reversal", amount, _fits(wanted, most) if most else "nothing-to-reverse"):
            self.coins.move(wanted, ("held", "captured"), "reversed")
            self.coins.all("margin", "given up")

    @rule(amount=SOME)
    def refunds(self, amount: int) -> None:
        most = self.coins.count("captured")
        if self._operate("refund", amount, _fits(amount, most) if most else "nothing-captured"):
            self.coins.move(amount, ("captured",), "refunded")
            self.coins.all("margin", "given up")

    @rule()
    def reverses_what_it_believes_lost(self) -> None:
        """All of it, by the reference of the authorisation; that nothing is left is no refusal."""
        asked = self._asked("reversal", None)
        with self.parts.database.transaction("network:test") as session:
            outcome = operations.reverse_lost(session, self.reference, asked, self.now)
        assert isinstance(outcome, Answer)
        most = self.coins.count("held", "captured")
        assert (outcome.body["amount"], outcome.replayed) == (most, False)
        if most:
            self.coins.move(most, ("held", "captured"), "reversed")
            self.coins.all("margin", "given up")

    def _operate(self, kind: str, amount: int | None, expected: str | None, *, final: bool = False) -> bool:
        """Whether it was done, as was to be expected."""
        asked = self._asked(kind, amount, final=final)
        outcome = self._outcome(asked)
        if expected is not None:
            assert isinstance(outcome, Refused)
            assert outcome.code == expected
            return False
        assert isinstance(outcome, Answer)
        self.asked.append((asked, outcome.body))
        return True

    def _asked(self, kind: str, amount: int | None, *, final: bool = False, text: str | None = None) -> Operation:
        text = text or str(ids.new_id())
        content = sha256(repr((text, kind, amount, final)).encode()).digest()
        return Operation(Reference(self.scene.network.client_id, text, content), kind, amount, final)

    def _outcome(self, asked: Operation) -> operations.Outcome:
        with self.parts.database.transaction("network:test") as session:
            return operations.operate(session, self.payment_id, asked, self.now)

    # What it does twice, or should not.

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 30))
    def asks_again(self, which: int) -> None:
        asked, body = self.asked[which % len(self.asked)]
        assert self._outcome(asked) == Answer(body, replayed=True)

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 30), kind=st.sampled_from(["capture", "reversal", "refund"]))
    def takes_a_reference_again(self, which: int, kind: str) -> None:
        earlier, _ = self.asked[which % len(self.asked)]
        other = self._asked(kind, COINS * 2, text=earlier.reference.text)
        assert isinstance(self._outcome(other), ReferenceReused)

    @rule(kind=st.sampled_from(["capture", "reversal", "refund"]))
    def another_acquirer_asks(self, kind: str) -> None:
        asked = Operation(Reference("another", "theirs", bytes(32)), kind, 1)
        with pytest.raises(NotFound):
            self._outcome(asked)

    # What the bank and time do.

    @rule(close=st.booleans())
    def bank_blocks_or_closes_the_card(self, close: bool) -> None:
        with self.parts.database.transaction("issuer:test") as session:
            card = cards.lock(session, self._card_id)
            assert card is not None
            if card.state == "active":
                how: dict[str, Any] = {"reason": "stolen", "by": "issuer", "noticed_at": self.now, "now": self.now}
                cards.block(session, card, **how)
            elif close and card.state == "blocked":
                cards.close(session, card, self.now)

    @rule(days=st.sampled_from([1, 6, 7, 24]))
    def time_passes(self, days: int) -> None:
        self.town.world.clock.advance(DAY * days)

    @rule()
    def the_relay_comes_by(self) -> None:
        ended = expiry.run(lambda: self.parts.database.transaction("system"), self.now)
        is_due = self.now >= self.ends_at and self.coins.count("held", "margin") > 0
        assert ended == is_due
        if is_due:
            self.coins.all("held", "expired")
            self.coins.all("margin", "given up")

    # What must hold.

    @property
    def _card_id(self) -> UUID:
        return ids.parse("card", self.scene.world.person("anna")["card_id"])

    def _billed(self, coins: int) -> int:
        return self.rate.billed(coins) if self.rate else coins

    @invariant()
    def every_coin_is_where_it_should_be(self) -> None:
        if not hasattr(self, "coins"):
            return
        with self.parts.database.reading() as session:
            payment = session.get_one(Payment, (self._card_id, self.payment_id))
            account = accounts.get(session, payment.account_id)
            right_id = ids.parse("right", self.town.right_id)
            counted = {
                scope: usage.load(session, self._card_id, scope, SUNDAY).day_minor
                for scope in (self._card_id, right_id)
            }
            shown = Counter({name: getattr(payment, f"{name}_minor") for name in _COLUMNS})
            status = history.status(payment)
        refunded = self.coins.count("refunded")
        captured = self.coins.count("captured") + refunded
        expected = {name: self.coins.count(name) for name in _COLUMNS} | {"captured": captured}
        assert shown == Counter(expected)
        paid = self._billed(captured) - self._billed(refunded)
        held = self._billed(captured + self.coins.count("held")) - self._billed(captured)
        most = self._billed(captured + self.coins.count("held", "margin")) - self._billed(refunded)
        opened = self.scene.opened_with[account.account_id]
        assert (opened - account.balance_minor, account.held_minor) == (paid, held)
        assert counted == {self._card_id: paid + held, right_id: most}
        assert status == self._status(captured, refunded)

    def _status(self, captured: int, refunded: int) -> str:
        if self.coins.count("held"):
            return "partly_captured" if captured else "held"
        if captured:
            return "refunded" if captured == refunded else "captured"
        return "expired" if self.coins.count("expired") else "reversed"


_COLUMNS: Final = ("held", "margin", "captured", "reversed", "refunded", "expired")


def _fits(amount: int, most: int) -> str | None:
    return None if amount <= most else "amount-too-high"


@pytest.fixture(autouse=True)
def lived_in(town: Town, connection: Connection) -> None:
    Life.town, Life.connection = town, connection


def live() -> None:
    play(Life, examples=EXAMPLES, steps=STEPS, derandomized=EXAMPLES == FEW)


def test_a_payment_and_a_heap_of_coins_go_the_same_way() -> None:
    live()


def test_control_a_final_capture_that_gives_nothing_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOVES, "capture", lambda before, asked: capture(before, replace(asked, final=False)))
    with pytest.raises(AssertionError):
        live()
