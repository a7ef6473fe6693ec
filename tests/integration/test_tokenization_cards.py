"""Blocking, unblocking, closing, replacing: what a card, its plastics, tokens and register entries are afterwards."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tests.numbers import SPACE
from tokenization import cards, events, ids, life_cycle, register, replacement, requestors, token_status, tokens
from tokenization.errors import CardBlocked, CardClosed, IllegalMove, Invalid
from tokenization.events import Event
from tokenization.models import Card, Plastic, Requestor, Token
from tokenization.tokens import Device
from tokenization.vault import Vault

HOUR = timedelta(hours=1)


@dataclass
class Wallet:
    """A card with a token on one phone, and what can happen to them."""

    session: Session
    vault: Vault
    card: Card
    token: Token

    def block(self, reason: str, at: datetime = NOON, **more: object) -> bool:
        usual = {"by": "cardholder", "noticed_at": at, "now": at}
        return cards.block(self.session, self.card, reason=reason, **usual | more)  # type: ignore[arg-type]  # by name

    def replace(self, reason: str, at: datetime = NOON) -> Plastic:
        return replacement.replace(self.session, self.vault, SPACE, self.card, reason, at)

    def plastics(self) -> list[str]:
        """Their states, the oldest first."""
        states = select(Plastic.state).where(Plastic.card_id == self.card.card_id).order_by(Plastic.plastic_id)
        return list(self.session.scalars(states))

    def register(self) -> list[bool]:
        """Whether each of the card's numbers is in the register, the oldest first."""
        rows = self.session.scalars(select(Plastic.plastic_id).order_by(Plastic.plastic_id)).all()
        numbers = [cards.reveal_number(self.session, self.vault, self.card.card_id, row).reveal() for row in rows]
        return register.are_blocked(self.session, self.vault, numbers)

    def version(self) -> int:
        requestor = self.session.get_one(Requestor, self.token.requestor_id)
        return token_status.version(self.token, self.card, requestor)

    def happened(self) -> list[Event]:
        return events.take_pending(self.session)


@pytest.fixture
def wallet(session: Session, vault: Vault) -> Wallet:
    card = issue_card(session, vault, NOON)
    app = requestors.register(session, kind="wallet", name="Lomme", merchant_ids=[], schemes=["dankort"], now=NOON)
    device = Device("Anna's phone", "ios", "thumbprint", {"kty": "EC"})
    token = tokens.create(
        session,
        vault,
        SPACE,
        card,
        requestor=app,
        scheme="dankort",
        device=device,
        right_id=None,
        now=NOON,
    )
    life_cycle.move(token, "activate")
    events.take_pending(session)
    return Wallet(session, vault, card, token)


def test_a_block_says_why_when_and_by_whom(wallet: Wallet) -> None:
    assert wallet.block("stolen", noticed_at=NOON - HOUR, reported_by="Anna", by="issuer")
    assert (wallet.card.state, wallet.card.block_reason, wallet.card.blocked_by) == ("blocked", "stolen", "issuer")
    assert (wallet.card.blocked_at, wallet.card.noticed_at) == (NOON, NOON - HOUR)
    [event] = wallet.happened()
    assert event.type == "card.blocked"
    assert event.payload()["noticed_at"] == "2026-11-22T10:00:00Z"
    assert event.payload()["reported_by"] == "Anna"


def test_a_second_block_keeps_the_first_notice(wallet: Wallet) -> None:
    wallet.block("lost")
    wallet.happened()
    revision = wallet.card.revision
    assert not wallet.block("stolen", NOON + HOUR)
    assert (wallet.card.block_reason, wallet.card.noticed_at, wallet.card.revision) == ("lost", NOON, revision)
    assert wallet.happened() == []


def test_a_loss_is_not_forgotten_because_the_bank_had_blocked_the_card_before(wallet: Wallet) -> None:
    """R-11.4: else the card would be given back when the overdraft is settled."""
    wallet.block("overdraft", gross=True, by="issuer")
    assert wallet.block("lost", NOON + HOUR)
    assert (wallet.card.block_reason, wallet.card.noticed_at) == ("lost", NOON + HOUR)
    assert [event.type for event in wallet.happened()] == ["card.blocked", "card.blocked"]
    assert not wallet.block("overdraft", NOON + HOUR, gross=True, by="issuer")
    assert wallet.card.block_reason == "lost"


