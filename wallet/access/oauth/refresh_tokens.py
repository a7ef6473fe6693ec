"""Refresh tokens: bound to the phone's key, each used once, in a chain per sign-in (RFC 9700 section 4.14).

A token names its chain and holds a secret; the chain knows the secret that counts now and the one before it. Whatever
else comes by that name was used earlier: so one row finds every reuse, however long a phone goes on.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid4

from joserfc.util import urlsafe_b64encode
from sqlalchemy import select
from sqlalchemy.orm import Session

from wallet.access import sessions
from wallet.access.models import AccessSession, RefreshChain

LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A session that goes on, and its next refresh token."""

    session: AccessSession
    refresh_token: str


def issue(session: Session, session_id: UUID, now: datetime) -> str:
    """The first refresh token of a new chain of that session."""
    chain = RefreshChain(chain_id=uuid4(), session_id=session_id, retried=False)  # not by time: nobody can name another
    session.add(chain)
    return _next(session, chain, now)


def rotate(session: Session, token: str, *, client_id: str, thumbprint: str, now: datetime) -> Rotated | None:
    """Use a refresh token; None if it isn't good for this client and key.

    A token that comes again ends the session: one of the two who had it is a thief. One retry is allowed, by the same
    key and while its successor is unused, as the phone may never have got the answer; the successor is then void.
    """
    found = _locked(session, token)
    if found is None:
        return None
    owner, chain = found
    if owner.client_id != client_id or owner.thumbprint != thumbprint or owner.ended_at or now >= chain.expires_at:
        return None
    if sessions.outlived_its_right(session, owner, now):
        return None  # and the session stands: with a right that is given more time its phone goes on
    if not _use(chain, token):
        sessions.end(session, owner.session_id, reason="refresh_reuse", now=now)
        return None
    return Rotated(owner, _next(session, chain, now))


def session_of(session: Session, token: str) -> AccessSession | None:
    """The session that a refresh token, used or not, belongs to."""
    owner = select(AccessSession).join(RefreshChain, RefreshChain.session_id == AccessSession.session_id)
    return session.scalar(owner.where(RefreshChain.chain_id == _chain_id(token)))


def _use(chain: RefreshChain, token: str) -> bool:
    """Whether the token counts now, or may be tried once more."""
    if hmac.compare_digest(chain.current_hash, _hash(token)):
        chain.previous_hash, chain.retried = chain.current_hash, False
        return True
    if chain.retried or not hmac.compare_digest(chain.previous_hash or b"", _hash(token)):
        return False
    chain.retried = True
    return True


def _next(session: Session, chain: RefreshChain, now: datetime) -> str:
    """The next token of a chain: 256 random bits, of which the hash is kept."""
    name = urlsafe_b64encode(chain.chain_id.bytes).decode()
    token = f"{name}.{secrets.token_urlsafe(32)}"
    chain.current_hash, chain.issued_at, chain.expires_at = _hash(token), now, now + LIFETIME
    session.flush()
    return token


def _locked(session: Session, token: str) -> tuple[AccessSession, RefreshChain] | None:
    """The session first, as its lock guards all its chains; then the chain, as it stands under that lock."""
    chain_id = _chain_id(token)
    session_id = session.scalar(select(RefreshChain.session_id).where(RefreshChain.chain_id == chain_id))
    if session_id is None:
        return None
    owner = session.get_one(AccessSession, session_id, with_for_update=True, populate_existing=True)
    chain = session.get(RefreshChain, chain_id, populate_existing=True)
    return (owner, chain) if chain else None


def _chain_id(token: str) -> UUID | None:
    """What a token says which chain it is of; None if it is no token of ours."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(token.partition(".")[0].encode("ascii") + b"=="))
    except ValueError:
        return None


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
