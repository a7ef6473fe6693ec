"""Accounts, payments and the references under which acquirers know them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tokenization.models import SCHEMA as FLOOR_ONE
from tokenization.models import Base, key_to

SCHEMA = "wallet"


class Account(Base):
    """The money behind the cards. Available = balance + overdraft limit - holds (R-2.4); locked after the card."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("held_minor >= 0", name="held_not_below_zero"),
        CheckConstraint("overdraft_limit_minor >= 0", name="overdraft_not_below_zero"),
        {"schema": SCHEMA},
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(ForeignKey(f"{FLOOR_ONE}.cardholders.holder_id"), index=True)
    currency: Mapped[str]
    balance_minor: Mapped[int]
    overdraft_limit_minor: Mapped[int]
    held_minor: Mapped[int]
    created_at: Mapped[datetime]


class Payment(Base):
    """One authorisation and what became of it. Amounts in minor units of `currency`; its status is derived.

    `margin_minor` is what may be captured beyond the hold (R-3.1a). A reversal of what was captured lowers
    `captured_minor`, a refund doesn't. `usage_day` is the day whose buckets were charged, `counted_as` which
    counters of them beside the amount: `cash`, `gambling`. `right_left` is what the drawing right left after it: the
    limit that was nearest, and how much of it. `rate` is what one unit of `currency`
    cost in the account's on the day `rate_of`, None where it is the account's own (R-18); at `expires_at` what is held
    ends.
    """

    __tablename__ = "payments"
    __table_args__ = (
        key_to(f"{FLOOR_ONE}.cards", "card_id"),
        CheckConstraint("held_minor >= 0 AND margin_minor >= 0 AND reversed_minor >= 0", name="not_below_zero"),
        CheckConstraint("0 <= refunded_minor AND refunded_minor <= captured_minor", name="refunded_was_captured"),
        Index(
            "ix_payments_of_right",
            *("card_id", "right_id", "payment_id"),
            postgresql_where=text("right_id IS NOT NULL"),
        ),
        Index(
            "ix_payments_of_credential",
            *("card_id", "credential_id", "payment_id"),
            postgresql_where=text("credential_id IS NOT NULL"),
        ),
        Index("ix_payments_expiring", "expires_at", "card_id", postgresql_where=text("held_minor + margin_minor > 0")),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.accounts.account_id"))
    client_id: Mapped[str]
    plastic_id: Mapped[UUID | None]
    token_id: Mapped[UUID | None]
    credential_id: Mapped[UUID | None]
    right_id: Mapped[UUID | None]
    kind: Mapped[str]
    entry_mode: Mapped[str]
    scheme: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    estimated: Mapped[bool]
    merchant: Mapped[dict[str, Any]]
    terminal: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    approved: Mapped[bool]
    reason: Mapped[str]
    limit: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    right_left: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    held_minor: Mapped[int]
    margin_minor: Mapped[int]
    captured_minor: Mapped[int]
    reversed_minor: Mapped[int]
    refunded_minor: Mapped[int]
    expired_minor: Mapped[int] = mapped_column(default=0)
    rate: Mapped[Decimal | None]
    rate_of: Mapped[date | None]
    expires_at: Mapped[datetime | None]
    usage_day: Mapped[date]
    counted_as: Mapped[list[str]]
    at: Mapped[datetime]


class PaymentOperation(Base):
    """A capture, a reversal, a refund or the expiry of a payment, in order. `final`: nothing more is captured after it.
    `network_reference` is null where no client did it.
    """

    __tablename__ = "payment_operations"
    __table_args__ = (key_to(f"{SCHEMA}.payments", "card_id", "payment_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    amount_minor: Mapped[int]
    final: Mapped[bool]
    network_reference: Mapped[str | None]
    at: Mapped[datetime]


class ReferenceDirectory(Base):
    """A client's reference -> what was answered to it, once and for all, and which payment it concerns."""

    __tablename__ = "reference_directory"
    __table_args__ = (Index(None, "payment_id"), {"schema": SCHEMA})

    client_id: Mapped[str] = mapped_column(primary_key=True)
    network_reference: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str]
    content_hash: Mapped[bytes | None]
    card_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime]
