"""Keys that others send us as JWK: public, on P-256, written the one way that RFC 7518 section 6.2 allows."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from joserfc.jwk import ECKey

# Members that tell about a key without being one. Private members are named, so that the error can be.
_ABOUT: Final = frozenset({"kid", "use", "alg", "key_ops", "ext"})
_PUBLIC: Final = frozenset({"kty", "crv", "x", "y"})
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class InvalidKey(ValueError):
    """The JWK is not a public P-256 key; the message says why and shows nothing of it."""


def public_key(jwk: object) -> ECKey:
    """A JWK -> its key, with the members kty, crv, x and y only. Raises InvalidKey."""
    if not isinstance(jwk, dict):
        raise InvalidKey("a key is a JSON object (JWK)")
    problem = _problem(jwk)
    if problem:
        raise InvalidKey(problem)
    try:
        return ECKey.import_key({name: jwk[name] for name in sorted(_PUBLIC)})
    except ValueError as error:
        raise InvalidKey("the point is not on the curve") from error


def _problem(jwk: Mapping[str, Any]) -> str | None:
    if PRIVATE & jwk.keys():
        return "this is a private or secret key: send the public one, and make a new one, as this one is known now"
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        return "kty must be EC and crv P-256"
    if jwk.keys() - _PUBLIC - _ABOUT:
        return "only kty, crv, x, y, kid, use, alg, key_ops and ext may stand in it"
    if not (_is_coordinate(jwk.get("x")) and _is_coordinate(jwk.get("y"))):
        return "x and y must be 32 bytes in base64url"
    return None


def _is_coordinate(text: object) -> bool:
    """32 bytes in base64url, with no bits to spare: a second spelling of a key would have another thumbprint."""
    if not isinstance(text, str) or not _COORDINATE.fullmatch(text):
        return False
    value = base64.urlsafe_b64decode(text + "=")
    return base64.urlsafe_b64encode(value).decode() == text + "="
