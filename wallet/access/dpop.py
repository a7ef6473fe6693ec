"""DPoP (RFC 9449): every request of a phone is signed with the phone's own key, so that a stolen token is of no use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from flask import Response, g, request
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from redis import Redis

from wallet import strict_json
from wallet.access import shelf
from wallet.access.nonces import Nonces
from wallet.access.public_keys import InvalidKey, public_key
from wallet.services import services

SKEW: Final = timedelta(seconds=60)
ALGORITHM: Final = "ES256"
TYPE: Final = "dpop+jwt"
_HEADER: Final = frozenset({"typ", "alg", "jwk", "kid"})
_CHARACTERS_MAX: Final = 4096
_JTI_CHARACTERS_MAX: Final = 256
_ADDRESS: Final = re.compile(r"[!-~]+", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}
# A proof is good from 60 s before its iat to 60 s after: remembered a little longer than that.
_REMEMBERED: Final = 2 * SKEW + timedelta(seconds=5)


class InvalidProof(Exception):
    """The DPoP proof does not hold; the message says why. `error` is what RFC 9449 calls it."""

    error = "invalid_dpop_proof"


class NonceNeeded(InvalidProof):
    """The DPoP proof lacks nothing but a nonce of ours that is not too old (sections 8 and 9)."""

    error = "use_dpop_nonce"


class _Headers(jws.JWSRegistry):
    """joserfc's default of 512 bytes is tight for a header that carries a key."""

    max_header_length = 2048
    max_payload_length = 2048


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. `thumbprint` is that of the key which signed it (RFC 7638); `nonce` is not checked yet."""

    thumbprint: str
    jti: str
    nonce: str | None = None


def of_request(access_token: str | None = None) -> Proof | None:
    """The proof in this request's `DPoP` header, checked but not spent; None without one. Raises InvalidProof.

    Two headers come joined and are no JWS (section 4.3). Where the bank wants nonces, whoever sends a proof that holds
    is told the current one, whatever the answer is (section 8.2).
    """
    text = request.headers.get("DPoP")
    if text is None:
        return None
    settings, now = services().settings, services().clock.now()
    here = {"method": request.method, "origin": settings.public_url, "path": request.path}
    proof = verify(text, **here, now=now, access_token=access_token)
    if settings.dpop_nonce_required:
        nonces = Nonces(services().vault.ring)
        g.dpop_nonce = nonces.current(now)
        if not nonces.is_good(proof.nonce, now):
            raise NonceNeeded("the DPoP proof must carry the nonce that stands in DPoP-Nonce")
    return proof


def tell_nonce(response: Response) -> Response:
    """For `after_request`: the current nonce, to whoever `of_request` found worth it."""
    if "dpop_nonce" in g:
        response.headers["DPoP-Nonce"] = g.dpop_nonce
    return response


def verify(text: str, *, method: str, origin: str, path: str, now: datetime, access_token: str | None = None) -> Proof:
    """Check a proof for a request to `origin` (`https://host`) and `path` (decoded). Raises InvalidProof.

    With an access token the proof must be made for it (`ath`). That it is used once only, `spend` holds.
    """
    if len(text) > _CHARACTERS_MAX:
        raise InvalidProof("the DPoP proof is too long")
    try:
        header, claims = _parts(text)
        key = _key(header)
        jws.deserialize_compact(text, key, registry=_Headers(algorithms=[ALGORITHM]))
    except (JoseError, ValueError) as error:
        raise InvalidProof(f"the DPoP proof is not valid: {_reason(error)}") from error
    problem = _problem(claims, method, origin, path, now, access_token)
    if problem:
        raise InvalidProof(f"the DPoP proof is not valid: {problem}")
    nonce = claims.get("nonce")
    return Proof(key.thumbprint(), claims["jti"], nonce if isinstance(nonce, str) else None)


def spend(redis: Redis, proof: Proof) -> bool:
    """Whether the proof was not used before (section 11.1). Raises RedisError: who cannot ask must not go on."""
    return shelf.claim(redis, "proof", f"{proof.thumbprint} {proof.jti}", _REMEMBERED)


def _parts(text: str) -> tuple[Any, Any]:
    """Header and claims, each member once (RFC 7515 section 4, RFC 7519 section 4). Raises ValueError."""
    header, claims, _ = text.encode("ascii").split(b".")
    return strict_json.parsed(urlsafe_b64decode(header)), strict_json.parsed(urlsafe_b64decode(claims))


def _key(header: object) -> ECKey:
    """The key in the header: public (RFC 9449 section 4.2), or the proof proves nothing."""
    if not isinstance(header, Mapping) or header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
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
        (_is_jti(claims.get("jti")), "jti must be 1 to 256 printable characters"),
        (claims.get("htm") == method, "htm is not the method of this request"),
        (_is_here(claims.get("htu"), origin, path), "htu is not the address of this request"),
        (_is_now(claims.get("iat"), now), "iat is more than 60 seconds away"),
        (access_token is None or claims.get("ath") == hash_of(access_token), "ath is not the hash of the access token"),
    )
    return next((problem for holds, problem in checks if not holds), None)


def hash_of(access_token: str) -> str:
    """The `ath` of an access token: base64url(SHA-256)."""
    return urlsafe_b64encode(sha256(access_token.encode()).digest()).decode()


def _is_jti(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _JTI_CHARACTERS_MAX and value.isprintable()


def _is_here(htu: object, origin: str, path: str) -> bool:
    """Compared with the configured origin, never with a `Host` header. Query and fragment don't belong in `htu`."""
    if not isinstance(htu, str) or not _ADDRESS.fullmatch(htu) or set(htu) & set("?#@"):
        return False
    try:
        parts = urlsplit(htu)
        return _origin(parts) == _origin(urlsplit(origin)) and unquote(parts.path) == path
    except ValueError:
        return False


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, however they are spelt (RFC 3986 sections 6.2.2 and 6.2.3). Raises ValueError."""
    return parts.scheme, parts.hostname, _PORTS.get(parts.scheme) if parts.port is None else parts.port


def _is_now(iat: object, now: datetime) -> bool:
    """Compared without arithmetic: a number may be too large for it."""
    if isinstance(iat, bool) or not isinstance(iat, int | float):
        return False
    return (now - SKEW).timestamp() <= iat <= (now + SKEW).timestamp()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidKey) else "it is no JWS that its own key has signed"
