"""The broker as a server that breaks, hangs, or sends us elsewhere: what we do with its answers."""

import gzip
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from notifications.deadline import TimedTransport
from tests.integration.access.lying import ISSUER, SECRET, LyingBroker, begin, client, connected, who
from tokenization.clock import SetClock
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import SignInFailed
from wallet.access.mitid.reference_texts import of_purpose


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


def test_a_broker_of_this_machine_may_do_without_tls_only_here(lying: LyingBroker) -> None:
    lying.metadata |= {"issuer": "http://127.0.0.1:8081", "token_endpoint": "http://127.0.0.1:9/token"}
    assert begin(connected(lying, broker_url="http://127.0.0.1:8081"), lying)
    lying.metadata["token_endpoint"] = "http://broker.example/token"
    with pytest.raises(SignInFailed, match="without TLS"):
        begin(connected(lying, broker_url="http://127.0.0.1:8081"), lying)


def test_an_endpoint_may_be_on_another_host(lying: LyingBroker) -> None:
    lying.metadata["authorization_endpoint"] = "https://mitid.example/authorize?a=b"
    shown, now = of_purpose(None), lying.clock.now()
    url = connected(lying).authorization_url(state="s", secret=SECRET, shown=shown, hint=None, now=now)
    assert url.startswith("https://mitid.example/authorize?a=b&client_id=tegnebog&")


def answering(answer: Callable[[httpx.Request], httpx.Response], **changes: Any) -> Broker:
    """Our client of a broker that is nothing but these answers."""
    return client(httpx.MockTransport(answer), **changes)


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


def test_after_a_time_out_nobody_else_waits_for_one(clock: SetClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        broker = client(TimedTransport(0.2), broker_url=url, broker={"timeout_seconds": 0.2})
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


class Slow:
    """A lying broker that from some moment on answers one path only when it is let."""

    def __init__(self, lying: LyingBroker, path: str) -> None:
        self._fast = httpx.WSGITransport(app=lying.app())
        self._path = path
        self.is_slow = False
        self.asked, self.answered = threading.Event(), threading.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_slow and request.url.path == self._path:
            self.asked.set()
            assert self.answered.wait(10)
        found = self._fast.handle_request(request)
        return httpx.Response(found.status_code, stream=httpx.ByteStream(found.read()))


def test_while_one_asks_for_new_metadata_the_others_use_the_old(lying: LyingBroker, clock: SetClock) -> None:
    slow = Slow(lying, "/.well-known/openid-configuration")
    broker = answering(slow)
    begin(broker, lying)
    slow.is_slow = True
    clock.advance(timedelta(hours=1))
    with ThreadPoolExecutor(1) as other:
        refresh = other.submit(begin, broker, lying)
        assert slow.asked.wait(10)
        assert begin(broker, lying)["client_id"] == "tegnebog"
        slow.answered.set()
        assert refresh.result()["client_id"] == "tegnebog"


def test_who_needs_the_new_keys_waits_for_who_asks_for_them(lying: LyingBroker, clock: SetClock) -> None:
    slow = Slow(lying, "/jwks")
    broker = answering(slow)
    begin(broker, lying)
    who(broker, clock)
    lying.key = ECKey.generate_key("P-256", auto_kid=True)
    lying.published, slow.is_slow = [lying.key], True
    clock.advance(timedelta(seconds=30))
    with ThreadPoolExecutor(2) as both:
        first = both.submit(who, broker, clock)
        assert slow.asked.wait(10)
        second = both.submit(who, broker, clock)
        assert wait([second], timeout=0.2).not_done
        slow.answered.set()
        assert first.result() == second.result()


def test_no_secret_of_ours_leaves_for_an_error(lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["token_endpoint"] = f"{ISSUER}/nowhere"
    broker = connected(lying, broker={"client_authentication": "client_secret_post"}, broker_client_secret="hush")
    begin(broker, lying)
    with pytest.raises(SignInFailed) as failed:
        who(broker, clock)
    assert "hush" not in str(failed.value)
