"""The tables of sign-in and access. None belongs to a card: a session of a child's phone only remembers which card."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tokenization.models import Base

SCHEMA = "access"


class OAuthClient(Base):
    """An app or a machine that may ask for access tokens, all of one scope. Machines have `jwks`, phones have none."""

    __tablename__ = "oauth_clients"
    __table_args__ = ({"schema": SCHEMA},)

    client_id: Mapped[str] = mapped_column(primary_key=True)
    requestor_id: Mapped[UUID | None] = mapped_column(ForeignKey("tokenization.requestors.requestor_id"), index=True)
    name: Mapped[str]
    scope: Mapped[str]
    redirect_uris: Mapped[list[str]]
    jwks: Mapped[dict[str, Any] | None]
    status: Mapped[str]
    created_at: Mapped[datetime]


class AccessSession(Base):
    """A signed-in phone: whose, by which key, how well and when. A child's has card, right and pairing."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "uq_sessions_living",
            *("thumbprint", "holder_id", "client_id"),
            unique=True,
            postgresql_where=text("ended_at IS NULL AND scope = 'wallet'"),
        ),
        Index("ix_sessions_thumbprint", "thumbprint", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sessions_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        {"schema": SCHEMA},
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(f"{SCHEMA}.oauth_clients.client_id"), index=True)
    scope: Mapped[str]
    holder_id: Mapped[UUID] = mapped_column(ForeignKey("tokenization.cardholders.holder_id"), index=True)
    card_id: Mapped[UUID | None]
    right_id: Mapped[UUID | None] = mapped_column(index=True)
    pairing_id: Mapped[UUID | None] = mapped_column(index=True)
    thumbprint: Mapped[str]
    acr: Mapped[str | None]
    auth_time: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class RefreshChain(Base):
    """The refresh tokens of one sign-in, each of which replaces the last.

    SHA-256 of the one that counts, and of the one before it, which may come once more.
    """

    __tablename__ = "refresh_chains"
    __table_args__ = ({"schema": SCHEMA},)

    chain_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.sessions.session_id"), index=True)
    current_hash: Mapped[bytes]
    previous_hash: Mapped[bytes | None]
    retried: Mapped[bool]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RedeemedCode(Base):
    """An authorization code that was redeemed, and the session that it gave; none where it came twice before that."""

    __tablename__ = "redeemed_codes"
    __table_args__ = ({"schema": SCHEMA},)

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(index=True)


class AssertionJti(Base):
    """A client assertion that was used: each counts once (RFC 7523 section 3). Kept until it has expired."""

    __tablename__ = "assertion_jtis"
    __table_args__ = ({"schema": SCHEMA},)

    client_id: Mapped[str] = mapped_column(ForeignKey(f"{SCHEMA}.oauth_clients.client_id"), primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
