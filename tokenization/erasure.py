"""Erasing a card (R-20): its data key is deleted, and nothing that was sealed under it can be opened ever again.

Numbers, token numbers and PIN keys go. What stays says nothing of them: the last four digits, payments, the journal,
and the fingerprint of each number, so that the register of blocked cards (R-21) still knows it.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tokenization import cards, events
from tokenization.errors import Conflict
from tokenization.models import Card, CardKey


class NotClosed(Conflict):
    """Only a closed card can be erased: close it first."""

    code = "card-not-closed"


class AlreadyErased(Conflict):
    """The card was erased before."""

    code = "card-erased"


def check(session: Session, card: Card) -> None:
    """Whether the card can be erased. Raises NotClosed, AlreadyErased."""
    if card.state != "closed":
        raise NotClosed
    if session.scalar(select(CardKey.version).where(CardKey.card_id == card.card_id).limit(1)) is None:
        raise AlreadyErased


def erase(session: Session, card: Card, now: datetime) -> int:
    """Delete the data keys of a card, its lock held. Raises NotClosed, AlreadyErased.

    Answers the version of the key-encryption key that wrapped them last. Copies of the database from before give them
    back until it, and each older one, is destroyed.
    """
    check(session, card)
    gone = delete(CardKey).where(CardKey.card_id == card.card_id).returning(CardKey.kek_version)
    last = max(session.scalars(gone))
    plastic = cards.current_plastic(session, card)
    event = events.CardErased(at=now, card_id=card.card_id, holder_id=card.holder_id, last4=plastic.last4)
    events.emit(session, event)
    return last
