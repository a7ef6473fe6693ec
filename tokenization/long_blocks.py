"""Blocks that last (R-3.6b): where no new card comes, the merchants that keep the card are told to ask their customer.

A block ends by a new plastic, by being lifted, or with the card. While it may end so any day, merchants hear nothing:
only that it has lasted is told, and never why there is one (R-21).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, literal_column, select, tuple_
from sqlalchemy.orm import Session

from tokenization import cards, chores, credentials, events, ids, policies
from tokenization.chores import Transactions
from tokenization.models import Card

PIECE: Final = 100
# As the partial index has it, with its word in the statement: so the index serves.
_NOT_TOLD: Final[ColumnElement[bool]] = and_(
    Card.state == literal_column("'blocked'"), Card.stayed_blocked_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class Due:
    """A card whose block has lasted, and since when there is one."""

    blocked_at: datetime
    card_id: UUID

    def named(self) -> dict[str, str]:
        """For the log."""
        return {"card_id": ids.to_text("card", self.card_id)}


def run(transaction: Transactions, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Go round once: look at each card whose block has lasted. Answers how many there were."""
    return chores.go_round(
        transaction,
        lambda session, behind: due(session, now, behind, PIECE),
        lambda session, each: look(session, each.card_id, now),
        is_stopping,
        failure="long_block_not_told",
    )


def due(session: Session, now: datetime, behind: Due | None, most: int) -> list[Due]:
    """Up to so many cards whose block has lasted, the longest first, from behind that one on."""
    columns = (Card.blocked_at, Card.card_id)
    wanted = select(*columns).where(_NOT_TOLD, Card.blocked_at <= now - _patience(session, now))
    if behind is not None:
        wanted = wanted.where(tuple_(*columns) > (behind.blocked_at, behind.card_id))
    rows = session.execute(wanted.order_by(*columns).limit(most))
    return [Due(at, card_id) for at, card_id in rows if at]


def overdue(session: Session, now: datetime) -> timedelta:
    """For how long the block has waited to be told that has done so the longest."""
    oldest = session.scalar(select(Card.blocked_at).where(_NOT_TOLD).order_by(Card.blocked_at).limit(1))
    return max(now - oldest - _patience(session, now), timedelta()) if oldest else timedelta()


def look(session: Session, card_id: UUID, now: datetime) -> bool:
    """Note that a card's block has lasted, if that is still so, and tell the merchants that are updated, if there are
    any. False where nothing is to be noted: somebody else was here first, or the block has ended.
    """
    card = cards.lock(session, card_id)
    if card is None or card.state != "blocked" or card.blocked_at is None or card.stayed_blocked_at is not None:
        return False
    if card.blocked_at > now - _patience(session, now):
        return False
    card.stayed_blocked_at = now
    if credentials.follow_card(session, card_id):
        last4 = cards.current_plastic(session, card).last4
        event = events.CardStayedBlocked(at=now, card_id=card_id, holder_id=card.holder_id, last4=last4)
        events.emit(session, event)
    return True


def _patience(session: Session, now: datetime) -> timedelta:
    return timedelta(days=policies.load(session, now).cards_on_file.contact_after_days)
