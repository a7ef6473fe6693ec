"""Refresh tokens: bound to the phone's key, each used once, in a chain per sign-in (RFC 9700 section 4.14)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from wallet.access import sessions
from wallet.access.models import AccessSession, RefreshToken

LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A session that goes on, and its next refresh token."""

    session: AccessSession
    refresh_token: str


def issue(session: Session, session_id: UUID, now: datetime) -> str:
    """A new refresh token of a session: 256 random bits, of which the hash is kept."""
    token = secrets.token_urlsafe(32)
    lifetime = {"created_at": now, "expires_at": now + LIFETIME}
    session.add(RefreshToken(token_hash=_hash(token), session_id=session_id, **lifetime))
    session.flush()
    return token


def rotate(session: Session, token: str, *, client_id: str, thumbprint: str, now: datetime) -> Rotated | None:
    """Use a refresh token; None if it isn't good for this client and key.

    A token that comes again ends the session: one of the two who had it is a thief. One retry is allowed, by the same
    key and while its successor is unused, as the phone may never have got the answer; the successor is then void.
    """
    found = _locked(session, token)
    if found is None:
        return None
    owner, link = found
    if owner.client_id != client_id or owner.thumbprint != thumbprint or owner.ended_at or now >= link.expires_at:
        return None
    if sessions.outlived_its_right(session, owner, now):
        sessions.end(session, owner.session_id, reason="right_ended", now=now)
        return None
    if link.used_at is None:
        link.used_at = now
    elif _is_retry(session, link):
        link.retried_at = now
        _void(session, link.replaced_by, now)
    else:
        sessions.end(session, owner.session_id, reason="refresh_reuse", now=now)
        return None
    successor = issue(session, owner.session_id, now)
    link.replaced_by = _hash(successor)
    return Rotated(owner, successor)


def session_of(session: Session, token: str) -> AccessSession | None:
    """The session that a refresh token, used or not, belongs to."""
    owner = select(AccessSession).join(RefreshToken, RefreshToken.session_id == AccessSession.session_id)
    return session.scalar(owner.where(RefreshToken.token_hash == _hash(token)))


def _locked(session: Session, token: str) -> tuple[AccessSession, RefreshToken] | None:
    """The session first, as its lock guards the whole chain; then the token, as it stands under that lock."""
    session_id = session.scalar(select(RefreshToken.session_id).where(RefreshToken.token_hash == _hash(token)))
    if session_id is None:
        return None
    owner = session.get_one(AccessSession, session_id, with_for_update=True, populate_existing=True)
    return owner, session.get_one(RefreshToken, _hash(token), populate_existing=True)


def _is_retry(session: Session, link: RefreshToken) -> bool:
    if link.retried_at is not None or link.replaced_by is None:
        return False
    return session.get_one(RefreshToken, link.replaced_by, populate_existing=True).used_at is None


def _void(session: Session, token_hash: bytes | None, now: datetime) -> None:
    """A successor that nobody got: used, and retried too, so that whoever comes with it ends the session."""
    lost = session.get_one(RefreshToken, token_hash)
    lost.used_at = lost.retried_at = now


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
