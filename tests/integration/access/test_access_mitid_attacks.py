"""ID tokens that somebody made up, and keys that no broker should have (RFC 8725, RFC 9700)."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from tests.integration.access.acting import ANNA
from tests.integration.access.lying import ISSUER, LyingBroker, begin, connected, who
from tokenization.clock import SetClock
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import SignInFailed

Forge = Callable[[LyingBroker], str]
ATTACKER = ECKey.generate_key("P-256", auto_kid=True)


@pytest.fixture
def broker(lying: LyingBroker) -> Iterator[Broker]:
    broker = connected(lying)
    begin(broker, lying)
    yield broker
    broker.close()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: Any, payload: bytes, signature: bytes = b"") -> str:
    return ".".join(map(base64url, (json.dumps(header).encode(), payload, signature)))


def without_algorithm(lying: LyingBroker) -> str:
    return unsigned({"alg": "none"}, json.dumps(lying.said()).encode())


def with_the_public_key_as_secret(lying: LyingBroker) -> str:
    text = unsigned({"alg": "HS256", "kid": lying.key.kid}, json.dumps(lying.said()).encode()).rstrip(".")
    return f"{text}.{base64url(hmac.digest(lying.key.as_pem(private=False), text.encode(), 'sha256'))}"


def with_a_key_of_its_own(lying: LyingBroker) -> str:
    header = {"alg": "ES256", "kid": lying.key.kid, "jwk": ATTACKER.as_dict(private=False)}
    return jwt.encode(header, lying.said(), ATTACKER)


def with_a_place_for_keys(lying: LyingBroker) -> str:
    header = {"alg": "ES256", "kid": ATTACKER.kid, "jku": f"{ISSUER}/elsewhere", "x5u": f"{ISSUER}/elsewhere"}
    return jwt.encode(header, lying.said(), ATTACKER)


def with_a_kid_that_is_a_path(lying: LyingBroker) -> str:
    return jwt.encode({"alg": "ES256", "kid": "../../../dev/null"}, lying.said(), ATTACKER)


def without_a_kid(lying: LyingBroker) -> str:
    return jwt.encode({"alg": "ES256"}, lying.said(), ATTACKER)


def with_what_must_be_understood(lying: LyingBroker) -> str:
    payload = json.dumps(lying.said()).encode()
    return unsigned({"alg": "ES256", "kid": lying.key.kid, "crit": ["b64", "x"], "b64": False, "x": 1}, payload, b"s")


def that_is_no_object(lying: LyingBroker) -> str:
    return unsigned({"alg": "ES256", "kid": lying.key.kid}, b"[]", b"s" * 64)


@pytest.mark.parametrize(
    "forge",
    [
        without_algorithm,
        with_the_public_key_as_secret,
        with_a_key_of_its_own,
        with_a_place_for_keys,
        with_a_kid_that_is_a_path,
        without_a_kid,
        with_what_must_be_understood,
        that_is_no_object,
        lambda lying: "a.b.c.d.e",
        lambda lying: "æ.ø.å",
        lambda lying: "",
        lambda lying: unsigned([1], b"{}", b"s"),
        lambda lying: unsigned({"alg": ["ES256"], "kid": 7}, b"{}", b"s"),
    ],
)
def test_an_id_token_that_somebody_made_up_is_not_believed(
    broker: Broker, lying: LyingBroker, clock: SetClock, forge: Forge
) -> None:
    lying.tokens["id_token"] = forge(lying)
    with pytest.raises(SignInFailed, match="not signed by the broker"):
        who(broker, clock)
    assert "/elsewhere" not in lying.asked


def test_a_signed_token_that_is_nested_without_end_is_not_believed(
    broker: Broker, lying: LyingBroker, clock: SetClock
) -> None:
    deep = json.dumps(lying.said()).encode()[:-1] + b', "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    lying.tokens["id_token"] = jws.serialize_compact({"alg": "ES256", "kid": lying.key.kid}, deep, lying.key)
    with pytest.raises(SignInFailed, match="not signed by the broker"):
        who(broker, clock)


@pytest.mark.parametrize("tokens", [{"id_token": None}, {"id_token": ["x"]}, {"access_token": None}])
def test_tokens_of_another_shape_are_not_used(
    broker: Broker, lying: LyingBroker, clock: SetClock, tokens: dict[str, Any]
) -> None:
    lying.tokens = tokens
    with pytest.raises(SignInFailed, match="the broker gave no"):
        who(broker, clock)


@pytest.mark.parametrize("access_token", ["a\r\nHost: x", "æ" * 9, "", ["a"]])
def test_an_access_token_that_is_none_breaks_nothing(
    broker: Broker, lying: LyingBroker, clock: SetClock, access_token: Any
) -> None:
    lying.tokens = {"access_token": access_token}
    with pytest.raises(SignInFailed, match="no Bearer token"):
        who(broker, clock)


def test_only_bearer_tokens_are_sent_to_userinfo(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.tokens = {"token_type": "DPoP"}
    with pytest.raises(SignInFailed, match="no Bearer token"):
        who(broker, clock)
    lying.tokens = {"token_type": "bearer"}
    assert who(broker, clock).mitid_uuid == ANNA.mitid_uuid


@pytest.mark.parametrize("more", [{"kty": "oct", "k": "AAAA"}, ECKey.generate_key("P-256").as_dict(private=True)])
def test_a_broker_that_shows_a_secret_key_is_not_believed(
    broker: Broker, lying: LyingBroker, clock: SetClock, more: dict[str, Any]
) -> None:
    lying.key_set = {"keys": [lying.key.as_dict(private=False), more]}
    with pytest.raises(SignInFailed, match="shows a secret key"):
        who(broker, clock)


@pytest.mark.parametrize(
    "more",
    [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": "EC", "crv": "P-999", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC"},
        {"kty": "RSA", "n": "AAAA", "e": "AQAB"},
        {**ECKey.generate_key("P-256").as_dict(private=False), "kid": 7},
        7,
    ],
)
def test_a_key_that_we_dont_understand_is_left_out(
    broker: Broker, lying: LyingBroker, clock: SetClock, more: Any
) -> None:
    lying.key_set = {"keys": [more, lying.key.as_dict(private=False)]}
    assert who(broker, clock).mitid_uuid == ANNA.mitid_uuid


def test_a_key_for_encryption_signs_nothing(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.key_set = {"keys": [lying.key.as_dict(private=False) | {"use": "enc"}]}
    with pytest.raises(SignInFailed, match="not signed by the broker"):
        who(broker, clock)


@pytest.mark.parametrize(("bits", "held"), [(1024, False), (2048, True)])
@pytest.mark.filterwarnings("ignore:Key size should be:joserfc.errors.SecurityWarning")
def test_a_short_rsa_key_signs_nothing(
    broker: Broker, lying: LyingBroker, clock: SetClock, bits: int, held: bool
) -> None:
    key = RSAKey.generate_key(bits, {"kid": "rsa"})
    lying.key_set = {"keys": [key.as_dict(private=False)]}
    lying.tokens["id_token"] = jwt.encode({"alg": "RS256", "kid": "rsa"}, lying.said(), key)
    with nullcontext() if held else pytest.raises(SignInFailed, match="not signed by the broker"):
        assert who(broker, clock).mitid_uuid == ANNA.mitid_uuid


@pytest.mark.parametrize("keys", [{}, "x", None, 7])
def test_keys_that_are_none_are_told_as_such(broker: Broker, lying: LyingBroker, clock: SetClock, keys: Any) -> None:
    lying.key_set = {"keys": keys}
    with pytest.raises(SignInFailed, match="keys cannot be read"):
        who(broker, clock)
