"""Access tokens: JWTs after RFC 9068, signed ES256, good for five minutes, understood by this service alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from tokenization import ids
from tokenization.clock import Clock
from wallet.access.keys import AccessKeys, native

LIFETIME: Final = timedelta(minutes=5)
TYPE: Final = "at+jwt"
ALGORITHM: Final = "ES256"
_CHARACTERS_MAX: Final = 4096
_SKEW: Final = timedelta(seconds=60)
KEPT_MAX: Final = 4096
_REQUIRED: Final = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"]
# PyJWT would compare with the machine's clock; `_check_time` compares with ours.
_OPTIONS: Final[Any] = {
    "require": _REQUIRED,
    "strict_aud": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class InvalidToken(Exception):
    """The access token is not one of ours, or not any more; the message says why and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token says. `thumbprint` is the key that it is bound to; `purpose` what a step-up was for."""

    client_id: str
    scope: str
    subject: str
    session_id: UUID | None = None
    thumbprint: str | None = None
    acr: str | None = None
    auth_time: datetime | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was read and holds."""

    grant: Grant
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token whose signature held, and the key that it was verified with."""

    token: AccessToken
    issued_at: datetime
    kid: str


class AccessTokens:
    """Makes and reads the access tokens of one issuer, which is their audience too.

    A machine sends one token for five minutes, thousands of times, and to verify it takes as long as all else at the
    edge: so those that held are remembered, by a hash. What time and retired keys end is looked at each time.
    """

    def __init__(self, keys: AccessKeys, issuer: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._kept: dict[bytes, _Verified] = {}

    def issue(self, grant: Grant) -> str:
        """A signed token."""
        now = self._clock.now()
        registered = {"iss": self._issuer, "aud": self._issuer, "iat": _seconds(now), "exp": _seconds(now + LIFETIME)}
        claims = {**registered, "jti": ids.new_id().hex, **_claims(grant)}
        key = self._keys.access_token
        return jwt.encode(claims, native(key), algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key.kid})

    def read(self, text: str) -> AccessToken:
        """What a token says. Raises InvalidToken."""
        if len(text) > _CHARACTERS_MAX:
            raise InvalidToken("the access token is too long")
        name = sha256(text.encode(errors="surrogatepass")).digest()
        known = self._kept.get(name)
        if known is not None:
            self._verifier(known.kid)
            _check_time(known, self._clock.now())
            return known.token
        try:
            verified = self._verified(text)
        except (jwt.InvalidTokenError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InvalidToken("the access token is not valid") from error
        _check_time(verified, self._clock.now())
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[name] = verified
        return verified.token

    def _verified(self, text: str) -> _Verified:
        kid = _checked_kid(jwt.get_unverified_header(text))
        claims = jwt.decode(
            text,
            self._verifier(kid),
            algorithms=[ALGORITHM],
            audience=self._issuer,
            issuer=self._issuer,
            options=_OPTIONS,
        )
        issued_at, expires_at = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        return _Verified(AccessToken(_grant(claims), expires_at), issued_at, kid)

    def _verifier(self, kid: str) -> EllipticCurvePublicKey:
        key = self._keys.access_token_verifier(kid)
        if key is None:
            raise InvalidToken("the access token was signed with a key that is not ours")
        return key


def _checked_kid(header: Mapping[str, Any]) -> str:
    """PyJWT never looks at `typ`. A header with more than we write (`jwk`, `jku`, `x5u`, `crit`) isn't ours."""
    if header.keys() != {"typ", "alg", "kid"} or header["typ"] != TYPE or header["alg"] != ALGORITHM:
        raise InvalidToken("this is not an access token")
    return str(header["kid"])


def _check_time(verified: _Verified, now: datetime) -> None:
    if now >= verified.token.expires_at:
        raise InvalidToken("the access token has expired")
    if verified.issued_at > now + _SKEW:
        raise InvalidToken("the access token is from the future")


def _claims(grant: Grant) -> dict[str, Any]:
    claims = {
        "sub": grant.subject,
        "client_id": grant.client_id,
        "scope": grant.scope,
        "sid": grant.session_id and ids.to_text("sess", grant.session_id),
        "acr": grant.acr,
        "auth_time": grant.auth_time and _seconds(grant.auth_time),
        "cnf": grant.thumbprint and {"jkt": grant.thumbprint},
        "purpose": grant.purpose,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _grant(claims: Mapping[str, Any]) -> Grant:
    session, auth_time, confirmation = claims.get("sid"), claims.get("auth_time"), claims.get("cnf")
    return Grant(
        client_id=claims["client_id"],
        scope=claims["scope"],
        subject=claims["sub"],
        session_id=ids.parse("sess", session) if session else None,
        thumbprint=confirmation["jkt"] if confirmation is not None else None,
        acr=claims.get("acr"),
        auth_time=datetime.fromtimestamp(auth_time, UTC) if auth_time else None,
        purpose=claims.get("purpose"),
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
