"""The tables of this floor, each led by the one it belongs to: a card, a recipient or a requestor."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, literal_column
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tokenization.models import SCHEMA as TOKENIZATION
from tokenization.models import Base

SCHEMA = "notifications"
_REQUESTOR = f"{TOKENIZATION}.requestors.requestor_id"


class OutboxRow(Base):
    """An event on its way to people and requestors. Deleted when it is fanned out: the journal keeps it (R-20)."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_at", "at"),
        Index("ix_outbox_begun", "at", postgresql_where=sql("progress IS NOT NULL")),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    progress: Mapped[UUID | None]


class Message(Base):
    """What one person was told once. The recipient is a cardholder (`holder_id`) or a delegate (`right_id`).

    `right_id` and `request_id` are those that it is about, where it is about one.
    """

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("recipient_id", "event_id", "kind"), {"schema": SCHEMA})

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    kind: Mapped[str]
    language: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    card_id: Mapped[UUID | None]
    right_id: Mapped[UUID | None]
    request_id: Mapped[UUID | None]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Inbox(Base):
    """The greatest message id of one person. Locked while an inbox grows: none appears behind one that was seen."""

    __tablename__ = "inboxes"
    __table_args__ = ({"schema": SCHEMA},)

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    newest: Mapped[UUID]


class SmsMessage(Base):
    """A text message on its way; the number is opened only when it is sent. `to` says whose it is: a `holder`'s, or a
    `requestor`'s. What is of lower `rank` goes first; from `expires_at` on it is of use to nobody. A code is in
    `text_sealed` alone. `put_off`: for what was wrong with itself when it was last tried, and not with the gateway.
    """

    __tablename__ = "sms_messages"
    __table_args__ = (
        UniqueConstraint("recipient_id", "event_id", "kind"),
        Index(
            "ix_sms_messages_waiting", "rank", "next_attempt_at", "sms_id", postgresql_where=sql("state = 'waiting'")
        ),
        Index("ix_sms_messages_expiring", "expires_at", postgresql_where=sql("state = 'waiting'")),
        {"schema": SCHEMA},
    )

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    sms_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    kind: Mapped[str]
    to: Mapped[str] = mapped_column(default="holder")
    text: Mapped[str]
    text_sealed: Mapped[bytes | None]
    rank: Mapped[int]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    next_attempt_at: Mapped[datetime]
    put_off: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    at: Mapped[datetime]


class WebhookEndpoint(Base):
    """Where a requestor listens. After a failure nothing is sent there before `retry_at`; `disabled_at` is when it was
    disabled, or gone. `check_result` is what a look at it said after it was set: `ok`, or what was wrong.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = ({"schema": SCHEMA},)

    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(_REQUESTOR), primary_key=True)
    endpoint_id: Mapped[UUID]
    url: Mapped[str]
    update_format: Mapped[str]
    encryption_key: Mapped[dict[str, Any] | None]
    encryption_key_approved: Mapped[bool]
    secret_sealed: Mapped[bytes]
    previous_secret_sealed: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    state: Mapped[str]
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    check_result: Mapped[str | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class WebhookLane(Base):
    """One of the few ways to an endpoint, by which one delivery at a time is under way: who leases it sends."""

    __tablename__ = "webhook_lanes"
    __table_args__ = ({"schema": SCHEMA},)

    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.webhook_endpoints.requestor_id"), primary_key=True)
    lane: Mapped[int] = mapped_column(primary_key=True)
    leased_until: Mapped[datetime | None]


class Preference(Base):
    """What a person chose of one kind of message, where it is not as delivered: in the inbox, and by SMS."""

    __tablename__ = "preferences"
    __table_args__ = ({"schema": SCHEMA},)

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    inbox: Mapped[bool]
    sms: Mapped[bool]


class Feed(Base):
    """How far a requestor's feed has come. Locked while it grows: no update appears behind a cursor already read."""

    __tablename__ = "feeds"
    __table_args__ = ({"schema": SCHEMA},)

    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(_REQUESTOR), primary_key=True)
    last_seq: Mapped[int]


class Update(Base):
    """An entry of a requestor's feed: a credential or a token changed. `facts`: last 4 and expiry, never a number.

    `received_at` is when the requestor first had it, by webhook or by reading; `number_given` whether a card number was
    in it, encrypted; `missed_at` when it had not been received in time: its cardholder was told then, unless something
    newer had made it pointless.
    """

    __tablename__ = "updates"
    __table_args__ = (
        UniqueConstraint("requestor_id", "event_id", "subject_id"),
        Index(None, "requestor_id", "subject_id", "seq"),
        Index(None, "requestor_id", "at"),
        Index(
            "ix_updates_not_received",
            "at",
            "requestor_id",
            "seq",
            postgresql_where=sql("code = 'A' AND received_at IS NULL AND missed_at IS NULL"),
        ),
        {"schema": SCHEMA},
    )

    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(_REQUESTOR), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    kind: Mapped[str]
    card_id: Mapped[UUID]
    subject_id: Mapped[UUID]
    version: Mapped[int]
    code: Mapped[str | None]
    change: Mapped[str | None]
    plastic_id: Mapped[UUID | None]
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    received_at: Mapped[datetime | None]
    number_given: Mapped[bool] = mapped_column(default=False)
    missed_at: Mapped[datetime | None]


class Delivery(Base):
    """An update on its way to an endpoint, or a test (`seq` is null). Its id is the `webhook-id` of every attempt."""

    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["requestor_id", "seq"], [f"{SCHEMA}.updates.requestor_id", f"{SCHEMA}.updates.seq"]),
        Index("ix_deliveries_pending", "requestor_id", "next_attempt_at", postgresql_where=sql("state = 'pending'")),
        Index("ix_deliveries_pending_subject", "requestor_id", "subject_id", postgresql_where=sql("state = 'pending'")),
        Index(None, "requestor_id", "seq"),
        Index("ix_deliveries_finished", "requestor_id", "finished_at", postgresql_where=sql("finished_at IS NOT NULL")),
        Index(
            "ix_deliveries_not_delivered",
            "requestor_id",
            "state",
            "delivery_id",
            postgresql_where=sql("state IN ('failed', 'superseded')"),
        ),
        {"schema": SCHEMA},
    )

    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(_REQUESTOR), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int | None]
    subject_id: Mapped[UUID | None]
    kind: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    next_attempt_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


# What a partial index is for stands in the statement's own text: drivers prepare what runs often, and of `state = $1`
# PostgreSQL then cannot know that the index serves. Measured with 1,000 endpoints: 8 ms, and 90 from the eleventh on.
PENDING: Final = Delivery.state == literal_column("'pending'")
WAITING: Final = SmsMessage.state == literal_column("'waiting'")
