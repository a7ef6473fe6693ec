"""DPoP (RFC 9449): every request of a phone is signed with the phone's own key, so that a stolen token is of no use."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from flask import request
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from redis import Redis

from wallet.access import shelf
from wallet.access.public_keys import InvalidKey, public_key

SKEW: Final = timedelta(seconds=60)
ALGORITHM: Final = "ES256"
TYPE: Final = "dpop+jwt"
_HEADER: Final = frozenset({"typ", "alg", "jwk", "kid"})
_CHARACTERS_MAX: Final = 4096
_JTI_CHARACTERS_MAX: Final = 256
# A proof is good from 60 s before its iat to 60 s after: remembered a little longer than that.
_REMEMBERED: Final = 2 * SKEW + timedelta(seconds=5)


class InvalidProof(Exception):
    """The DPoP proof does not hold; the message says why."""


class _Headers(jws.JWSRegistry):
    """joserfc's default of 512 bytes is tight for a header that carries a key."""

    max_header_length = 2048
    max_payload_length = 2048


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. `thumbprint` is that of the key which signed it (RFC 7638)."""

    thumbprint: str
    jti: str


def presented() -> str | None:
    """The proof in this request's `DPoP` header, unchecked. Two of them come joined and are no JWS (section 4.3)."""
    return request.headers.get("DPoP")


def verify(text: str, *, method: str, origin: str, path: str, now: datetime, access_token: str | None = None) -> Proof:
    """Check a proof for a request to `origin` (`https://host`) and `path` (decoded). Raises InvalidProof.

    With an access token the proof must be made for it (`ath`). That it is used once only, `spend` holds.
    """
    if len(text) > _CHARACTERS_MAX:
        raise InvalidProof("the DPoP proof is too long")
    try:
        key = _key(jws.extract_compact(text.encode("ascii")).headers())
        payload = jws.deserialize_compact(text, key, registry=_Headers(algorithms=[ALGORITHM])).payload
        claims = json.loads(payload or b"")
    except (JoseError, InvalidKey, ValueError) as error:
        raise InvalidProof(f"the DPoP proof is not valid: {_reason(error)}") from error
    problem = _problem(claims, method, origin, path, now, access_token)
    if problem:
        raise InvalidProof(f"the DPoP proof is not valid: {problem}")
    return Proof(key.thumbprint(), claims["jti"])


def spend(redis: Redis, proof: Proof) -> bool:
    """Whether the proof was not used before (section 11.1). Raises RedisError: who cannot ask must not go on."""
    return shelf.claim(redis, "proof", f"{proof.thumbprint} {proof.jti}", _REMEMBERED)


def _key(header: Mapping[str, Any]) -> ECKey:
    """The key in the header: public (RFC 9449 section 4.2), or the proof proves nothing."""
    if header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
        raise InvalidKey(f"typ must be {TYPE} and alg {ALGORITHM}")
    if header.keys() - _HEADER:
        raise InvalidKey("only typ, alg, jwk and kid may stand in the header")
    return public_key(header.get("jwk"))


def _problem(
    claims: object, method: str, origin: str, path: str, now: datetime, access_token: str | None
) -> str | None:
    """What is wrong with a proof whose signature holds."""
    if not isinstance(claims, dict):
        return "it has no claims"
    checks = (
        (_is_jti(claims.get("jti")), "jti must be a text of 1 to 256 characters"),
        (claims.get("htm") == method, "htm is not the method of this request"),
        (_is_here(claims.get("htu"), origin, path), "htu is not the address of this request"),
        (_is_now(claims.get("iat"), now), "iat is more than 60 seconds away"),
        (access_token is None or claims.get("ath") == hash_of(access_token), "ath is not the hash of the access token"),
    )
    return next((problem for holds, problem in checks if not holds), None)


def hash_of(access_token: str) -> str:
    """The `ath` of an access token: base64url(SHA-256)."""
    return base64.urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=").decode()


def _is_jti(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _JTI_CHARACTERS_MAX


def _is_here(htu: object, origin: str, path: str) -> bool:
    """Compared with the configured origin, never with a `Host` header. Query and fragment don't belong in `htu`."""
    if not isinstance(htu, str) or "?" in htu or "#" in htu:
        return False
    try:
        parts = urlsplit(htu)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}".lower() == origin.lower() and unquote(parts.path) == path


def _is_now(iat: object, now: datetime) -> bool:
    if isinstance(iat, bool) or not isinstance(iat, int | float):
        return False
    return abs(now.timestamp() - iat) <= SKEW.total_seconds()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidKey) else "it is no JWS that its own key has signed"
