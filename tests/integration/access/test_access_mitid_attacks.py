"""A broker that was taken over, broke or hangs, and answers that somebody made up (RFC 9700, RFC 8725)."""

import base64
import gzip
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.integration.access.acting import ANNA
from tests.integration.access.lying import ISSUER, SECRET, LyingBroker, begin, client, connected, who
from tokenization.clock import SetClock
from wallet.access.identity import SignInFailed
from wallet.access.mitid import Broker

Forge = Callable[[LyingBroker], str]
ATTACKER = ECKey.generate_key("P-256", auto_kid=True)


@pytest.fixture
def lying(clock: SetClock) -> LyingBroker:
    return LyingBroker(clock)


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
    deep = base64url(json.dumps(lying.said()).encode()[:-1] + b', "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}")
    header = base64url(json.dumps({"alg": "ES256", "kid": lying.key.kid}).encode())
    signed = jwt.encode({"alg": "ES256"}, {}, lying.key).split(".")[2]
    lying.tokens["id_token"] = f"{header}.{deep}.{signed}"
    with pytest.raises(SignInFailed):
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


def test_redirects_of_the_broker_are_not_followed(lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["token_endpoint"] = f"{ISSUER}/elsewhere"
    broker = connected(lying)
    begin(broker, lying)
    with pytest.raises(SignInFailed, match="the broker answered 302 at /elsewhere"):
        who(broker, clock)
    assert lying.asked == ["/elsewhere"]


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("token_endpoint", "http://broker.example/token"),
        ("token_endpoint", "http://127.0.0.1/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("userinfo_endpoint", None),
        ("authorization_endpoint", ["https://broker.example"]),
        ("authorization_endpoint", "javascript:alert(1)"),
    ],
)
def test_an_endpoint_without_tls_is_not_used(lying: LyingBroker, name: str, url: Any) -> None:
    lying.metadata[name] = url
    with pytest.raises(SignInFailed, match="lacks an endpoint, or has one without TLS"):
        begin(connected(lying), lying)


def test_an_endpoint_may_be_on_another_host(lying: LyingBroker) -> None:
    lying.metadata["authorization_endpoint"] = "https://mitid.example/authorize?a=b"
    url = connected(lying).authorization_url(state="s", secret=SECRET, purpose=None, hint=None, now=lying.clock.now())
    assert url.startswith("https://mitid.example/authorize?a=b&client_id=tegnebog&")


def answering(answer: Callable[[httpx.Request], httpx.Response], **changes: Any) -> Broker:
    """Our client of a broker that is nothing but these answers."""
    return client(httpx.MockTransport(answer), **changes)


class Drips(httpx.SyncByteStream):
    """A body that comes byte by byte and has no end."""

    def __iter__(self) -> Iterator[bytes]:
        pause = threading.Event()
        while True:
            pause.wait(0.01)
            yield b" "


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b" " * (256 * 1024 + 1), "too long"),
        (b"[" * 100_000, "not JSON"),
        (b"{" * 3, "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[]", "answered 200"),
    ],
)
def test_an_answer_too_long_or_too_deep_or_of_another_shape_is_none(clock: SetClock, body: bytes, why: str) -> None:
    broker = answering(lambda request: httpx.Response(200, stream=httpx.ByteStream(body)))
    with pytest.raises(SignInFailed, match=why):
        broker.code_in({"code": "c"}, clock.now())


def test_a_packed_answer_is_not_unpacked(clock: SetClock) -> None:
    packed = gzip.compress(b" " * 10**7)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(packed))

    with pytest.raises(SignInFailed, match="not JSON"):
        answering(answer).code_in({"code": "c"}, clock.now())


def test_an_answer_that_drips_is_given_up(clock: SetClock) -> None:
    broker = answering(lambda request: httpx.Response(200, stream=Drips()), broker={"timeout_seconds": 0.1})
    with pytest.raises(SignInFailed, match="ReadTimeout at the broker"):
        broker.code_in({"code": "c"}, clock.now())


def test_after_a_time_out_nobody_else_waits_for_one(clock: SetClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        broker = client(httpx.HTTPTransport(), broker_url=url, broker={"timeout_seconds": 0.2})
        assert reasons(broker, clock, 4) == {"ReadTimeout at the broker", "the broker did not answer a moment ago"}
        clock.advance(timedelta(seconds=5))
        assert reasons(broker, clock, 1) == {"the broker did not answer a moment ago"}
        clock.advance(timedelta(seconds=0.2))
        assert reasons(broker, clock, 1) == {"ReadTimeout at the broker"}
        broker.close()


def reasons(broker: Broker, clock: SetClock, times: int) -> set[str]:
    """Why so many at once are not let in."""

    def ask(_: int) -> str:
        with pytest.raises(SignInFailed) as failed:
            broker.code_in({"code": "c"}, clock.now())
        assert failed.value.error == "temporarily_unavailable"
        return str(failed.value)

    with ThreadPoolExecutor(times) as threads:
        return set(threads.map(ask, range(times)))


def test_a_broker_that_refuses_connections_is_asked_again_at_once(clock: SetClock) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("refused")

    broker = answering(answer)
    for _ in range(2):
        with pytest.raises(SignInFailed, match="ConnectError"):
            broker.code_in({"code": "c"}, clock.now())
    assert len(asked) == 2


def test_many_at_once_fetch_the_metadata_once(lying: LyingBroker) -> None:
    broker = connected(lying)
    start = threading.Barrier(8)

    def ask(_: int) -> str:
        start.wait()
        return broker.code_in({"code": "c", "iss": ISSUER}, lying.clock.now())

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {"c"}
    assert lying.asked == ["/.well-known/openid-configuration"]


def test_while_one_asks_for_new_metadata_the_others_use_the_old(lying: LyingBroker, clock: SetClock) -> None:
    asked, answered = threading.Event(), threading.Event()
    slow = httpx.WSGITransport(app=lying.app())

    def answer(request: httpx.Request) -> httpx.Response:
        if clock.now() >= expired:
            asked.set()
            assert answered.wait(10)
        found = slow.handle_request(request)
        return httpx.Response(found.status_code, stream=httpx.ByteStream(found.read()))

    expired = clock.now() + timedelta(hours=1)
    broker = answering(answer)
    begin(broker, lying)
    clock.advance(timedelta(hours=1))
    with ThreadPoolExecutor(1) as other:
        refresh = other.submit(begin, broker, lying)
        assert asked.wait(10)
        assert begin(broker, lying)["client_id"] == "tegnebog"
        answered.set()
        assert refresh.result()["client_id"] == "tegnebog"


def test_no_secret_of_ours_leaves_for_an_error(lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["token_endpoint"] = f"{ISSUER}/nowhere"
    broker = connected(lying, broker={"client_authentication": "client_secret_post"}, broker_client_secret="hush")
    begin(broker, lying)
    with pytest.raises(SignInFailed) as failed:
        who(broker, clock)
    assert "hush" not in str(failed.value)
