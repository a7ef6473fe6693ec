import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from wallet.access import dpop
from wallet.access.dpop import InvalidProof
from wallet.access.keys import native

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
KEY = ECKey.generate_key("P-256")
GOOD = dpop.Proof(KEY.thumbprint(), "once")
ORIGIN, PATH, TOKEN = "https://wallet.example", "/v1/me", "an-access-token"
OTHER_KEYS = (
    (ECKey.generate_key("P-384"), "ES384"),
    (OKPKey.generate_key("Ed25519"), "Ed25519"),
    (RSAKey.generate_key(2048), "RS256"),
)


def proof(key: Any = KEY, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {
        "jti": "once",
        "htm": "GET",
        "htu": ORIGIN + PATH,
        "iat": int(NOW.timestamp()),
        "ath": dpop.hash_of(TOKEN),
    }
    head = {"typ": "dpop+jwt", "alg": alg, "jwk": KEY.as_dict(private=False), **(header or {})}
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode({k: v for k, v in head.items() if v is not None}, kept, key, algorithms=[alg], default_type=None)


def signed(header: bytes, claims: bytes) -> str:
    """A JWS over any bytes whatever, signed with the key as ES256."""
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    r, s = decode_dss_signature(native(KEY).sign(text, ECDSA(SHA256())))
    signature = base64.urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).rstrip(b"=")
    return b".".join((text, signature)).decode()


def parts_of(text: str) -> tuple[bytes, bytes]:
    header, claims, _ = text.split(".")
    return base64.urlsafe_b64decode(header + "=="), base64.urlsafe_b64decode(claims + "==")


HEADER, CLAIMS = parts_of(proof())


def verify(text: str, **changes: Any) -> dpop.Proof:
    asked = {"method": "GET", "origin": ORIGIN, "path": PATH, "now": NOW, "access_token": TOKEN, **changes}
    return dpop.verify(text, **asked)


def test_a_proof_gives_the_thumbprint_of_its_key() -> None:
    assert verify(proof()) == GOOD


@pytest.mark.parametrize("htu", ["HTTPS://Wallet.Example/v1/me", f"{ORIGIN}:443{PATH}", f"{ORIGIN}/v1/%6de"])
def test_another_spelling_of_the_same_address_is_the_same(htu: str) -> None:
    """RFC 9449 section 4.3: normalised by RFC 3986 sections 6.2.2 and 6.2.3."""
    assert verify(proof(htu=htu)) == GOOD


def test_the_port_of_an_origin_counts() -> None:
    here = {"origin": "http://127.0.0.1:8080"}
    assert verify(proof(htu=f"http://127.0.0.1:8080{PATH}"), **here) == GOOD
    for elsewhere in ("http://127.0.0.1", "http://127.0.0.1:80", "http://127.0.0.1:0", "http://localhost:8080"):
        with pytest.raises(InvalidProof, match="htu"):
            verify(proof(htu=elsewhere + PATH), **here)


def test_a_key_may_tell_about_itself_in_a_header_longer_than_most() -> None:
    public = {**KEY.as_dict(private=False), "kid": "k" * 300, "use": "sig", "alg": "ES256", "ext": True}
    assert verify(proof(header={"jwk": public, "kid": "any"})) == GOOD


def test_a_nonce_is_handed_on_for_whoever_asked_for_one() -> None:
    assert verify(proof(nonce="given")) == dpop.Proof(KEY.thumbprint(), "once", "given")
    assert verify(proof(nonce=7)).nonce is None


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_minute_either_way_is_now(seconds: int) -> None:
    assert verify(proof(iat=int(NOW.timestamp()) + seconds)) == GOOD


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "POST"},
        {"htm": "get"},
        {"htm": None},
        {"htu": f"{ORIGIN}{PATH}?limit=1"},
        {"htu": f"{ORIGIN}{PATH}#part"},
        {"htu": f"https://evil.example{PATH}"},
        {"htu": f"https://wallet.example.evil.example{PATH}"},
        {"htu": f"https://wallet.example@evil.example{PATH}"},
        {"htu": f"http://wallet.example{PATH}"},
        {"htu": f"https://wallet.example@wallet.example{PATH}"},
        {"htu": f"{ORIGIN}:80{PATH}"},
        {"htu": f"{ORIGIN}:99999{PATH}"},
        {"htu": f"{ORIGIN}/v1/me/"},
        {"htu": f"{ORIGIN}/v1//me"},
        {"htu": f"{ORIGIN}/V1/me"},
        {"htu": f"{ORIGIN}/v1/%256de"},
        {"htu": f"{ORIGIN}/v1/m\ne"},
        {"htu": f" {ORIGIN}{PATH}"},
        {"htu": f"https://\uff57allet.example{PATH}"},
        {"htu": [ORIGIN + PATH]},
        {"htu": "https://[broken"},
        {"htu": PATH},
        {"htu": None},
        {"iat": int(NOW.timestamp()) - 61},
        {"iat": int(NOW.timestamp()) + 61},
        {"iat": str(int(NOW.timestamp()))},
        {"iat": True},
        {"iat": float("nan")},
        {"iat": float("inf")},
        {"iat": 10**400},
        {"iat": -(10**400)},
        {"iat": [int(NOW.timestamp())]},
        {"iat": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 257},
        {"jti": "zero\x00byte"},
        {"jti": None},
        {"ath": "other"},
        {"ath": None},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"jwk": None}},
        {"header": {"jwk": {}}},
        {"header": {"jwk": KEY.as_dict(private=True)}},
        {"header": {"jwk": {**KEY.as_dict(private=False), "x5u": "https://evil.example"}}},
        {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
        {"header": {"jwk": {**KEY.as_dict(private=False), "x5c": ["MIIB"]}}},
        {"header": {"jwk": {**KEY.as_dict(private=False), "kty": "oct", "k": "c2VjcmV0"}}},
        {"header": {"jku": "https://evil.example"}},
        {"header": {"x5c": ["MIIB"]}},
        {"header": {"crit": ["b64"], "b64": False}},
        {"header": {"kid": "x" * 5000}},
    ],
)
def test_a_proof_bent_in_one_place_does_not_hold(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidProof):
        verify(proof(**changes))


