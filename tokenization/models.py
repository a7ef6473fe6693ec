"""The tables of this floor. Every table that belongs to a card is led by `card_id`, so that it can be sharded by it."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "tokenization"


class Base(DeclarativeBase):
    """What every model of the four floors derives from: one metadata, so that foreign keys can point down."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        bytes: LargeBinary(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }


def key_to(parent: str, *columns: str) -> ForeignKeyConstraint:
    """A foreign key to a table by columns of the same names."""
    return ForeignKeyConstraint(columns, [f"{parent}.{column}" for column in columns])


class Cardholder(Base):
    """A customer of the bank. CPR and mobile are sealed under the holder's own data key."""

    __tablename__ = "cardholders"
    __table_args__ = ({"schema": SCHEMA},)

    holder_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str]
    address: Mapped[str | None]
    cpr_fingerprint: Mapped[bytes] = mapped_column(unique=True)
    cpr_sealed: Mapped[bytes]
    mobile_fingerprint: Mapped[bytes | None] = mapped_column(index=True)
    mobile_sealed: Mapped[bytes | None]
    mobile_changed_at: Mapped[datetime | None]
    mitid_uuid: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class Requestor(Base):
    """A token requestor (EMVCo): an approved wallet or a merchant; an acquirer is kept here too."""

    __tablename__ = "requestors"
    __table_args__ = ({"schema": SCHEMA},)

    requestor_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    merchant_ids: Mapped[list[str]]
    schemes: Mapped[list[str]]
    may_hold_numbers: Mapped[bool]
    app_attestation: Mapped[str]
    revision: Mapped[int] = mapped_column(default=1)
    contact_mobile_sealed: Mapped[bytes | None]
    contact_language: Mapped[str | None]
    created_at: Mapped[datetime]


class PartyKey(Base):
    """The wrapped data key of a cardholder or a requestor."""

    __tablename__ = "party_keys"
    __table_args__ = (Index(None, "kek_version", "party_id", "version"), {"schema": SCHEMA})

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kek_version: Mapped[int]
    wrapped: Mapped[bytes]


