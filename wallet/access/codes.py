"""Authorization codes and pushed requests: in Redis, used once, soon gone."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from redis import Redis

from wallet.access import shelf

CODE_LIFETIME: Final = timedelta(seconds=60)
PUSHED_LIFETIME: Final = timedelta(seconds=90)
REQUEST_URI_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
# How long a code that comes a second time still ends the session that it gave.
_REUSE_SEEN_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who signed in with MitID."""

    holder_id: UUID
    acr: str
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """What an authorization code stands for. `session_id` is the session that it will give."""

    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    thumbprint: str | None
    purpose: str | None
    signed_in: SignedIn
    session_id: UUID
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
            "acr": self.signed_in.acr,
            "auth_time": self.signed_in.auth_time.timestamp(),
            "session_id": str(self.session_id),
            "expires_at": self.expires_at.timestamp(),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """The same, read back."""
        auth_time = datetime.fromtimestamp(kept.pop("auth_time"), UTC)
        signed_in = SignedIn(UUID(kept.pop("holder_id")), kept.pop("acr"), auth_time)
        session_id, expires_at = UUID(kept.pop("session_id")), datetime.fromtimestamp(kept.pop("expires_at"), UTC)
        return cls(**kept, signed_in=signed_in, session_id=session_id, expires_at=expires_at)


def keep(redis: Redis, text: str, code: Code) -> None:
    """Remember a code until it is redeemed, and which session it gives for longer."""
    shelf.put(redis, "code", text, code.to_json(), CODE_LIFETIME)
    shelf.put(redis, "code-session", text, {"session_id": str(code.session_id)}, _REUSE_SEEN_FOR)


def redeem(redis: Redis, text: str, now: datetime) -> Code | UUID | None:
    """A code, once; the second time the session that it gave, which must end (RFC 6749 section 4.1.2)."""
    kept = shelf.take(redis, "code", text)
    if kept is None:
        used = shelf.look(redis, "code-session", text)
        return UUID(used["session_id"]) if used else None
    code = Code.from_json(kept)
    return code if now < code.expires_at else None


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