@pytest.mark.parametrize(("key", "alg"), OTHER_KEYS)
def test_another_kind_of_key_does_not_hold(key: Any, alg: str) -> None:
    with pytest.raises(InvalidProof):
        verify(proof(key, alg, header={"jwk": key.as_dict(private=False)}))


def test_a_shared_secret_proves_nothing() -> None:
    secret = OctKey.generate_key(256)
    with pytest.raises(InvalidProof):
        verify(proof(secret, "HS256", header={"jwk": secret.as_dict(private=True)}))


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "æ.ø.å", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "x" * 5000])
def test_nonsense_does_not_hold(text: str) -> None:
    with pytest.raises(InvalidProof):
        verify(text)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 300,
        b'["alg"]',
        b'"alg"',
        b"7",
        b"null",
        HEADER.replace(b"{", b'{"crit":["exp"],"exp":1,', 1),
        HEADER.replace(b"{", b'{"b64":true,', 1),
        HEADER.replace(b'"jwk":{', b'"jwk":[{').replace(b"}}", b"}]}"),
        HEADER.replace(b"{", b'{"alg":"none",', 1),
        HEADER.replace(b'"kty"', b'"kty":"RSA","kty"'),
    ],
    ids=["deep", "list", "text", "number", "null", "crit", "b64", "list of keys", "alg twice", "kty twice"],
)
def test_a_header_that_is_no_object_says_too_much_or_something_twice_does_not_hold(header: bytes) -> None:
    with pytest.raises(InvalidProof):
        verify(signed(header, CLAIMS))


@pytest.mark.parametrize(
    "claims",
    [
        b"[" * 1500,
        b'{"x":' * 300 + b"1" + b"}" * 300,
        b"[]",
        b"null",
        b"",
        CLAIMS.replace(b"{", b'{"htm":"POST",', 1),
        CLAIMS.replace(b"{", b'{"x":1e999,', 1),
        CLAIMS.replace(b"once", b"\xff"),
        CLAIMS.replace(b"once", rb"\ud800"),
    ],
    ids=["deep", "deep object", "list", "null", "nothing", "htm twice", "endless", "no UTF-8", "half a character"],
)
def test_claims_that_are_no_object_or_say_something_twice_do_not_hold(claims: bytes) -> None:
    with pytest.raises(InvalidProof):
        verify(signed(HEADER, claims))


def test_the_bytes_that_these_are_bent_from_hold() -> None:
    assert verify(signed(HEADER, CLAIMS)) == GOOD
    assert json.loads(CLAIMS)["jti"] == "once"


def test_a_proof_whose_claims_were_cut_out_does_not_hold() -> None:
    """A detached payload, RFC 7515 appendix F."""
    header, _, signature = proof().split(".")
    with pytest.raises(InvalidProof):
        verify(f"{header}..{signature}")


def test_two_proofs_joined_as_wsgi_joins_headers_do_not_hold() -> None:
    with pytest.raises(InvalidProof):
        verify(f"{proof()},{proof()}")


def test_a_proof_without_a_token_needs_no_hash_of_one() -> None:
    assert verify(proof(ath=None), access_token=None) == GOOD


def test_the_hash_of_an_access_token_is_that_of_rfc_9449() -> None:
    """RFC 9449 section 7.1, its example."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert dpop.hash_of(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_a_refusal_names_what_was_wrong() -> None:
    with pytest.raises(InvalidProof, match="htm is not the method"):
        verify(proof(htm="POST"))
    with pytest.raises(InvalidProof, match="private or secret key"):
        verify(proof(header={"jwk": KEY.as_dict(private=True)}))
