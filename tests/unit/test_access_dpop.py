from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from wallet.access import dpop
from wallet.access.dpop import InvalidProof

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


def verify(text: str, **changes: Any) -> dpop.Proof:
    asked = {"method": "GET", "origin": ORIGIN, "path": PATH, "now": NOW, "access_token": TOKEN, **changes}
    return dpop.verify(text, **asked)


def test_a_proof_gives_the_thumbprint_of_its_key() -> None:
    assert verify(proof()) == GOOD


def test_scheme_and_host_are_compared_without_case_and_the_path_decoded() -> None:
    assert verify(proof(htu="HTTPS://Wallet.Example/v1/%6de")) == GOOD


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
        {"htu": f"{ORIGIN}:443{PATH}"},
        {"htu": f"{ORIGIN}/v1/me/"},
        {"htu": "https://[broken"},
        {"htu": PATH},
        {"htu": None},
        {"iat": int(NOW.timestamp()) - 61},
        {"iat": int(NOW.timestamp()) + 61},
        {"iat": str(int(NOW.timestamp()))},
        {"iat": True},
        {"iat": float("nan")},
        {"iat": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 257},
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
        {"header": {"jku": "https://evil.example"}},
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
