"""Erasing a card (R-20): its data key is deleted, and nothing that was sealed under it can be opened ever again.

Numbers, token numbers and PIN keys go, and the fingerprints by which numbers are found. What stays are the last four
digits, payments, the journal, and the fingerprints of the numbers that the register of blocked cards (R-21) must know:
those can be tried out by who has the database and the ring.
"""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tokenization import cards, events, register
from tokenization.errors import Conflict
from tokenization.models import Card, CardKey, TokenDirectory


class NotClosed(Conflict):
    """Only a closed card can be erased: close it first."""

    code = "card-not-closed"


class AlreadyErased(Conflict):
    """The card was erased before."""

    code = "card-erased"


def check(card: Card) -> None:
    """Whether the card can be erased. Raises NotClosed, AlreadyErased."""
    if card.state != "closed":
        raise NotClosed
    if card.erased_at is not None:
        raise AlreadyErased


def erase(session: Session, card: Card, now: datetime) -> int | None:
    """Delete the data keys of a card, its lock held. Raises NotClosed, AlreadyErased.

    Answers the version of the key-encryption key that wrapped them last; None where they were lost before. Copies of
    the database from before give them back until it, and each older one, is destroyed.
    """
    check(card)
    card.erased_at = now
    gone = delete(CardKey).where(CardKey.card_id == card.card_id).returning(CardKey.kek_version)
    last = max(session.scalars(gone), default=None)
    session.execute(delete(TokenDirectory).where(TokenDirectory.card_id == card.card_id))
    register.forget_others(session, card.card_id)
    plastic = cards.current_plastic(session, card)
    event = events.CardErased(at=now, card_id=card.card_id, holder_id=card.holder_id, last4=plastic.last4)
    events.emit(session, event)
    return last
