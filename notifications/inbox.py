"""A person's inbox: a cardholder's by `holder_id`, a delegate's by `right_id`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import ARRAY, Uuid, bindparam, select, text, update
from sqlalchemy.orm import Session

from notifications.models import Inbox, Message
from tokenization import ids
from tokenization.errors import NotFound

# In the order of people, so that no two relays wait for each other.
_GROW: Final = text("""
    INSERT INTO notifications.inboxes AS inbox (recipient_id, newest)
    SELECT recipient_id, newest FROM unnest(:recipients, :newest) AS grown (recipient_id, newest) ORDER BY recipient_id
    ON CONFLICT (recipient_id) DO UPDATE SET newest = greatest(inbox.newest, excluded.newest)
    RETURNING recipient_id, newest
""").bindparams(bindparam("recipients", type_=ARRAY(Uuid)), bindparam("newest", type_=ARRAY(Uuid)))


def new_ids(session: Session, recipients: Sequence[UUID]) -> list[UUID]:
    """Ids for a message to each of these, in turn: each greater than that of any message in the same inbox.

    Inboxes are locked by it until the transaction ends. Else what commits late, or comes from a host whose clock is
    behind, would stand before what a stream or a page has shown already, and never be seen.
    """
    made = sorted(ids.new_id() for _ in recipients)
    own: dict[UUID, list[int]] = defaultdict(list)
    for place, recipient_id in enumerate(recipients):
        own[recipient_id].append(place)
    wanted = {recipient_id: made[places[-1]] for recipient_id, places in own.items()}
    held = session.execute(_GROW, {"recipients": list(wanted), "newest": list(wanted.values())})
    for recipient_id, newest in held.all():
        if newest != wanted[recipient_id]:
            _go_behind(session, recipient_id, newest, own[recipient_id], made)
    return made


def _go_behind(session: Session, recipient_id: UUID, newest: UUID, places: list[int], made: list[UUID]) -> None:
    """Another relay's clock is ahead, or it made a later id before we had the inbox: go on from its id."""
    for step, place in enumerate(places, 1):
        made[place] = UUID(int=newest.int + step)
    session.execute(update(Inbox).where(Inbox.recipient_id == recipient_id).values(newest=made[places[-1]]))


def page(session: Session, recipient_id: UUID, limit: int, before: UUID | None = None) -> list[Message]:
    """The newest first; `before` is the last message id of the page before."""
    statement = select(Message).where(Message.recipient_id == recipient_id)
    if before is not None:
        statement = statement.where(Message.message_id < before)
    return list(session.scalars(statement.order_by(Message.message_id.desc()).limit(limit)))


def arrived(session: Session, recipient_id: UUID, after: UUID | None, limit: int) -> list[Message]:
    """What came after that message, oldest first: for the stream."""
    statement = select(Message).where(Message.recipient_id == recipient_id)
    if after is not None:
        statement = statement.where(Message.message_id > after)
    return list(session.scalars(statement.order_by(Message.message_id).limit(limit)))


def mark_read(session: Session, recipient_id: UUID, message_id: UUID, now: datetime) -> Message:
    """Remember when it was first read. Raises NotFound."""
    message = session.get(Message, (recipient_id, message_id))
    if message is None:
        raise NotFound
    message.read_at = message.read_at or now
    return message


def channel(recipient_id: UUID) -> str:
    """The Redis channel on which a stream hears that something arrived. What arrived, it reads in the database."""
    return f"tegnebog:inbox:{recipient_id}"


def wake(redis: Redis, recipients: Iterable[UUID]) -> None:
    """Tell the streams, after commit. Without Redis they find it at their next look."""
    with suppress(RedisError):
        for recipient_id in recipients:
            redis.publish(channel(recipient_id), b"")
