"""The outbox: events leave in the business transaction's own commit, and the relay takes them from here by lease.

What concerns many tokens is told in pieces (pieces.py): `progress` is the last token that has been told of.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, delete, func, select, text, tuple_, update
from sqlalchemy.orm import Session

from notifications import audiences
from notifications.leases import LEASE, is_free
from notifications.models import OutboxRow
from tokenization.events import rfc3339
from tokenization.journal.entries import Recorded

CHANNEL: Final = "tegnebog:outbox"
# The progress of an event of which people were told, and no requestor: less than every id.
PEOPLE_ALONE: Final = UUID(int=0)
_BEGUN_AT_ONCE: Final = 8  # so that who waits for a first word waits for few pieces of what others are told

# One parameter, however many events: the statement stays in the cache of the driver and of the server.
_WRITE: Final = text("""
    INSERT INTO notifications.outbox (card_id, seq, event_id, type, payload, at)
    SELECT card_id, seq, event_id, type, payload, at FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS row (card_id uuid, seq bigint, event_id uuid, type text, payload jsonb, at timestamptz)
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that was claimed: ours until `leased_until`. Where it is about no card, `card_id` is its subject."""

    card_id: UUID
    seq: int
    event_id: UUID
    type: str
    payload: dict[str, Any]
    at: datetime
    leased_until: datetime
    progress: UUID | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether nobody has been told of it."""
        return self.progress is None

    @property
    def is_first(self) -> bool:
        """Whether no requestor has been told of it."""
        return self.progress in (None, PEOPLE_ALONE)


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits, and since when the oldest does."""

    events: int
    oldest_at: datetime | None


def write(session: Session, recorded: Sequence[Recorded]) -> int:
    """Put the events that concern anybody in the outbox, in the transaction that made them. Answers how many."""
    rows = [_as_row(entry) for entry in recorded if _concerns_anybody(entry)]
    if rows:
        session.execute(_WRITE, {"rows": json.dumps(rows)})
    return len(rows)


def wake(redis: Redis) -> None:
    """Tell the relays, after commit, that something waits. Without Redis they look for themselves each second."""
    with suppress(RedisError):
        redis.publish(CHANNEL, b"")


def claim(session: Session, now: datetime, limit: int) -> list[Waiting]:
    """Lease up to so many events that nobody has been told of, and behind them some that were begun; oldest first."""
    fresh = _lease(session, now, OutboxRow.progress.is_(None), limit)
    begun = _lease(session, now, OutboxRow.progress.is_not(None), _BEGUN_AT_ONCE)
    return [*fresh, *begun]


def _lease(session: Session, now: datetime, which: ColumnElement[bool], limit: int) -> list[Waiting]:
    """By lease, since SKIP LOCKED does not cross shards. The condition stands twice: of two relays that picked the same
    row, the one that waited for it looks again and finds it taken.
    """
    free = is_free(OutboxRow.leased_until, now)
    oldest = select(OutboxRow.card_id, OutboxRow.seq).where(which, free).order_by(OutboxRow.at).limit(limit)
    taken = update(OutboxRow).where(tuple_(OutboxRow.card_id, OutboxRow.seq).in_(oldest), free)
    leased = taken.values(leased_until=now + LEASE, attempts=OutboxRow.attempts + 1).returning(OutboxRow)
    rows = session.scalars(leased, execution_options={"synchronize_session": False})
    return sorted((_as_waiting(row, now + LEASE) for row in rows), key=lambda event: (event.at, event.seq))


def finish(session: Session, event: Waiting) -> bool:
    """Take the event out, if the lease is still ours; the lock that this takes is held until the fan-out commits."""
    taken_out = delete(OutboxRow).where(*_ours(event))
    return session.scalar(taken_out.returning(OutboxRow.seq)) is not None


def move_on(session: Session, event: Waiting, progress: UUID) -> bool:
    """Note how far it was told, and let go of it: any relay may go on. Only if the lease is still ours."""
    moved = update(OutboxRow).where(*_ours(event)).values(progress=progress, leased_until=None)
    return session.scalar(moved.returning(OutboxRow.seq), execution_options={"synchronize_session": False}) is not None


def _ours(event: Waiting) -> tuple[ColumnElement[bool], ...]:
    this = (OutboxRow.card_id == event.card_id, OutboxRow.seq == event.seq)
    return *this, OutboxRow.leased_until == event.leased_until, OutboxRow.progress.is_not_distinct_from(event.progress)


def set_aside(session: Session, event: Waiting) -> bool:
    """Note that people were told, and requestors not: any relay may go on with those. Only if the lease is ours."""
    return move_on(session, event, PEOPLE_ALONE)


def depth(session: Session) -> Depth:
    """What waits: for /metrics and /readyz."""
    events, oldest_at = session.execute(select(func.count(), func.min(OutboxRow.at)).select_from(OutboxRow)).one()
    return Depth(events, oldest_at)


def _concerns_anybody(entry: Recorded) -> bool:
    # A cardholder's own payments are most of what happens, and nobody is told of them: they cost no row and no relay.
    return audiences.concerns_anybody(entry.event.type, entry.payload)


def _as_row(entry: Recorded) -> dict[str, Any]:
    event = entry.event
    ids = {"card_id": str(entry.owner_id), "seq": entry.seq, "event_id": str(entry.event_id)}
    return {**ids, "type": event.type, "payload": entry.payload, "at": rfc3339(event.at)}


def _as_waiting(row: OutboxRow, leased_until: datetime) -> Waiting:
    return Waiting(row.card_id, row.seq, row.event_id, row.type, row.payload, row.at, leased_until, row.progress)
