"""The rounds: what comes with time (agenda.py) is told, right after right. Any number may go round at once.

A right is looked at in a transaction of its own, under its card's lock. What is told and how far was looked commit
together: so whoever is killed has lost nothing, and nobody is told twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from delegation import agenda, drawing_rights, events, usage
from delegation.agenda import CameOfAge, Expired, Happening, WeekEnded
from delegation.models import DrawingRight
from tokenization import cards, chores, ids
from tokenization.chores import Transactions

PIECE: Final = 100


@dataclass(frozen=True, slots=True)
class Due:
    """A right that something has come to, and since when."""

    due_at: datetime
    right_id: UUID
    card_id: UUID

    def named(self) -> dict[str, str]:
        """For the log."""
        return {"card_id": ids.to_text("card", self.card_id), "right_id": ids.to_text("right", self.right_id)}


def run(transaction: Transactions, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Go round once: look at each right that is due. Answers of how many something was told."""
    return chores.go_round(
        transaction,
        lambda session, behind: due(session, now, behind, PIECE),
        lambda session, each: look(session, each.card_id, each.right_id, now) > 0,
        is_stopping,
        failure="right_not_looked_at",
    )


def due(session: Session, now: datetime, behind: Due | None, most: int) -> list[Due]:
    """Up to so many rights that are due, the longest first, from behind that one on."""
    columns = (DrawingRight.due_at, DrawingRight.right_id, DrawingRight.card_id)
    wanted = select(*columns).where(DrawingRight.due_at <= now)
    if behind is not None:
        wanted = wanted.where(tuple_(*columns[:2]) > (behind.due_at, behind.right_id))
    rows = session.execute(wanted.order_by(*columns[:2]).limit(most))
    return [Due(row.due_at, row.right_id, row.card_id) for row in rows]


def overdue(session: Session, now: datetime) -> timedelta:
    """For how long the right has been due that has been so the longest."""
    oldest = session.scalar(select(func.min(DrawingRight.due_at)))
    return max(now - oldest, timedelta()) if oldest else timedelta()


def look(session: Session, card_id: UUID, right_id: UUID, now: datetime) -> int:
    """Tell what came to a right since it was looked at, and note that it was. Answers how many events that was: none
    where somebody else was here first, and none any more under a card that is closed.
    """
    card = cards.lock(session, card_id)
    right = drawing_rights.load(session, card_id, right_id)
    if card is None or right.due_at is None or right.due_at > now:
        return 0
    if card.state == "closed":
        right.due_at = None
        return 0
    came = agenda.between(right, right.looked_at, now)
    told = sum(_tell(session, right, each) for each in came)
    right.looked_at, right.due_at = now, agenda.due_after(right, now)
    return told


def _tell(session: Session, right: DrawingRight, came: Happening) -> bool:
    """Emit its event. A week without payments is not told of."""
    match came:
        case Expired(at, why):
            drawing_rights.expire(session, right, why, at)
        case CameOfAge(at):
            drawing_rights.announce(session, events.DrawingRightCameOfAge, right, at)
        case WeekEnded(at, monday):
            week = usage.of_week(session, right.card_id, right.right_id, monday)
            if not week.payments:
                return False
            summed = {"week": monday.isoformat(), "spent": week.spent_minor, "payments": week.payments}
            drawing_rights.announce(session, events.DrawingRightWeekEnded, right, at, **summed)
    return True
