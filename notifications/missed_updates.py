"""New cards that a merchant has not had in time: the cardholder is told of each, once (R-3.6c).

The merchant may listen nowhere, fail for days, or never read its feed: from here it is all one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, literal_column, select, tuple_
from sqlalchemy.orm import Session

from notifications.credential_updates import is_newest, standing
from notifications.models import Update
from tokenization import cards, chores, credentials, ids, policies
from tokenization.chores import Transactions
from tokenization.models import Credential

PIECE: Final = 100
# As the partial index has it, with its letter in the statement: so the index serves.
_NOT_RECEIVED: Final[ColumnElement[bool]] = and_(
    Update.code == literal_column("'A'"), Update.received_at.is_(None), Update.missed_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class Due:
    """An entry of a feed that the merchant should have had by now."""

    at: datetime
    requestor_id: UUID
    seq: int
    card_id: UUID

    def named(self) -> dict[str, str]:
        """For the log."""
        return {"requestor_id": ids.to_text("reqr", self.requestor_id), "seq": str(self.seq)}


def run(transaction: Transactions, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Go round once: look at each new card that a merchant has not had in time. Answers how many there were."""
    return chores.go_round(
        transaction,
        lambda session, behind: due(session, now, behind, PIECE),
        lambda session, each: look(session, each, now),
        is_stopping,
        failure="missed_update_not_told",
    )


def due(session: Session, now: datetime, behind: Due | None, most: int) -> list[Due]:
    """Up to so many entries, the oldest first, from behind that one on."""
    key = (Update.at, Update.requestor_id, Update.seq)
    wanted = select(*key, Update.card_id).where(_NOT_RECEIVED, Update.at <= now - _patience(session, now))
    if behind is not None:
        wanted = wanted.where(tuple_(*key) > (behind.at, behind.requestor_id, behind.seq))
    return [Due(*row) for row in session.execute(wanted.order_by(*key).limit(most))]


def overdue(session: Session, now: datetime) -> timedelta:
    """For how long the entry has waited to be looked at that has done so the longest."""
    oldest = session.scalar(select(Update.at).where(_NOT_RECEIVED).order_by(Update.at).limit(1))
    return max(now - oldest - _patience(session, now), timedelta()) if oldest else timedelta()


def look(session: Session, entry: Due, now: datetime) -> bool:
    """Note that the merchant has not had it, and tell the cardholder where that still matters: not where a newer entry,
    or no consent, has made it pointless. False where nothing is to be noted: the merchant has it, or somebody was here.
    """
    card = cards.lock(session, entry.card_id)
    found = select(Update).where(Update.requestor_id == entry.requestor_id, Update.seq == entry.seq, _NOT_RECEIVED)
    update = session.scalar(found.with_for_update())
    if card is None or update is None:
        return False
    update.missed_at = now
    credential = session.get_one(Credential, (card.card_id, update.subject_id))
    if standing(card, credential) == "A" and is_newest(session, update):
        credentials.miss_update(session, card, credential, now)
    return True


def _patience(session: Session, now: datetime) -> timedelta:
    return timedelta(days=policies.load(session, now).cards_on_file.told_within_days)
