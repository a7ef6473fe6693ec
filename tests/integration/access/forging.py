"""Signed tokens as nobody honest writes them: each takes one that holds, and bends one thing."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from joserfc.jwk import ECKey, RSAKey

ELSEWHERE: Final = "https://evil.example/keys"
_STRANGER: Final = ECKey.generate_key("P-256", auto_kid=True)
_P384: Final = ECKey.generate_key("P-384")
_RSA: Final = RSAKey.generate_key(2048)


@dataclass(frozen=True)
class Honest:
    """A token that holds: what it says, and the key that signs it."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: ECKey

    def text(self) -> str:
        """As it is sent."""
        return compact(self.header, self.claims, es256(self.key))

    def bent(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """With other members, or without those that are None; signed all the same."""
        return replace(self, header=_with(self.header, header or {}), claims=_with(self.claims, claims)).text()


Sign = Callable[[bytes], bytes]
Forgery = Callable[[Honest], str]


def es256(key: ECKey) -> Sign:
    """How a key signs."""

    def sign(message: bytes) -> bytes:
        assert isinstance(key.private_key, EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.private_key.sign(message, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    return sign


def compact(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, sign: Sign) -> str:
    """A JWS of anything whatever."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    message = ".".join(_base64url(part) for part in parts)
    return f"{message}.{_base64url(sign(message.encode()))}"


def _with(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _as(algorithm: str, sign: Callable[[Honest], Sign], **header: Any) -> Forgery:
    changes = {"alg": algorithm, **header}
    return lambda honest: compact(_with(honest.header, changes), honest.claims, sign(honest))


def _by_stranger(**header: Any) -> Forgery:
    return _as("ES256", lambda _: es256(_STRANGER), **header)


def _hs256(secret: Callable[[ECKey], bytes]) -> Callable[[Honest], Sign]:
    return lambda honest: lambda message: hmac.digest(secret(honest.key), message, "sha256")


def _nothing(_: Honest) -> Sign:
    return lambda _: b""


def _public(key: ECKey) -> dict[str, Any]:
    found: dict[str, Any] = key.as_dict(private=False)
    return found


def _rs256(_: Honest) -> Sign:
    key = _RSA.private_key
    assert isinstance(key, RSAPrivateKey)
    return lambda message: key.sign(message, padding.PKCS1v15(), SHA256())


def _es384(_: Honest) -> Sign:
    def sign(message: bytes) -> bytes:
        assert isinstance(_P384.private_key, EllipticCurvePrivateKey)
        r, s = decode_dss_signature(_P384.private_key.sign(message, ECDSA(SHA384())))
        return r.to_bytes(48) + s.to_bytes(48)

    return sign


def _der(honest: Honest) -> Sign:
    key = honest.key.private_key
    assert isinstance(key, EllipticCurvePrivateKey)
    return lambda message: key.sign(message, ECDSA(SHA256()))


def _twice(honest: Honest) -> str:
    """A header whose `alg` stands there twice: which of them counts must not matter."""
    header = json.dumps(honest.header)
    return compact(f'{header[:-1]}, "alg": "none"}}'.encode(), honest.claims, lambda _: b"")


def _as_json(honest: Honest) -> str:
    protected, payload, signature = honest.text().split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def _changed_claims(honest: Honest) -> str:
    """Other claims under a signature that held."""
    head, _, signature = honest.text().split(".")
    return f"{head}.{_base64url(json.dumps({**honest.claims, 'jti': 'another'}).encode())}.{signature}"


# What no place takes, whatever it is that is signed there.
FORGERIES: Final[dict[str, Forgery]] = {
    "alg none": _as("none", _nothing),
    "alg NONE": _as("NONE", _nothing),
    "alg none, with the signature that held": lambda honest: honest.bent({"alg": "none"}),
    "no signature": _as("ES256", _nothing),
    "a signature of zeros": _as("ES256", lambda _: lambda _: bytes(64)),
    "a signature in DER": _as("ES256", _der),
    "other claims under the signature": _changed_claims,
    "HS256 by our public key as PEM": _as("HS256", _hs256(lambda key: key.as_bytes("PEM", private=False))),
    "HS256 by our public key as JWK": _as("HS256", _hs256(lambda key: json.dumps(_public(key)).encode())),
    "HS256 by nothing": _as("HS256", _hs256(lambda _: b"")),
    "RS256 by a key of their own": _as("RS256", _rs256),
    "ES384 by a key of their own": _as("ES384", _es384),
    "ES256 by a key of their own": _by_stranger(),
    "alg is no text": lambda honest: honest.bent({"alg": ["ES256"]}),
    "no alg": lambda honest: honest.bent({"alg": None}),
    "kid leads to an empty file": _as("HS256", _hs256(lambda _: b""), kid="../../../../../../dev/null"),
    "kid leads elsewhere": _by_stranger(kid=ELSEWHERE),
    "kid is SQL": _as("HS256", _hs256(lambda _: b"x"), kid="nothing' UNION SELECT 'x"),
    "kid holds a zero byte": _by_stranger(kid="a\x00b"),
    "kid is half a character": _by_stranger(kid="\ud800"),
    "kid is a list": _by_stranger(kid=["a"]),
    "kid of their own": _by_stranger(kid=_STRANGER.kid),
    "jwk of their own": _by_stranger(jwk=_public(_STRANGER), kid=None),
    "jku of their own": _by_stranger(jku=ELSEWHERE, kid=_STRANGER.kid),
    "x5u of their own": _by_stranger(x5u=ELSEWHERE),
    "x5c of their own": _by_stranger(x5c=["MIIB"]),
    "crit that nobody knows": lambda honest: honest.bent({"crit": ["evil"], "evil": 1}),
    "a payload that is not encoded": lambda honest: honest.bent({"crit": ["b64"], "b64": False}),
    "alg twice": _twice,
    "JSON instead of compact": _as_json,
    "a header that is a list": lambda honest: compact(b"[]", honest.claims, es256(honest.key)),
    "a header that is no JSON": lambda honest: compact(b"{", honest.claims, es256(honest.key)),
    "claims that are a list": lambda honest: compact(honest.header, b"[]", es256(honest.key)),
    "claims that are no JSON": lambda honest: compact(honest.header, b"{", es256(honest.key)),
    "claims without end": lambda honest: compact(honest.header, b"[" * 1500, es256(honest.key)),
    "claims of another encoding": lambda honest: compact(honest.header, b"\xff\xfe{\x00}\x00", es256(honest.key)),
    "too long": lambda honest: honest.bent(more="x" * 20_000),
    "a header too long": lambda honest: honest.bent({"more": "x" * 20_000}),
    "five parts": lambda honest: honest.text() + "..",
    "two parts": lambda honest: honest.text().rpartition(".")[0],
    "dots": lambda _: "..",
    "no base64": lambda _: "!.!.!",
}