@pytest.mark.parametrize("reason", ["rules_broken", "overdraft"])
def test_the_bank_reminds_before_it_blocks_unless_it_is_gross(wallet: Wallet, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        wallet.block(reason, by="issuer")
    assert raised.value.field == "reminded_at"
    assert wallet.card.state == "active"
    assert wallet.block(reason, by="issuer", gross=True)
    [event] = wallet.happened()
    assert event.payload()["gross"] is True


@pytest.mark.parametrize("field", ["noticed_at", "reminded_at"])
def test_a_notice_is_not_of_the_future(wallet: Wallet, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        wallet.block("overdraft", **{"reminded_at": NOON} | {field: NOON + HOUR})
    assert raised.value.field == field


def test_unblocking_gives_back_what_the_block_took_and_no_more(wallet: Wallet) -> None:
    life_cycle.suspend(wallet.session, wallet.card, wallet.token, by="cardholder", reason="device_lost", now=NOON)
    wallet.block("lost")
    cards.unblock(wallet.session, wallet.card, NOON)
    assert (wallet.card.state, wallet.card.block_reason, wallet.card.noticed_at) == ("active", None, None)
    held = tokens.suspensions(wallet.session, wallet.card.card_id, wallet.token.token_id)
    assert [(each.by, each.reason) for each in held] == [("cardholder", "device_lost")]
    assert [event.type for event in wallet.happened()] == ["token.suspended", "card.blocked", "card.unblocked"]


def test_what_is_not_blocked_is_not_unblocked(wallet: Wallet) -> None:
    with pytest.raises(IllegalMove, match="not blocked"):
        cards.unblock(wallet.session, wallet.card, NOON)


def test_a_closed_card_is_neither_blocked_nor_closed_nor_replaced_nor_unblocked(wallet: Wallet) -> None:
    cards.close(wallet.session, wallet.card, NOON)
    for attempt in (
        lambda: wallet.block("lost"),
        lambda: cards.close(wallet.session, wallet.card, NOON),
        lambda: wallet.replace("lost"),
        lambda: replacement.activate_plastic(wallet.session, wallet.card, NOON),
    ):
        with pytest.raises(CardClosed):
            attempt()
    with pytest.raises(IllegalMove):
        cards.unblock(wallet.session, wallet.card, NOON)


@pytest.mark.parametrize(
    ("steps", "register_says"),
    [
        ([], [False]),
        (["block"], [True]),
        (["block", "unblock"], [False]),
        (["block", "close"], [True]),
        (["close"], [False]),
        (["block", "lost"], [True, False]),
        (["lost"], [True, False]),
        (["bank"], [False, False]),
        (["bank", "block"], [True, True]),
        (["expiring", "activate"], [False, False]),
        (["expiring", "block"], [True, True]),
        (["lost", "activate", "misused"], [True, True, False]),
    ],
    ids=str,
)
def test_the_register_knows_the_numbers_of_blocked_cards(
    wallet: Wallet, steps: list[str], register_says: list[bool]
) -> None:
    for step in steps:
        if step == "block":
            wallet.block("lost")
        elif step == "unblock":
            cards.unblock(wallet.session, wallet.card, NOON)
        elif step == "close":
            cards.close(wallet.session, wallet.card, NOON)
        elif step == "activate":
            replacement.activate_plastic(wallet.session, wallet.card, NOON)
        else:
            wallet.replace(step)
    assert wallet.register() == register_says


def test_the_register_answers_in_the_order_asked_and_knows_no_stranger(wallet: Wallet) -> None:
    wallet.block("lost")
    number = cards.reveal_number(wallet.session, wallet.vault, wallet.card.card_id, wallet.card.current_plastic_id)
    asked = ["4111111111111111", number.reveal(), "5555555555554444", number.reveal()]
    assert register.are_blocked(wallet.session, wallet.vault, asked) == [False, True, False, True]


AT_ONCE = ["replaced", "inactive"]
LATER = ["active", "inactive"]


@pytest.mark.parametrize(
    ("reason", "plastics", "token_state"),
    [
        ("lost", AT_ONCE, "active"),
        ("stolen", AT_ONCE, "active"),
        ("misused", AT_ONCE, "deactivated"),
        ("bank", AT_ONCE, "active"),
        ("expiring", LATER, "active"),
        ("damaged", LATER, "active"),
    ],
)
@pytest.mark.parametrize("blocked_for", [None, "lost", "misused", "pin_compromised", "overdraft"])
def test_replacing(wallet: Wallet, reason: str, plastics: list[str], token_state: str, blocked_for: str | None) -> None:
    """Each reason, for a card that is blocked or not: plastics, block, tokens."""
    old = wallet.card.current_plastic_id
    if blocked_for:
        wallet.block(blocked_for, gross=True)
    ends_the_block = blocked_for in cards.CARDHOLDER_REASONS
    if ends_the_block and plastics is LATER:
        with pytest.raises(Invalid) as raised:
            wallet.replace(reason)
        assert raised.value.field == "reason"
        assert (wallet.card.state, wallet.plastics()) == ("blocked", ["active"])
        return
    wallet.replace(reason)
    still_blocked = blocked_for is not None and not ends_the_block
    assert wallet.card.state == ("blocked" if still_blocked else "active")
    assert wallet.plastics() == plastics
    assert wallet.card.current_plastic_id != old
    assert wallet.token.state == ("deactivated" if blocked_for == "misused" else token_state)
    [event] = [event for event in wallet.happened() if event.type == "card.replaced"]
    assert event.payload()["unblocked"] is ends_the_block
    assert event.payload()["retired"] is (wallet.token.state == "deactivated")


@pytest.mark.parametrize(
    ("blocked_for", "reason", "ended"),
    [
        (None, "stolen", "stolen"),
        (None, "bank", "bank"),
        ("stolen", "lost", "stolen"),
        ("stolen", "bank", "stolen"),
        ("overdraft", "lost", "lost"),
        ("overdraft", "bank", "overdraft"),
    ],
)
def test_the_old_plastic_ends_for_what_happened_to_it(
    wallet: Wallet, blocked_for: str | None, reason: str, ended: str
) -> None:
    old = wallet.card.current_plastic_id
    if blocked_for:
        wallet.block(blocked_for, gross=True)
    wallet.replace(reason)
    plastic = wallet.session.get_one(Plastic, (wallet.card.card_id, old), populate_existing=True)
    assert (plastic.state, plastic.ended_reason, plastic.ended_at) == ("replaced", ended, NOON)


def test_unblocking_after_a_replacement_is_illegal(wallet: Wallet) -> None:
    wallet.block("lost")
    wallet.replace("lost")
    with pytest.raises(IllegalMove):
        cards.unblock(wallet.session, wallet.card, NOON)


def test_a_new_number_every_time(wallet: Wallet) -> None:
    wallet.replace("expiring")
    wallet.replace("lost")
    rows = wallet.session.scalars(select(Plastic)).all()
    numbers = {cards.reveal_number(wallet.session, wallet.vault, row.card_id, row.plastic_id).reveal() for row in rows}
    assert len(numbers) == 3
    assert wallet.plastics() == ["replaced", "replaced", "inactive"]


def test_activating_ends_the_plastic_before(wallet: Wallet) -> None:
    wallet.replace("expiring")
    wallet.happened()
    replacement.activate_plastic(wallet.session, wallet.card, NOON)
    assert wallet.plastics() == ["replaced", "active"]
    assert [event.type for event in wallet.happened()] == ["card.plastic_activated"]
    with pytest.raises(IllegalMove, match="active already"):
        replacement.activate_plastic(wallet.session, wallet.card, NOON)


def test_no_plastic_is_activated_while_the_card_is_blocked(wallet: Wallet) -> None:
    wallet.replace("expiring")
    wallet.block("lost")
    with pytest.raises(CardBlocked):
        replacement.activate_plastic(wallet.session, wallet.card, NOON)


def test_a_token_that_expired_with_its_card_does_not_come_back_with_the_next(wallet: Wallet) -> None:
    """R-13: before that a new card is issued; after that the phone is provisioned anew."""
    long_after = NOON.replace(year=2030)
    wallet.replace("expiring", long_after)
    assert wallet.token.state == "deactivated"
    assert [event.type for event in wallet.happened()] == ["card.replaced", "token.deactivated"]


def test_every_change_of_a_card_grows_the_version_of_its_tokens(wallet: Wallet) -> None:
    versions = [wallet.version()]
    for change in (
        lambda: wallet.block("lost"),
        lambda: cards.unblock(wallet.session, wallet.card, NOON),
        lambda: wallet.block("lost"),
        lambda: wallet.replace("lost"),
        lambda: wallet.replace("expiring"),
        lambda: cards.close(wallet.session, wallet.card, NOON),
    ):
        change()
        versions.append(wallet.version())
    assert versions == sorted(set(versions))


def test_a_closed_card_keeps_its_id_and_numbers(wallet: Wallet) -> None:
    number = cards.reveal_number(wallet.session, wallet.vault, wallet.card.card_id, wallet.card.current_plastic_id)
    cards.close(wallet.session, wallet.card, NOON)
    found = cards.find_by_number(wallet.session, wallet.vault, number.reveal())
    assert found is not None
    assert found.card_id == wallet.card.card_id
    assert cards.find_by_number(wallet.session, wallet.vault, str(ids.new_id())) is None