class Card(Base):
    """The agreement between a cardholder and the bank. Its row is the lock over everything that belongs to it.

    `stayed_blocked_at` is when a block had lasted so long that merchants were told to ask their customer.
    """

    __tablename__ = "cards"
    __table_args__ = (
        Index(
            "ix_cards_long_blocked",
            "blocked_at",
            "card_id",
            postgresql_where=text("state = 'blocked' AND stayed_blocked_at IS NULL"),
        ),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.cardholders.holder_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(index=True)
    scheme: Mapped[str]
    par: Mapped[str]
    state: Mapped[str]
    block_reason: Mapped[str | None]
    blocked_at: Mapped[datetime | None]
    blocked_by: Mapped[str | None]
    noticed_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    stayed_blocked_at: Mapped[datetime | None]
    current_plastic_id: Mapped[UUID]
    revision: Mapped[int]
    journal_count: Mapped[int]
    journal_head: Mapped[bytes]
    journal_seal: Mapped[bytes]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class CardKey(Base):
    """The wrapped data key of a card. Deleting it erases the card's numbers."""

    __tablename__ = "card_keys"
    __table_args__ = (
        key_to(f"{SCHEMA}.cards", "card_id"),
        Index(None, "kek_version", "card_id", "version"),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kek_version: Mapped[int]
    wrapped: Mapped[bytes]


class Plastic(Base):
    """One embossed card: a PAN, sealed, and an expiry, which is the last day that it is valid (R-13)."""

    __tablename__ = "plastics"
    __table_args__ = (
        key_to(f"{SCHEMA}.cards", "card_id"),
        Index(None, "last4"),
        # What is to be renewed, and what waits for who embosses it: a few of many.
        Index("ix_plastics_living", "expiry", "card_id", postgresql_where=text("state <> 'replaced'")),
        Index("ix_plastics_to_order", "card_id", postgresql_where=text("state = 'inactive' AND ordered_at IS NULL")),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    plastic_id: Mapped[UUID] = mapped_column(primary_key=True)
    number_sealed: Mapped[bytes]
    bin: Mapped[str]
    last4: Mapped[str]
    expiry: Mapped[date]
    verification_key_version: Mapped[int]
    state: Mapped[str]
    ended_reason: Mapped[str | None]
    payments_without_pin: Mapped[int] = mapped_column(default=0)
    minor_without_pin: Mapped[int] = mapped_column(default=0)
    wrong_cvcs: Mapped[int] = mapped_column(default=0)
    wrong_cvcs_on: Mapped[date | None]
    created_at: Mapped[datetime]
    ordered_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class PanDirectory(Base):
    """Fingerprint of a PAN -> card and plastic. One that is in the register stays for ever (R-21, erasure.py)."""

    __tablename__ = "pan_directory"
    __table_args__ = (Index(None, "card_id"), {"schema": SCHEMA})

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    card_id: Mapped[UUID]
    plastic_id: Mapped[UUID]


class Token(Base):
    """A number that stands for the card on one device only. Its status and its expiry are derived (token_status.py)."""

    __tablename__ = "tokens"
    __table_args__ = (
        key_to(f"{SCHEMA}.cards", "card_id"),
        # By its id, its wallet or its phone alone a token is looked for only off the payment path.
        Index(None, "token_id"),
        Index(None, "requestor_id", "token_id"),
        Index(None, "device_thumbprint"),
        Index("ix_tokens_live", "card_id", postgresql_where=text("state <> 'deactivated'")),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID | None]
    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.requestors.requestor_id"))
    scheme: Mapped[str]
    number_sealed: Mapped[bytes]
    last4: Mapped[str]
    state: Mapped[str]
    decision: Mapped[str]
    decision_reason: Mapped[str | None]
    device_name: Mapped[str]
    device_platform: Mapped[str]
    device_thumbprint: Mapped[str]
    encryption_key: Mapped[dict[str, Any]]
    pin_key_sealed: Mapped[bytes | None]
    biometric_key_sealed: Mapped[bytes | None]
    pin_tries_left: Mapped[int]
    atc_issued: Mapped[int] = mapped_column(default=0)
    atc_seen: Mapped[int] = mapped_column(default=0)
    atc_window: Mapped[bytes] = mapped_column(default=bytes(8))
    payments_without_pin: Mapped[int] = mapped_column(default=0)
    minor_without_pin: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    deactivated_at: Mapped[datetime | None]


class TokenSuspension(Base):
    """Who holds a token back, why and since when. A token pays when nobody does."""

    __tablename__ = "token_suspensions"
    __table_args__ = (key_to(f"{SCHEMA}.tokens", "card_id", "token_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]


class TokenDirectory(Base):
    """Fingerprint of a token number -> card and token."""

    __tablename__ = "token_directory"
    __table_args__ = (Index(None, "card_id"), {"schema": SCHEMA})

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    card_id: Mapped[UUID]
    token_id: Mapped[UUID]


class KeyBatch(Base):
    """Payment keys that went to a phone: ATCs from first to last under one version of the issuer key."""

    __tablename__ = "key_batches"
    __table_args__ = (key_to(f"{SCHEMA}.tokens", "card_id", "token_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_atc: Mapped[int] = mapped_column(primary_key=True)
    last_atc: Mapped[int]
    key_version: Mapped[int]
    expires_at: Mapped[datetime]


class Provisioning(Base):
    """One token made for a device: the history that the limits of R-3.3c count."""

    __tablename__ = "provisionings"
    __table_args__ = (key_to(f"{SCHEMA}.tokens", "card_id", "token_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    right_id: Mapped[UUID | None]
    requestor_id: Mapped[UUID]
    device_thumbprint: Mapped[str]
    country: Mapped[str | None]
    at: Mapped[datetime]


class VerificationCode(Base):
    """The code that was sent for an unverified token: a keyed hash of it, and how often it may still be tried."""

    __tablename__ = "verification_codes"
    __table_args__ = (key_to(f"{SCHEMA}.tokens", "card_id", "token_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    expires_at: Mapped[datetime]
    tries_left: Mapped[int]
    codes_left: Mapped[int]


class CardEntryFailure(Base):
    """A wrong card typed in, counted per person."""

    __tablename__ = "card_entry_failures"
    __table_args__ = ({"schema": SCHEMA},)

    holder_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.cardholders.holder_id"), primary_key=True)
    failure_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class CodeSending(Base):
    """A code that was sent, counted per person."""

    __tablename__ = "code_sendings"
    __table_args__ = ({"schema": SCHEMA},)

    holder_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.cardholders.holder_id"), primary_key=True)
    sending_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Credential(Base):
    """A stored credential: the card on file at a merchant (R-3.6), registered by the plastic `plastic_id`.

    One that is `pending` at `pending_until` has waited in vain: its status is derived (credentials.py).
    """

    __tablename__ = "credentials"
    __table_args__ = (
        key_to(f"{SCHEMA}.cards", "card_id"),
        Index(None, "requestor_id", "credential_id"),
        {"schema": SCHEMA},
    )

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    credential_id: Mapped[UUID] = mapped_column(primary_key=True)
    requestor_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.requestors.requestor_id"))
    reference: Mapped[str]
    agreement: Mapped[str]
    plastic_id: Mapped[UUID]
    state: Mapped[str]
    automatic_update: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]
    pending_until: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class CredentialDirectory(Base):
    """Credential -> card, so that paying with one asks one shard."""

    __tablename__ = "credential_directory"
    __table_args__ = ({"schema": SCHEMA},)

    credential_id: Mapped[UUID] = mapped_column(primary_key=True)
    card_id: Mapped[UUID]


class KeyCheck(Base):
    """By what a key of the ring is recognised: an HMAC under it, which gives nothing of it away (keys/checks.py)."""

    __tablename__ = "key_checks"
    __table_args__ = ({"schema": SCHEMA},)

    purpose: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    check_value: Mapped[bytes]
    at: Mapped[datetime]


class Policy(Base):
    """A versioned set of figures that the bank sets."""

    __tablename__ = "policies"
    __table_args__ = ({"schema": SCHEMA},)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    figures: Mapped[dict[str, Any]]
    effective_at: Mapped[datetime]
    set_by: Mapped[str]
    created_at: Mapped[datetime]
