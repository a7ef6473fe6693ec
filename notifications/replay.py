"""Everything again from a time on: for a receiver that lost what it had, or listened to nothing."""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tokenization import ids
from tokenization.errors import IllegalMove, Invalid
from tokenization.events import rfc3339

# What is more is read: GET …/card-updates, …/token-updates.
AT_MOST: Final = 20_000
# No more than a receiver takes that has just come back, and what is new meanwhile comes between them.
A_SECOND: Final = 50
_TURNS: Final = 5  # the advisory locks of whoever replays, by the end of the requestor's id

# The newest of each credential or token; an older one is true no more. Of what happened since, and of what was sent
# since, or given up: each has an index, an `OR` of both has none. It costs what it finds, and not what there is: among
# 300,000 updates of one requestor the last hour's 60 are found in a millisecond (measured).
STANDING: Final = text("""
    WITH meant AS (
        SELECT seq, subject_id FROM notifications.updates WHERE requestor_id = :requestor_id AND at >= :since
        UNION
        SELECT seq, subject_id FROM notifications.deliveries
        WHERE requestor_id = :requestor_id AND finished_at >= :since AND seq IS NOT NULL
    )
    SELECT seq, (
        SELECT sent.delivery_id FROM notifications.deliveries AS sent
        WHERE sent.requestor_id = :requestor_id AND sent.seq = meant.seq LIMIT 1
    ) AS delivery_id
    FROM meant
    WHERE seq = (
        SELECT max(newer.seq) FROM notifications.updates AS newer
        WHERE newer.requestor_id = :requestor_id AND newer.subject_id = meant.subject_id
    )
    ORDER BY seq LIMIT :most
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


def since(session: Session, requestor_id: UUID, start: datetime, now: datetime) -> int:
    """Queue again what stands in the feed since then, under the same `webhook-id` where it had one, spread over time.

    The feed goes on meanwhile: where something newer is entered, what is queued here is superseded when its turn comes,
    or says of a token how it stands then. Answers how much. Raises Invalid, naming the field; IllegalMove while another
    one runs for the same requestor.
    """
    if start > now:
        raise Invalid("since", "lies in the future")
    _take_turn(session, requestor_id)
    of_requestor: dict[str, Any] = {"requestor_id": requestor_id, "now": now}
    found = session.execute(STANDING, {**of_requestor, "since": start, "most": AT_MOST + 1}).all()
    if len(found) > AT_MOST:
        raise Invalid("since", f"more than {AT_MOST:,} updates stand there since then: read the feed instead")
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for place, (seq, delivery_id) in enumerate(found):
        at = rfc3339(now + timedelta(seconds=place // A_SECOND))
        row = {"seq": seq, "at": at, "delivery_id": str(delivery_id or ids.new_id())}
        rows[delivery_id is not None].append(row)
    queued = 0
    # What stands there already comes last: for as short as can be is a relay kept from what waits.
    for statement, those in ((_FOR_THE_FIRST_TIME, rows[False]), (_AGAIN, rows[True])):
        queued += len(session.execute(statement, {**of_requestor, "rows": json.dumps(those)}).all())
    return queued


def _take_turn(session: Session, requestor_id: UUID) -> None:
    """Until the transaction ends. Two at once would each send for the first time what was never sent."""
    turn = func.pg_try_advisory_xact_lock(_TURNS, int.from_bytes(requestor_id.bytes[-4:], signed=True))
    if not session.scalar(select(turn)):
        raise IllegalMove("a replay is running: its answer comes first")
