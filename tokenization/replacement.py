"""A new plastic for a card: a new number; tokens and credentials move to it and pay on (R-12.2, R-13, R-3.6b)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from tokenization import cards, credentials, events, ids, life_cycle, tokens
from tokenization.cards import CARDHOLDER_REASONS, month
from tokenization.errors import CardBlocked, CardClosed, IllegalMove, Invalid
from tokenization.models import Card, Plastic
from tokenization.number_space import NumberSpace
from tokenization.vault import Vault

REASONS: Final = ("expiring", "damaged", "lost", "stolen", "misused", "bank")
# The others leave the old plastic its time until the new one is activated.
ENDS_AT_ONCE: Final = frozenset({"lost", "stolen", "misused", "bank"})
SUPERSEDED: Final = "replaced"  # why it ended, where nothing but its successor did it


def replace(session: Session, vault: Vault, space: NumberSpace, card: Card, reason: str, now: datetime) -> Plastic:
    """Emboss the next plastic, inactive until activated. Raises CardClosed, Invalid, and VaultError for an erased card.

    A block by what happened to the old plastic ends with it. Tokens follow, but for misuse, and where the card had
    expired: they expired with it (R-13).
    """
    if card.state == "closed":
        raise CardClosed
    unblocked = card.block_reason in CARDHOLDER_REASONS
    if unblocked and reason not in ENDS_AT_ONCE:
        raise Invalid("reason", f"the card is blocked for {card.block_reason}: its old number must end at once")
    previous = cards.current_plastic(session, card)
    misused = "misused" in {reason, card.block_reason}
    retired = misused or cards.is_expired(previous, now)
    if reason in ENDS_AT_ONCE:
        _end(session, card, {"inactive", "active"}, _why_ended(card, reason), now)
    elif previous.state == "inactive":  # it is not activated any more: only the newest can be
        _end(session, card, {"inactive"}, SUPERSEDED, now)
    if unblocked:
        cards.clear_block(card)
    if reason in CARDHOLDER_REASONS:
        card.reported_at = now
    card.current_plastic_id, card.revision = ids.new_id(), card.revision + 1
    fresh = cards.emboss(session, vault, vault.card_key(session, card.card_id), space, card, now)
    events.emit(session, _replaced(card, reason, previous, fresh, now, unblocked=unblocked, retired=retired))
    credentials.follow_card(session, card.card_id)
    why_retired = "card_misused" if misused else "card_expired"
    for token in tokens.live_tokens(session, card.card_id) if retired else ():
        life_cycle.deactivate(session, card, token, by="issuer", reason=why_retired, now=now)
    return fresh


def _why_ended(card: Card, reason: str) -> str:
    """What the register and the shops go by: what happened to the plastic, before the bank's own reasons."""
    reasons = [each for each in (card.block_reason, reason) if each is not None]
    return next((each for each in reasons if each in CARDHOLDER_REASONS), reasons[0])


def _end(session: Session, card: Card, states: Iterable[str], reason: str, now: datetime) -> None:
    living = (Plastic.card_id == card.card_id, Plastic.state.in_(states))
    session.execute(update(Plastic).where(*living).values(state="replaced", ended_reason=reason, ended_at=now))


def _replaced(
    card: Card, reason: str, previous: Plastic, fresh: Plastic, now: datetime, *, unblocked: bool, retired: bool
) -> events.CardReplaced:
    return events.CardReplaced(
        at=now,
        card_id=card.card_id,
        holder_id=card.holder_id,
        reason=reason,
        previous_plastic_id=previous.plastic_id,
        plastic_id=fresh.plastic_id,
        previous_last4=previous.last4,
        previous_expiry=month(previous.expiry),
        last4=fresh.last4,
        expiry=month(fresh.expiry),
        unblocked=unblocked,
        retired=retired,
    )


def activate_plastic(session: Session, card: Card, now: datetime) -> Plastic:
    """The cardholder has the new plastic: it works from now on, and the one before it no more.

    Raises IllegalMove if it works already or has expired, CardBlocked, CardClosed.
    """
    if card.state != "active":
        raise CardBlocked if card.state == "blocked" else CardClosed
    fresh = cards.current_plastic(session, card)
    if fresh.state != "inactive":
        raise IllegalMove("the newest plastic is active already")
    if cards.is_expired(fresh, now):
        raise IllegalMove("the newest plastic has expired: renew the card")
    _end(session, card, {"active"}, SUPERSEDED, now)
    fresh.state, fresh.activated_at = "active", now
    event = events.PlasticActivated(at=now, card_id=card.card_id, plastic_id=fresh.plastic_id, last4=fresh.last4)
    events.emit(session, event)
    return fresh
