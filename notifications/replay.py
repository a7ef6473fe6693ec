"""Everything again from a time on: for a receiver that lost what it had, or listened to nothing."""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from notifications.models import Feed
from tokenization import ids
from tokenization.errors import Invalid
from tokenization.events import rfc3339

# What is more is read: GET …/card-updates, …/token-updates.
AT_MOST: Final = 20_000
# No more than a receiver takes that has just come back, and what is new meanwhile comes between them.
A_SECOND: Final = 50

# The newest of each credential or token; an older one is true no more. Of what happened since, and of what was sent
# since, or given up.
_STANDING: Final = text("""
    SELECT entry.seq, sent.delivery_id
    FROM notifications.updates AS entry
        LEFT JOIN notifications.deliveries AS sent ON sent.requestor_id = entry.requestor_id AND sent.seq = entry.seq
    WHERE entry.requestor_id = :requestor_id AND (entry.at >= :since OR sent.finished_at >= :since)
        AND NOT EXISTS (
            SELECT FROM notifications.updates AS newer
            WHERE newer.requestor_id = entry.requestor_id AND newer.subject_id = entry.subject_id
                AND newer.seq > entry.seq
        )
    ORDER BY entry.seq LIMIT :most
""")
# What a relay holds at this moment is being sent, or was just now: it is passed over, and nobody waits for anybody.
_AGAIN: Final = text("""
    WITH free AS (
        SELECT sent.delivery_id, asked.at
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS asked (delivery_id uuid, at timestamptz)
            JOIN notifications.deliveries AS sent USING (delivery_id)
        WHERE sent.requestor_id = :requestor_id
        FOR UPDATE OF sent SKIP LOCKED
    )
    UPDATE notifications.deliveries AS sent
    SET state = 'pending', attempts = 0, next_attempt_at = free.at, finished_at = NULL
    FROM free
    WHERE sent.requestor_id = :requestor_id AND sent.delivery_id = free.delivery_id
    RETURNING sent.delivery_id
""")
_FOR_THE_FIRST_TIME: Final = text("""
    INSERT INTO notifications.deliveries
        (requestor_id, delivery_id, seq, subject_id, kind, state, attempts, next_attempt_at, created_at)
    SELECT entry.requestor_id, asked.delivery_id, entry.seq, entry.subject_id, entry.kind, 'pending', 0, asked.at, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS asked (delivery_id uuid, seq bigint, at timestamptz)
        JOIN notifications.updates AS entry ON entry.requestor_id = :requestor_id AND entry.seq = asked.seq
    RETURNING delivery_id
""")


def hold(session: Session, requestor_id: UUID) -> None:
    """Let nothing be entered in its feed until this transaction ends: what is the newest now stays so."""
    session.execute(select(Feed.last_seq).where(Feed.requestor_id == requestor_id).with_for_update())


def since(session: Session, requestor_id: UUID, start: datetime, now: datetime) -> int:
    """Queue again what stands in the feed since then, under the same `webhook-id` where it had one, spread over time.

    Answers how much. Raises Invalid, naming the field.
    """
    if start > now:
        raise Invalid("since", "lies in the future")
    hold(session, requestor_id)
    of_requestor: dict[str, Any] = {"requestor_id": requestor_id, "now": now}
    found = session.execute(_STANDING, {**of_requestor, "since": start, "most": AT_MOST + 1}).all()
    if len(found) > AT_MOST:
        raise Invalid("since", f"more than {AT_MOST:,} updates stand there since then: read the feed instead")
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for place, (seq, delivery_id) in enumerate(found):
        at = rfc3339(now + timedelta(seconds=place // A_SECOND))
        row = {"seq": seq, "at": at, "delivery_id": str(delivery_id or ids.new_id())}
        rows[delivery_id is not None].append(row)
    queued = 0
    for statement, those in ((_AGAIN, rows[True]), (_FOR_THE_FIRST_TIME, rows[False])):
        queued += len(session.execute(statement, {**of_requestor, "rows": json.dumps(those)}).all())
    return queued
