"""Authorization codes and pushed requests: in Redis, used once, soon gone. That a code was used is in PostgreSQL."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Self
from uuid import UUID

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from redis import Redis
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wallet.access import shelf
from wallet.access.models import RedeemedCode

CODE_LIFETIME: Final = timedelta(seconds=60)
PUSHED_LIFETIME: Final = timedelta(seconds=90)
REQUEST_URI_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
# How long a code that comes a second time still ends the session that it gave.
REUSE_SEEN_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who signed in with MitID, by the link that the bank had to it then."""

    holder_id: UUID
    mitid_uuid: str
    acr: str
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """What an authorization code stands for."""

    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    thumbprint: str | None
    purpose: str | None
    signed_in: SignedIn
    expires_at: datetime

    @property
    def code_challenge_method(self) -> str:
        """S256: nothing else is let in."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Where it was sent."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What it is for."""
        return self.scope

    def to_json(self) -> dict[str, Any]:
        """As Redis keeps it: no secret, as PKCE and DPoP keep only hashes here."""
        return {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "code_challenge": self.code_challenge,
            "thumbprint": self.thumbprint,
            "purpose": self.purpose,
            "holder_id": str(self.signed_in.holder_id),
            "mitid_uuid": self.signed_in.mitid_uuid,
            "acr": self.signed_in.acr,
            "auth_time": self.signed_in.auth_time.timestamp(),
            "expires_at": self.expires_at.timestamp(),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """The same, read back."""
        auth_time = datetime.fromtimestamp(kept.pop("auth_time"), UTC)
        signed_in = SignedIn(UUID(kept.pop("holder_id")), kept.pop("mitid_uuid"), kept.pop("acr"), auth_time)
        return cls(**kept | {"expires_at": datetime.fromtimestamp(kept["expires_at"], UTC)}, signed_in=signed_in)


def keep(redis: Redis, text: str, code: Code) -> None:
    """Remember a code until it is redeemed, and for longer that it was ours."""
    shelf.put(redis, "code", text, code.to_json(), CODE_LIFETIME)
    shelf.put(redis, "code-issued", text, {}, REUSE_SEEN_FOR)


def take(redis: Redis, text: str, now: datetime) -> Code | None:
    """What a code stands for; once."""
    kept = shelf.take(redis, "code", text)
    code = Code.from_json(kept) if kept else None
    return code if code and now < code.expires_at else None


def was_issued(redis: Redis, text: str) -> bool:
    """Whether it is one of the last hour's, so that others cost nothing."""
    return shelf.look(redis, "code-issued", text) is not None


def redeem(session: Session, text: str, session_id: UUID, now: datetime) -> bool:
    """Note which session a code gave, in the transaction that starts it. False: it came again meanwhile."""
    return _note(session, text, session_id, now)


def spoil(session: Session, text: str, now: datetime) -> UUID | None:
    """A code came again (RFC 6749 section 4.1.2): the session that it gave, which must end.

    If it has given none yet, it never will: `redeem` finds our note. One of the two waits for the other's commit.
    """
    if _note(session, text, None, now):
        return None
    return session.scalar(select(RedeemedCode.session_id).where(RedeemedCode.code_hash == _hash(text)))


def _note(session: Session, text: str, session_id: UUID | None, now: datetime) -> bool:
    new = insert(RedeemedCode).values(code_hash=_hash(text), session_id=session_id, at=now).on_conflict_do_nothing()
    return session.scalar(new.returning(RedeemedCode.code_hash)) is not None


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def push(redis: Redis, parameters: dict[str, str], now: datetime) -> str:
    """Keep the parameters of an authorization request; the answer is its `request_uri` (RFC 9126)."""
    reference = secrets.token_urlsafe(32)
    kept = {"parameters": parameters, "expires_at": (now + PUSHED_LIFETIME).timestamp()}
    shelf.put(redis, "pushed", reference, kept, PUSHED_LIFETIME)
    return REQUEST_URI_PREFIX + reference


def pull(redis: Redis, request_uri: str, now: datetime) -> dict[str, str] | None:
    """The parameters that were pushed; once."""
    kept = shelf.take(redis, "pushed", request_uri.removeprefix(REQUEST_URI_PREFIX))
    if kept is None or now.timestamp() >= kept["expires_at"]:
        return None
    parameters: dict[str, str] = kept["parameters"]
    return parameters
