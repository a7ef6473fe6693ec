"""Replacing, the whole table of 3-api.md ("Card and plastic"): whatever the card, its plastic and the reason are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from tests import payments
from tests.drawing_rights import NOON, issue_card
from tests.integration.payments.lists import decided
from tests.numbers import SPACE
from tokenization import (
    cards,
    credentials,
    events,
    ids,
    life_cycle,
    register,
    replacement,
    requestors,
    token_status,
    tokens,
)
from tokenization.cards import BLOCK_REASONS, CARDHOLDER_REASONS
from tokenization.errors import CardClosed, DomainError, IllegalMove, Invalid
from tokenization.models import Card, Credential, Plastic, Requestor, Token
from tokenization.secret import Key, Number
from tokenization.tokens import Device
from tokenization.vault import Vault
from wallet.payments import accounts
from wallet.payments.references import Answer
from wallet.payments.requests import CredentialInstrument, Instrument, Merchant, PlasticInstrument, Reference

ISSUED = datetime(2023, 12, 1, 12, tzinfo=UTC)  # so that the first plastic ends in December 2026
SHOP = Merchant("DK-FILM", "Filmfloden", "4899", "DK")
AT_ONCE = {"lost", "stolen", "misused", "bank"}
WHY_KEPT = {"lost": "card_lost", "stolen": "card_stolen"}
AFTER = {"active": NOON, "inactive": NOON, "expired": datetime(2027, 1, 1, 12, tzinfo=UTC)}


@dataclass
class Shelf:
    """A card, a token on a phone, one on a phone that was stolen, and the card on file at a shop."""

    session: Session
    vault: Vault
    card: Card
    token: Token
    on_stolen_phone: Token
    credential: Credential
    now: datetime = NOON

    def block(self, reason: str) -> None:
        cards.block(self.session, self.card, reason=reason, by="issuer", noticed_at=NOON, now=NOON, gross=True)

    def replace(self, reason: str) -> Plastic:
        return replacement.replace(self.session, self.vault, SPACE, self.card, reason, self.now)

    def because(self, token: Token) -> str | None:
        requestor = self.session.get_one(Requestor, token.requestor_id)
        held = [each.by for each in tokens.suspensions(self.session, self.card.card_id, token.token_id)]
        plastic = cards.current_plastic(self.session, self.card)
        return token_status.derive(token, self.card, plastic, requestor, held, self.now).because

    def version(self) -> int:
        return token_status.version(self.token, self.card, self.session.get_one(Requestor, self.token.requestor_id))

    def in_register(self, *plastics: Plastic) -> list[bool]:
        return register.are_blocked(self.session, self.vault, [self._number(each).reveal() for each in plastics])

    def pays(self, *instruments: Plastic | Credential) -> list[str]:
        """How payments of DKK 1 are answered: with the number of a plastic, with the card on file."""
        asked = [
            payments.asked(
                self._instrument(each),
                "keyed" if isinstance(each, Plastic) else "credential_on_file",
                reference=Reference("acquirer", str(ids.new_id()), bytes(32)),
                merchant=SHOP,
                amount_minor=100,
                initiated_by="merchant",
            )
            for each in instruments
        ]
        answers = decided(self.session, self.vault, asked, self.now)
        return [answer.body["reason"] for answer in answers if isinstance(answer, Answer)]

    def _instrument(self, of: Plastic | Credential) -> Instrument:
        if isinstance(of, Credential):
            return CredentialInstrument(of.credential_id)
        return PlasticInstrument(self._number(of), cards.month(of.expiry), None, "none")

    def _number(self, plastic: Plastic) -> Number:
        return cards.reveal_number(self.session, self.vault, plastic.card_id, plastic.plastic_id)


@pytest.fixture(scope="module")
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as outer:
        yield connection
        outer.rollback()


@pytest.fixture(scope="module")
def made(connection: Connection, vault: Vault) -> tuple[Shelf, Session]:
    """The shelf, made once: each test gets it back as it was."""
    session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    card = issue_card(session, vault, ISSUED)
    account = accounts.open_account(
        session,
        holder_id=card.holder_id,
        currency="DKK",
        balance_minor=10_000_000,
        overdraft_limit_minor=0,
        now=ISSUED,
    )
    session.flush()
    card.account_id = account.account_id
    app = requestors.register(session, kind="wallet", name="Lomme", merchant_ids=[], schemes=["dankort"], now=NOON)
    shop = requestors.register(session, kind="merchant", name="Film", merchant_ids=[SHOP.id], schemes=[], now=NOON)
    mine, stolen = (_token(session, vault, card, app, name) for name in ("mine", "stolen"))
    life_cycle.suspend(session, card, stolen, by="cardholder", reason="device_stolen", now=NOON)
    kept = {"plastic_id": card.current_plastic_id, "agreement": "subscription", "reference": "42", "now": NOON}
    credential = credentials.register(session, card, shop, **kept)  # type: ignore[arg-type]  # by name
    credentials.confirm(session, card, credential, automatic_update=True, now=NOON)
    session.flush()
    return Shelf(session, vault, card, mine, stolen, credential), session


def _token(session: Session, vault: Vault, card: Card, app: Requestor, name: str) -> Token:
    token = tokens.create(
        session,
        vault,
        SPACE,
        card,
        requestor=app,
        scheme="dankort",
        device=Device(name, "ios", name, {"kty": "EC"}),
        right_id=None,
        now=NOON,
    )
    life_cycle.activate(session, vault, card, token, Key(bytes(32)), None, also=frozenset(), now=NOON)
    return token


@pytest.fixture
def shelf(made: tuple[Shelf, Session]) -> Iterator[Shelf]:
    shelf, session = made
    savepoint = session.begin_nested()
    yield shelf
    savepoint.rollback()
    session.expire_all()
    events.take_pending(session)
    shelf.now = NOON


def stand(shelf: Shelf, state: str, plastic: str) -> Plastic:
    """Bring card and plastic about; answers the plastic that is in somebody's pocket."""
    old = cards.current_plastic(shelf.session, shelf.card)
    if plastic == "inactive":
        shelf.replace("damaged")
    if state == "closed":
        cards.close(shelf.session, shelf.card, NOON)
    elif state != "active":
        shelf.block(state)
    shelf.now = AFTER[plastic]
    return old


