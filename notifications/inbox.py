"""A person's inbox: a cardholder's by `holder_id`, a delegate's by `right_id`."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifications.models import Message
from tokenization.errors import NotFound


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
