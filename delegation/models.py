"""The tables of this floor. All belong to a card, and are led by `card_id`."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tokenization.models import SCHEMA as FLOOR_BELOW
from tokenization.models import Base, key_to

SCHEMA = "delegation"
DATED = (
    *("delegate_birthdate", "valid_from", "valid_until", "created_at"),
    *("invitation_lapses_at", "revoked_at", "looked_at", "due_at"),
)
COUNTERS = ("spent_minor", "payments", "cash_minor", "gambling_minor", "visa_minor", "visa_cash_minor")


def _of_a_card() -> ForeignKeyConstraint:
    return key_to(f"{FLOOR_BELOW}.cards", "card_id")


def _of_a_right() -> ForeignKeyConstraint:
    return key_to(f"{SCHEMA}.drawing_rights", "card_id", "right_id")


class DrawingRight(Base):
    """The limited right to draw on a card. `null` is no limit of the grantor's, zero means that nothing may be spent.

    Amounts are minor units of the card's account. `state` is what was decided; that it expired is derived. What the
    policy said when it was granted holds to its end: `ends_when_of_age`, `invitation_lapses_at`. Up to `looked_at`
    everything was told that comes with time; at `due_at` there is more to tell.
    """

    __tablename__ = "drawing_rights"
    # By its id alone it is looked for only off the payment path, where asking every shard is fine.
    __table_args__ = (
        _of_a_card(),
        # What no calendar of ours has ('infinity') could not be read, nor could then the rights of the card be counted.
        CheckConstraint(
            " AND ".join(f"{each} >= '0001-01-01' AND {each} < '10000-01-01'" for each in DATED)
            + " AND delegate_birthdate < '9900-01-01'",  # or it had no 18th birthday
            name="readable",
        ),
        Index(None, "right_id"),
        Index("ix_drawing_rights_due", "due_at", "right_id", postgresql_where=text("due_at IS NOT NULL")),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID] = mapped_column(primary_key=True)
    delegate_name: Mapped[str]
    delegate_birthdate: Mapped[date | None]
    per_payment: Mapped[int | None]
    per_day: Mapped[int | None]
    per_week: Mapped[int | None]
    per_month: Mapped[int | None]
    total: Mapped[int | None]
    payments_per_day: Mapped[int | None]
    allowed_categories: Mapped[list[str] | None]
    blocked_categories: Mapped[list[str] | None]
    allowed_countries: Mapped[list[str] | None]
    allowed_merchants: Mapped[list[str] | None]
    blocked_merchants: Mapped[list[str] | None]
    allow_cash: Mapped[bool]
    allow_recurring: Mapped[bool]
    hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    ends_when_of_age: Mapped[bool]
    phones_allowed: Mapped[int | None]
    notify_grantor: Mapped[str]
    notify_above: Mapped[int | None]
    weekly_summary: Mapped[bool]
    state: Mapped[str]
    state_before_pause: Mapped[str | None]
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    invitation_lapses_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    looked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]


class Pairing(Base):
    """A delegate's phone that the grantor let in. Its allowance is for one provisioning or one new PIN."""

    __tablename__ = "pairings"
    __table_args__ = (
        _of_a_right(),
        Index(
            "uq_pairings_live",
            *("card_id", "right_id", "device_thumbprint"),
            unique=True,
            postgresql_where=text("unpaired_at IS NULL"),
        ),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    pairing_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID]
    device_thumbprint: Mapped[str]
    device_name: Mapped[str]
    paired_at: Mapped[datetime]
    allowance_until: Mapped[datetime]
    allowance_used_at: Mapped[datetime | None]
    unpaired_at: Mapped[datetime | None]


class UsageDay(Base):
    """What one scope (a drawing right, or the card itself) used on one day in Copenhagen."""

    __tablename__ = "usage_days"
    __table_args__ = (
        _of_a_card(),
        CheckConstraint(" AND ".join(f"{counter} >= 0" for counter in COUNTERS), name="not_below_zero"),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    spent_minor: Mapped[int]
    payments: Mapped[int]
    cash_minor: Mapped[int]
    gambling_minor: Mapped[int]
    visa_minor: Mapped[int]
    visa_cash_minor: Mapped[int]


class DrawingRequest(Base):
    """A delegate asks for more: once (`one_off`), or a higher limit for good (`raise`).

    `merchant` is where a payment was declined that is asked for, and through whom; it stands for that place only.
    `pairing_id` is the phone that asked; null where that was before it was kept.
    """

    __tablename__ = "drawing_requests"
    __table_args__ = (
        _of_a_right(),
        Index(None, "card_id", "right_id"),
        Index(None, "request_id"),
        # Each payment under a right looks for its one-offs: however much was asked, only those that stand are read.
        Index(
            "ix_drawing_requests_usable",
            *("card_id", "right_id", "lapses_at"),
            postgresql_where=text("state = 'approved'"),
        ),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID]
    pairing_id: Mapped[UUID | None]
    kind: Mapped[str]
    amount: Mapped[int]
    limit: Mapped[str]
    payment_id: Mapped[UUID | None]
    message: Mapped[str | None]
    merchant: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    lapses_at: Mapped[datetime | None]
    spent_by: Mapped[UUID | None]
