"""A drawing right under whatever may happen to it, in any order, at any hour: against a model that adds up by hand."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from redis import Redis
from sqlalchemy import Connection, Engine

from delegation import drawing_rights, periods, usage
from mobile_mock.shop import Merchant
from tests.books import assert_books_balance
from tests.drawing_right_cases import CEILING, HOURS, LOW, SHOPS, TERMS, moments
from tests.drawing_right_model import COPENHAGEN, LIMITS, Model, OneOff, Paid, Shop
from tests.integration.payments.scene import Scene
from tests.integration.payments.town import EMILS, Town
from tests.machines import play
from tests.policy.worlds import rolled_back
from tests.races.tills import Tills
from tokenization import ids, policies
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet.payments import rules

FEW: Final = 10  # always the same; more are others each time
EXAMPLES: Final = int(os.environ.get("EXAMPLES", FEW))  # `make races`: 300
STEPS: Final = 30
SUNDAY: Final = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
LAST: Final = datetime(2029, 6, 1, tzinfo=UTC)  # by which the card is still valid
KEYS_LIVE: Final = timedelta(days=13)
FIGURES: Final = st.sampled_from([None, 0, 1, 10_000, 25_000, 40_000, 200_000, 200_001, 300_000])
COUNTS: Final = st.sampled_from([None, 0, 1, 2, 4, 20, 21])
A_LIMIT: Final = st.sampled_from(LIMITS).flatmap(
    lambda name: st.tuples(st.just(name), COUNTS if name == "payments_per_day" else FIGURES)
)
A_TERM: Final = st.sampled_from(sorted(TERMS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(TERMS[name]))
)
INSTEAD: Final[dict[str, dict[str, Any]]] = {
    "abroad": {"country": "SE"},
    "gambling": {"mcc": "7995", "categories": frozenset({"gambling"}), "estimates": False},
    "cash": {"mcc": "6011", "categories": frozenset({"cash"}), "kind": "cash", "estimates": False},
}
WHICH: Final = st.integers(0, 30)
PERCENT: Final = st.sampled_from([1, 40, 100])


@pytest.fixture(scope="module")
def town(servers: Any, engine: Engine, key_ring: FileKeyRing, vault: Vault) -> Iterator[Town]:
    with (
        engine.connect() as connection,
        Redis.from_url(servers.redis_url) as redis,
        rolled_back(connection, redis, key_ring, vault) as world,
    ):
        Life.town, Life.connection = Town(world), connection
        yield Life.town


class Life(RuleBasedStateMachine):
    """Emil pays, Anna changes her mind, shops capture and give back, the bank lowers a ceiling, time passes."""

    town: Town
    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self._savepoint = self.connection.begin_nested()
        self.clock = self.town.world.clock
        self.clock.set(SUNDAY)
        self.scene = Scene(self.town)
        self.scene.money(10**9)
        self.tills, self.keys_since = Tills(self.scene), SUNDAY
        limits: dict[str, int | None] = {**dict.fromkeys(LIMITS), **EMILS}
        self.model = Model(limits, CEILING)
        self.asked: list[datetime] = []
        self.declined: list[tuple[str, Shop, int, dict[str, Any]]] = []

    def teardown(self) -> None:
        try:
            with self.scene.world.parts.database.reading() as session:
                assert_books_balance(session, self.scene.opened_with)
        finally:
            self._savepoint.rollback()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @invariant()
    def what_is_shown_is_what_was_used(self) -> None:
        card_id = ids.parse("card", self.scene.world.person("anna")["card_id"])
        right_id = ids.parse("right", self.town.right_id)
        with self.scene.world.parts.database.reading() as session:
            terms = drawing_rights.terms_of(drawing_rights.load(session, card_id, right_id))
            used = usage.load(session, card_id, right_id, self.now)
            ceiling = rules.ceiling(policies.load(session, self.now))
        left = usage.remaining(terms, ceiling, used, self.now)
        shown = {name: {each: getattr(found, each) for each in _SHOWN} for name, found in left.items()}
        assert shown == self.model.usage(self.now)

    # Paying.

    def _has_keys(self) -> bool:
        """A phone fetches keys in time, but not while it is paused."""
        emil = self.scene.emil
        if not self.model.paused:
            if self.now - self.keys_since > KEYS_LIVE:
                self.tills.taps(emil.keys_left)
            if not emil.keys_left:
                emil.fetch_keys()
                self.keys_since = self.now
        return emil.keys_left > 0

    def _pay(self, shop: Shop, amount: int) -> None:
        if not self._has_keys():
            return
        amount = 0 if shop.kind == "verification" else min(max(amount, 1), 2_000_000)
        merchant = Merchant(shop.id, "Butikken", shop.mcc, shop.country)
        how: dict[str, Any] = {"at": merchant, "kind": shop.kind, "estimated": shop.estimates}
        [answer] = self.tills.pay(self.scene.tap(amount, "pin", token=self.scene.emil, **how))
        reason, limit, one_off = self.model.decide(amount, shop, self.now)
        assert (answer["reason"], answer["limit"]) == (reason, limit)
        if reason == "approved":
            paid = Paid(answer["id"], self.now, amount, shop.reserved(amount) - amount, one_off=one_off)
            self.model.paid.append(paid)
            if one_off:
                one_off.is_spent = True
        else:
            self.declined.append((answer["id"], shop, amount, limit or {}))

    @rule(shop=st.sampled_from(sorted(SHOPS)), amount=st.sampled_from([1, 900, 10_000, 30_000, 250_000]))
    def pays(self, shop: str, amount: int) -> None:
        self._pay(SHOPS[shop], amount)

    @rule(shop=st.sampled_from(["grocer", "fuel"]), limit=st.sampled_from(LIMITS), more=st.sampled_from([-1, 0, 0, 1]))
    def pays_what_is_left(self, shop: str, limit: str, more: int) -> None:
        left = self.model.usage(self.now).get(limit, {"remaining": 100})["remaining"]
        self._pay(SHOPS[shop], (-(-left * 100 // 115) if SHOPS[shop].estimates else left) + more)

    @rule(part=st.sampled_from([2, 3]))
    def pays_a_part_of_what_is_left(self, part: int) -> None:
        self._pay(SHOPS["grocer"], min(each["remaining"] for each in self.model.usage(self.now).values()) // part)

    @rule()
    def anna_pays(self) -> None:
        [answer] = self.tills.pay(self.scene.plastic(5_000))
        assert answer["approved"]

    # What becomes of a payment.

    def _some(self, which: int, wanted: Callable[[Paid], int]) -> Paid | None:
        found = [paid for paid in self.model.paid if wanted(paid)]
        return found[which % len(found)] if found else None

    def _do(self, what: str, paid: Paid, amount: int, **more: Any) -> None:
        answer = self.scene.do(what, paid.id, amount, **more)
        assert answer.status_code == 201, answer.text

    @precondition(lambda self: self.model.paid)
    @rule(which=WHICH, percent=PERCENT, final=st.booleans())
    def is_captured(self, which: int, percent: int, final: bool) -> None:
        if paid := self._some(which, lambda paid: paid.held + paid.margin):
            amount = max(1, (paid.held + paid.margin) * percent // 100)
            self._do("captures", paid, amount, final=final)
            paid.capture(amount, final=final)

    @precondition(lambda self: self.model.paid)
    @rule(which=WHICH, percent=PERCENT)
    def is_reversed(self, which: int, percent: int) -> None:
        if paid := self._some(which, lambda paid: paid.reversible):
            amount = max(1, paid.reversible * percent // 100)
            self._do("reversals", paid, amount)
            paid.reverse(amount)

    @rule(days=st.sampled_from([1, 2, 8, 35]), percent=PERCENT)
    def emil_pays_and_days_later_it_is_reversed(self, days: int, percent: int) -> None:
        self._pay(SHOPS["grocer"], 700)
        self._go(self.now + timedelta(days=days))
        self.is_reversed(-1, percent)

    @precondition(lambda self: self.model.paid)
    @rule(which=WHICH, percent=PERCENT)
    def is_refunded(self, which: int, percent: int) -> None:
        if paid := self._some(which, lambda paid: paid.captured - paid.refunded):
            amount = max(1, (paid.captured - paid.refunded) * percent // 100)
            self._do("refunds", paid, amount)
            paid.refund(amount)

    # What the grantor and the bank say.

    def _change(self, change: dict[str, Any]) -> int:
        path = f"/v1/drawing-rights/{self.town.right_id}"
        return self.town.anna.step_up("right").request("PATCH", path, change).status_code

    @rule(limit=A_LIMIT)
    def anna_sets_a_limit(self, limit: tuple[str, int | None]) -> None:
        self._set(*limit)

    @rule(limit=st.sampled_from([*LIMITS, "payments_per_day"]), more=st.sampled_from([-1, 0, 1, 2, 12_000]))
    def anna_sets_a_limit_close_to_what_was_used(self, limit: str, more: int) -> None:
        self._set(limit, max(0, self.model.spent(limit, self.now) + more))

    def _set(self, name: str, figure: int | None) -> None:
        after = self.model.limits | {name: figure}
        above = (
            figure is not None and figure != self.model.limits[name] and figure > self.model.ceiling.get(name, figure)
        )
        is_refused = above or set(after.values()) == {None}
        assert self._change({"limits": {name: figure}}) == (422 if is_refused else 200)
        if not is_refused:
            self.model.change(after, self.model.terms)

    @rule(term=A_TERM)
    def anna_says_where_or_when(self, term: tuple[str, Any]) -> None:
        assert self._change(dict([term])) == 200
        self.model.change(self.model.limits, self.model.terms | dict([term]))

    @rule(
        hours=st.sampled_from(HOURS[1:]),
        edge=st.sampled_from(["from", "to"]),
        days=st.integers(1, 8),
        early=st.booleans(),
    )
    def emil_pays_at_the_edge_of_his_hours(self, hours: dict[str, Any], edge: str, days: int, early: bool) -> None:
        self.anna_says_where_or_when(("hours", hours))
        day = (self.now.astimezone(COPENHAGEN) + timedelta(days=days)).date()
        at = datetime.combine(day, time.fromisoformat(hours[edge]), COPENHAGEN).astimezone(UTC)
        self._go(at - timedelta(seconds=early))
        self._pay(SHOPS["grocer"], 100)

    @rule(more=st.sampled_from([0, 1, 2]))
    def emil_pays_until_he_may_not_pay_again(self, more: int) -> None:
        self._set("payments_per_day", self.model.spent("payments_per_day", self.now) + more)
        for _ in range(more + 1):
            self._set("per_day", self.model.spent("per_day", self.now) + 100)
            self._pay(SHOPS["grocer"], 100)

    @rule()
    def anna_takes_back_what_she_said(self) -> None:
        assert self._change({name: choices[0] for name, choices in TERMS.items()}) == 200
        self.model.change(self.model.limits, {})

    @rule()
    def anna_pauses_or_resumes(self) -> None:
        move = "resume" if self.model.paused else "pause"
        answer = self.town.anna.request("POST", f"/v1/drawing-rights/{self.town.right_id}/{move}")
        assert answer.status_code == 200, answer.text
        self.model.paused = not self.model.paused

    @rule()
    def bank_lowers_or_raises_the_ceiling(self) -> None:
        self.model.ceiling = LOW if self.model.ceiling == CEILING else CEILING
        self.scene.bank("PUT", "/policies/ceilings", {"figures": self.model.ceiling})

    # Asking.

    @rule(amount=st.sampled_from([10_000, 45_000, 250_000]))
    def emil_gets_one_payment(self, amount: int) -> None:
        self._ask({"kind": "one_off", "amount": amount}, amount, None)

    @precondition(lambda self: self.declined)
    @rule(instead=st.sampled_from(sorted(INSTEAD)))
    def emil_gets_the_payment_that_was_declined(self, instead: str) -> None:
        """And would pay for something else by it, under the same merchant's id."""
        payment_id, shop, amount, limit = self.declined[-1]
        may_be_asked = limit.get("of") == "drawing_right" and shop.kind != "verification"
        may_be_asked = may_be_asked and shop.reserved(amount) <= self.model.ceiling["per_payment"]
        self._ask({"kind": "one_off", "payment_id": payment_id}, shop.reserved(amount), shop, may_be_asked)
        if may_be_asked:
            self._pay(replace(shop, **INSTEAD[instead]), amount)
            self._pay(shop, amount)
        self.declined.clear()

    @precondition(lambda self: self.model.one_offs)
    @rule(which=WHICH)
    def anna_takes_a_yes_back(self, which: int) -> None:
        one_off = self.model.one_offs[which % len(self.model.one_offs)]
        answer = self.town.anna.request("POST", f"/v1/drawing-requests/{one_off.request_id}/decline")
        assert answer.status_code == (200 if one_off.stands(self.now) else 409), answer.text
        if one_off.stands(self.now):
            one_off.is_taken_back = True

    @rule(hours=st.sampled_from([0, 0, 23, 24]))
    def emil_pays_by_one_yes_and_once_more_when_it_is_reversed(self, hours: int) -> None:
        """But not while the ceiling is in the way."""
        if self.model.paused:
            self.anna_pauses_or_resumes()
        if self.model.ceiling == LOW:
            self.bank_lowers_or_raises_the_ceiling()
        self.anna_takes_back_what_she_said()
        self._set("per_payment", 20_000)
        self._pay(SHOPS["grocer"], 20_000)
        self.emil_gets_one_payment(45_000)
        self._go(self.now + timedelta(hours=hours))
        self._pay(SHOPS["grocer"], 45_000)
        self.is_reversed(-1, 100)
        self.bank_lowers_or_raises_the_ceiling()
        self._pay(SHOPS["grocer"], 45_000)
        self.bank_lowers_or_raises_the_ceiling()
        self._pay(SHOPS["grocer"], 45_000)
        self._pay(SHOPS["grocer"], 45_000)

    def _ask(self, body: dict[str, Any], amount: int, shop: Shop | None, may_be_asked: bool = True) -> None:
        answer = self.town.emil.request("POST", f"/v1/drawing-rights/{self.town.right_id}/requests", body)
        lately = [at for at in self.asked if at > self.now - timedelta(hours=24)]
        expected = 422 if not may_be_asked else 409 if self.model.paused else 201 if len(lately) < 20 else 429
        assert answer.status_code == expected, answer.text
        if expected != 201:
            return
        self.asked.append(self.now)
        path = f"/v1/drawing-requests/{answer.json()['id']}"
        is_above = amount > self.model.ceiling["per_payment"]
        said = self.town.anna.step_up("approve").request("POST", f"{path}/approve")
        assert said.status_code == (422 if is_above else 200), said.text
        if is_above:
            assert self.town.anna.request("POST", f"{path}/decline").status_code == 200
        else:
            self.model.one_offs.append(OneOff(said.json()["id"], amount, shop, self.now + timedelta(hours=24)))

    # Time.

    @rule(hours=st.sampled_from([1, 5, 23, 24, 25, 24 * 8]))
    def hours_pass(self, hours: int) -> None:
        self._go(self.now + timedelta(hours=hours))

    @rule(which=st.integers(0, 20) | st.integers(0, 200))
    def comes_to_a_moment(self, which: int) -> None:
        later = sorted({at for at in moments(self.now) if at > self.now})
        self._go(later[which % len(later)])

    def _go(self, at: datetime) -> None:
        if at < LAST:
            self.clock.set(at)


_SHOWN: Final = ("limit", "spent", "remaining", "resets_at", "of")


def live(town: Town) -> None:
    assert Life.town is town
    play(Life, examples=EXAMPLES, steps=STEPS, derandomized=EXAMPLES == FEW)


def test_a_right_decides_shows_and_gives_back_as_a_model_does(town: Town) -> None:
    live(town)


def test_control_a_week_that_begins_on_sunday_is_found(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "start_of_week", lambda day: day - timedelta(days=day.isoweekday() % 7))
    with pytest.raises(AssertionError):
        live(town)
