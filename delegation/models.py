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
COUNTERS = ("spent_minor", "payments", "cash_minor", "gambling_minor", "visa_minor", "visa_cash_minor")


def _of_a_card() -> ForeignKeyConstraint:
    return key_to(f"{FLOOR_BELOW}.cards", "card_id")


def _of_a_right() -> ForeignKeyConstraint:
    return key_to(f"{SCHEMA}.drawing_rights", "card_id", "right_id")


class DrawingRight(Base):
    """The limited right to draw on a card. `null` is no limit of the grantor's, zero means that nothing may be spent.

    Amounts are minor units of the card's account. `state` is what was decided; that it expired is derived.
    """

    __tablename__ = "drawing_rights"
    # By its id alone it is looked for only off the payment path, where asking every shard is fine.
    __table_args__ = (_of_a_card(), Index(None, "right_id"), {"schema": SCHEMA})

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
    hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    valid_until: Mapped[date | None]
    notify_grantor: Mapped[str]
    state: Mapped[str]
    state_before_pause: Mapped[str | None]
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


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
    """A delegate asks for more: once (`one_off`), or a higher limit for good (`raise`)."""

    __tablename__ = "drawing_requests"
    __table_args__ = (
        _of_a_right(),
        Index(None, "card_id", "right_id"),
        Index(None, "request_id"),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID]
    kind: Mapped[str]
    amount: Mapped[int]
    limit: Mapped[str]
    payment_id: Mapped[UUID | None]
    message: Mapped[str | None]
    state: Mapped[str]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    lapses_at: Mapped[datetime | None]
    spent_by: Mapped[UUID | None]
