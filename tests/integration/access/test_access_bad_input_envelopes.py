"""Encrypted cards as nobody honest sends them: refused by name, at once, and nothing of them is shown or counted."""

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.integration.access.forging import Honest
from tests.world import World
from tokenization.models import CardEntryFailure, Credential, Token

# The most iterations that PBES2 could ask for: a minute of work, for whoever starts it.
ENDLESS = 2**31 - 1
ELSEWHERE = "https://evil.example/keys"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public(key: ECKey) -> dict[str, Any]:
    found: dict[str, Any] = key.as_dict(private=False)
    return found


def sealed(key: Any, plain: bytes, **header: Any) -> str:
    """An envelope to a key of whatever kind."""
    protected = {"enc": "A256GCM", **header}
    return jwe.encrypt_compact(protected, plain, key, algorithms=[protected["alg"], protected["enc"]])


def closed(ours: ECKey, plain: bytes, changes: dict[str, Any] | None = None) -> str:
    """An envelope to our key (RFC 7518 section 4.6.2), whose header says what it wants, and still opens."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    epk = ECKey.import_key(ephemeral.public_key()).as_dict(private=False)
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": ours.kid, "epk": epk, **(changes or {})}
    bent = {name: value for name, value in header.items() if value is not None}
    protected = base64url(json.dumps(bent).encode())
    shared = ephemeral.exchange(ec.ECDH(), ours.public_key)
    about = (7).to_bytes(4) + b"A256GCM" + bytes(4) + bytes(4) + (256).to_bytes(4)
    key = ConcatKDFHash(SHA256(), 32, about).derive(shared)
    sealed_text = AESGCM(key).encrypt(bytes(12), plain, protected.encode())
    return f"{protected}..{base64url(bytes(12))}.{base64url(sealed_text[:-16])}.{base64url(sealed_text[-16:])}"


def opened_by_a_header(changes: dict[str, Any]) -> Callable[[ECKey, bytes], str]:
    return lambda ours, plain: closed(ours, plain, changes)


def signed_instead(ours: ECKey, plain: bytes) -> str:
    return Honest({"alg": "ES256", "kid": ours.kid}, json.loads(plain), ECKey.generate_key("P-256")).text()


def compressed(ours: ECKey, plain: bytes) -> str:
    return closed(ours, zlib.compress(plain, wbits=-15), {"zip": "DEF"})


POINT_ON_NO_CURVE = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
STRANGER = ECKey.generate_key("P-256")
ENVELOPES: dict[str, Callable[[ECKey, bytes], str]] = {
    "alg none": opened_by_a_header({"alg": "none"}),
    "alg dir, by nothing": lambda ours, plain: sealed(OctKey.import_key(bytes(32)), plain, alg="dir", kid=ours.kid),
    "alg dir, by our public key": lambda ours, plain: sealed(
        OctKey.import_key(base64.urlsafe_b64decode(public(ours)["x"] + "=")), plain, alg="dir", kid=ours.kid
    ),
    "alg A256KW": lambda ours, plain: sealed(OctKey.import_key(bytes(32)), plain, alg="A256KW", kid=ours.kid),
    "alg RSA-OAEP": lambda ours, plain: sealed(RSAKey.generate_key(2048), plain, alg="RSA-OAEP", kid=ours.kid),
    "alg PBES2, endless": opened_by_a_header({"alg": "PBES2-HS256+A128KW", "p2s": "AAAAAAAAAAA", "p2c": ENDLESS}),
    "alg is a list": opened_by_a_header({"alg": ["ECDH-ES"]}),
    "no alg": opened_by_a_header({"alg": None}),
    "no enc": opened_by_a_header({"enc": None}),
    "enc of another kind": opened_by_a_header({"enc": "A128CBC-HS256"}),
    "compressed": compressed,
    "crit that nobody knows": opened_by_a_header({"crit": ["evil"], "evil": 1}),
    "kid leads to a file": opened_by_a_header({"kid": "../../../../../../dev/null"}),
    "kid is a list": opened_by_a_header({"kid": ["a"]}),
    "kid holds a zero byte": opened_by_a_header({"kid": "a\x00b"}),
    "to a key of their own, with jwk": lambda ours, plain: closed(
        STRANGER, plain, {"jwk": public(STRANGER), "kid": None}
    ),
    "to a key of their own, with jku": lambda ours, plain: closed(STRANGER, plain, {"jku": ELSEWHERE, "kid": ours.kid}),
    "to a key of their own, with x5u": lambda ours, plain: closed(STRANGER, plain, {"x5u": ELSEWHERE, "kid": ours.kid}),
    "no epk": opened_by_a_header({"epk": None}),
    "epk is a text": opened_by_a_header({"epk": "key"}),
    "epk is on no curve": opened_by_a_header({"epk": POINT_ON_NO_CURVE}),
    "epk is on another curve": opened_by_a_header({"epk": public(ECKey.generate_key("P-384"))}),
    "epk is a shared secret": opened_by_a_header({"epk": {"kty": "oct", "k": "AAAA"}}),
    "epk of another's": opened_by_a_header({"epk": public(STRANGER)}),
    "signed instead": signed_instead,
    "JSON instead of compact": lambda ours, plain: json.dumps({"ciphertext": closed(STRANGER, plain)}),
    "no header": lambda ours, plain: "." + closed(STRANGER, plain).partition(".")[2],
    "a header that is a list": lambda ours, plain: base64url(b"[]") + "....",
    "a header without end": lambda ours, plain: base64url(b"[" * 2000) + "....",
    "a tag cut short": lambda ours, plain: closed(ours, plain)[:-2],
}


def transport_key(world: World) -> ECKey:
    published = world.http.get("/oauth/jwks").json()["keys"]
    return ECKey.import_key(next(key for key in published if key.get("use") == "enc"))


def as_cardholder(world: World, envelope: str) -> httpx.Response:
    phone = world.phone().step_up("provision")
    return phone.request("POST", "/v1/tokens", {"encrypted_card": envelope, "device": phone.device()})


def as_merchant(world: World, envelope: str) -> httpx.Response:
    kept = {"encrypted_card": envelope, "agreement": "subscription", "reference": "customer-42"}
    return world.machine("merchant").request("POST", "/v1/merchant/credentials", kept)


@pytest.mark.parametrize("how", ENVELOPES)
def test_an_envelope_that_nobody_honest_closed_is_refused_by_name(world: World, how: str) -> None:
    card = world.person("anna")["card"]
    typed = {name: card[name] for name in ("number", "expiry", "cvc")}
    envelope = ENVELOPES[how](transport_key(world), json.dumps(typed).encode())
    for send in (as_cardholder, as_merchant):
        answer = send(world, envelope)
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == ["encrypted_card"]
        assert card["number"][6:12] not in answer.text
    with world.parts.database.reading() as session:
        assert [row for table in (CardEntryFailure, Credential, Token) for row in session.query(table)] == []


def test_an_honest_one_is_opened(world: World) -> None:
    card, ours = world.person("anna")["card"], transport_key(world)
    typed = {name: card[name] for name in ("number", "expiry", "cvc")}
    for send in (as_cardholder, as_merchant):
        assert send(world, closed(ours, json.dumps(typed).encode())).status_code == 201