def after(reason: str, state: str, plastic: str) -> dict[str, object]:
    """What must hold afterwards, as 3-api.md says it."""
    by_holder, at_once, blocked = state in CARDHOLDER_REASONS, reason in AT_ONCE, state in BLOCK_REASONS
    still_blocked = blocked and not by_holder
    retired = "misused" in (reason, state) or plastic == "expired"
    ended = next((why for why in (state, reason) if why in CARDHOLDER_REASONS), state if blocked else reason)
    stop = "card_blocked" if still_blocked else None
    if at_once:
        old_pays = WHY_KEPT.get(ended, "card_replaced")
    else:
        old_pays = stop or ("expired" if plastic == "expired" else "approved")
    return {
        "card": "blocked" if still_blocked else "active",
        "plastics": ("replaced" if at_once else "active", "inactive"),
        "unblocked": by_holder,
        "token": "deactivated" if retired else stop,
        "token on the stolen phone": "deactivated" if retired else stop or "cardholder",
        "register": [(at_once and ended in BLOCK_REASONS) or still_blocked, still_blocked],
        "payments": [old_pays, stop or "card_inactive", stop or "approved"],
        "credential": "active",
    }


def found(shelf: Shelf, old: Plastic, new: Plastic) -> dict[str, object]:
    """What does hold."""
    happened = [each for each in events.take_pending(shelf.session) if isinstance(each, events.CardReplaced)]
    return {
        "card": shelf.card.state,
        "plastics": (old.state, new.state),
        "unblocked": happened[-1].unblocked,
        "token": shelf.because(shelf.token),
        "token on the stolen phone": shelf.because(shelf.on_stolen_phone),
        "register": shelf.in_register(old, new),
        "payments": shelf.pays(old, new, shelf.credential),
        "credential": shelf.credential.state,
    }


# Of the reasons that are treated alike (copied, suspected; rules_broken, account_closed) one stands for all.
STATES = ("active", "lost", "stolen", "misused", "pin_compromised", "overdraft", "closed")


@pytest.mark.parametrize("plastic", AFTER)
@pytest.mark.parametrize("reason", replacement.REASONS)
@pytest.mark.parametrize("state", STATES)
def test_replacing_holds_for_every_card_reason_and_plastic(shelf: Shelf, state: str, reason: str, plastic: str) -> None:
    old = stand(shelf, state, plastic)
    newest, version = cards.current_plastic(shelf.session, shelf.card), shelf.version()
    refusal: type[DomainError] | None = CardClosed if state == "closed" else None
    if state in CARDHOLDER_REASONS and reason not in AT_ONCE:
        refusal = Invalid
    if refusal is not None:
        with pytest.raises(refusal):
            shelf.replace(reason)
        assert (old.state, cards.current_plastic(shelf.session, shelf.card)) == ("active", newest)
        assert shelf.card.state == ("closed" if state == "closed" else "blocked")
        return
    new = shelf.replace(reason)
    shelf.session.flush()
    assert found(shelf, old, new) == after(reason, state, plastic)
    assert shelf.version() > version
    assert cards.month(cards.current_plastic(shelf.session, shelf.card).expiry) > cards.month(old.expiry)
    if plastic == "inactive":
        assert newest.state == "replaced", "who gets two new plastics can activate the second alone"
        assert shelf.pays(newest) == [WHY_KEPT.get(newest.ended_reason or "", "card_replaced")]
    if shelf.card.state != "blocked":
        with pytest.raises(IllegalMove):
            cards.unblock(shelf.session, shelf.card, shelf.now)


def test_a_plastic_that_expired_in_its_envelope_is_not_activated(shelf: Shelf) -> None:
    shelf.replace("damaged")
    years_later = NOON + timedelta(days=4 * 365)
    with pytest.raises(IllegalMove, match="renew the card"):
        replacement.activate_plastic(shelf.session, shelf.card, years_later)


def test_of_two_new_plastics_in_a_row_only_the_second_is_activated_and_the_old_one_pays_until_then(
    shelf: Shelf,
) -> None:
    old = cards.current_plastic(shelf.session, shelf.card)
    first, second = shelf.replace("expiring"), shelf.replace("damaged")
    assert shelf.pays(old, first, second) == ["approved", "card_replaced", "card_inactive"]
    replacement.activate_plastic(shelf.session, shelf.card, NOON)
    assert shelf.pays(old, first, second) == ["card_replaced", "card_replaced", "approved"]
    assert shelf.in_register(old, first, second) == [False] * 3


def test_a_token_takes_the_expiry_of_the_new_plastic_and_outlives_the_old_one(shelf: Shelf) -> None:
    new = shelf.replace("expiring")
    shelf.now = AFTER["expired"]
    assert shelf.because(shelf.token) is None
    shelf.now = datetime.combine(new.expiry, datetime.max.time(), UTC) + timedelta(days=1)
    assert shelf.because(shelf.token) == "expired"
