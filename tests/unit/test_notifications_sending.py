"""A webhook on its way: how it is signed, as the independent package reads it, and what comes of sending it."""

import time
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from pathlib import Path
from queue import Queue
from socket import socket
from ssl import SSLContext, create_default_context
from threading import Event

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notifications.addresses import Guard
from notifications.sending import Answer, Letter, Line, signed_headers
from tests.listeners import answering, certificate, on_loopback, received, serving, shop_with_tls, trusting
from tokenization.secret import Secret

NOW = datetime.now(UTC)
OLD, NEW, WRONG = (Secret("whsec_" + letter * 43 + "=") for letter in "ABC")
BODY = '{"type":"webhook.test","data":{"name":"Blåbærgrød"}}'


def letter(url: str = "https://shop.example/hooks", *secrets: Secret[str]) -> Letter:
    return Letter("dlv_1", url, BODY, secrets or (NEW,))


def headers(at: datetime, *secrets: Secret[str]) -> dict[str, str]:
    return dict(signed_headers(letter("https://shop.example/hooks", *secrets), at))


# Signatures, read by the independent package


def test_the_independent_package_finds_the_signature_good() -> None:
    assert Webhook(NEW.reveal()).verify(BODY, headers(datetime.now(UTC)))["data"] == {"name": "Blåbærgrød"}


def test_while_two_secrets_are_valid_either_verifies() -> None:
    for secret in (OLD, NEW):
        Webhook(secret.reveal()).verify(BODY, headers(datetime.now(UTC), NEW, OLD))


def test_a_secret_that_is_not_ours_verifies_nothing() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(WRONG.reveal()).verify(BODY, headers(datetime.now(UTC), NEW, OLD))


def test_a_secret_that_is_valid_no_more_verifies_nothing() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD.reveal()).verify(BODY, headers(datetime.now(UTC), NEW))


# The receiver has the true time, and our clock is wrong. A timestamp is in whole seconds.


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_by_a_clock_that_is_five_minutes_off_is_no_good(seconds: int) -> None:
    now = (floor if seconds < 0 else ceil)(time.time())
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY, headers(datetime.fromtimestamp(now + seconds, UTC)))


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_signature_by_a_clock_that_is_a_little_less_off_is_good(seconds: int) -> None:
    now = (ceil if seconds < 0 else floor)(time.time())
    Webhook(NEW.reveal()).verify(BODY, headers(datetime.fromtimestamp(now + seconds, UTC)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", "dlv_2"), ("webhook-timestamp", str(int(NOW.timestamp()) - 9))],
    ids=["id", "time"],  # of the same name for every worker
)
def test_the_signature_covers_id_and_time(name: str, value: str) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY, {**headers(NOW), name: value})


def test_the_signature_covers_the_body() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY.replace("test", "tost"), headers(NOW))


def test_a_letter_does_not_show_its_secrets() -> None:
    assert NEW.reveal() not in repr(letter())


# The line, to a socket of our own


def post(url: str, guard: Guard | None = None, tls: SSLContext | None = None) -> Answer:
    with Line(guard or Guard(True), tls or create_default_context(), 5) as line:
        answer = line.post(letter(url), NOW)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("status", "delivered", "gone"),
    [
        (200, True, False),
        (204, True, False),
        (299, True, False),
        (302, False, False),
        (404, False, False),
        (410, False, True),
        (500, False, False),
    ],
)
def test_an_answer_is_delivered_or_not(status: int, delivered: bool, gone: bool) -> None:
    with serving(answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as port:
        answer = post(f"http://127.0.0.1:{port}/hooks")
    assert (answer.status, answer.delivered, answer.gone) == (status, delivered, gone)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_nobody_is_called_there(status: int) -> None:
    called = Event()
    with serving(lambda connection: called.set()) as inside:
        to = f"http://127.0.0.1:{inside}/hooks".encode()
        redirect = b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, to)
        with serving(answering(redirect)) as port:
            assert post(f"http://127.0.0.1:{port}/hooks") == Answer(status=status)
    assert not called.is_set()


def test_the_url_that_is_called_is_the_one_that_was_set() -> None:
    heard: Queue[bytes] = Queue()

    def handle(connection: socket) -> None:
        heard.put(received(connection))
        connection.sendall(b"HTTP/1.1 204 X\r\n\r\n")

    with serving(handle) as port:
        post(f"http://localhost:{port}/hooks;shop=1?a;b")
        request, host, *_ = heard.get(timeout=5).lower().split(b"\r\n")
    assert (request, host) == (b"post /hooks;shop=1?a;b http/1.1", b"host: localhost:%d" % port)


def test_a_name_that_leads_inside_looks_like_one_that_leads_nowhere() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    inside = Guard(resolver=lambda host, _: ["10.0.0.1"])
    assert post("https://db.bank.example/", inside) == post("https://db.bank.example/", Guard(resolver=nowhere))
    assert post("https://10.0.0.1/", inside) == Answer(error="address_refused")


def test_nobody_there_is_a_failure() -> None:
    assert post("http://127.0.0.1:9/hooks") == Answer(error="not_reached")


def test_a_name_that_leads_inside_is_not_called() -> None:
    connected = Event()
    with serving(lambda connection: connected.set()) as port:
        inside = Guard(False, lambda host, _: ["127.0.0.1"], frozenset({port}))
        assert post(f"https://shop.example:{port}/", inside) == Answer(error="not_resolved")
    assert not connected.is_set()


def test_a_name_that_leads_outside_and_inside_is_not_called() -> None:
    connected = Event()
    with serving(lambda connection: connected.set()) as port:
        guard = on_loopback(port, ["127.0.0.1", "10.0.0.1"])
        assert post(f"https://shop.example:{port}/", guard) == Answer(error="not_resolved")
    assert not connected.is_set()


def test_a_name_that_is_rebound_after_the_check_is_not_asked_again() -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with serving(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as port:
        assert post(f"http://localhost:{port}/hooks", Guard(True, rebinding)).status == 204
    assert asked == ["localhost"]


def test_a_name_that_is_rebound_between_two_letters_is_refused_at_the_second() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with serving(answering(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")) as port:
        guard = Guard(True, lambda host, _: next(answers))
        with Line(guard, create_default_context(), 5) as line:
            answered = [line.post(letter(f"http://localhost:{port}/hooks"), NOW) for _ in range(2)]
    assert answered == [Answer(status=204), Answer(error="not_resolved")]


# TLS


@pytest.fixture(scope="module")
def of_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), "shop.example")


def test_the_name_stays_in_host_and_tls_while_the_address_is_the_checked_one(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop:
        assert post(shop.url, on_loopback(shop.port), trusting(of_shop)).status == 204
    assert shop.names == ["shop.example"]
    assert b"host: shop.example:%d\r\n" % shop.port in shop.heard[0].lower()


def test_a_certificate_that_nobody_vouches_for_is_a_failure(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop:
        assert post(shop.url, on_loopback(shop.port)) == Answer(error="tls_failed")
    assert shop.heard == []


def test_a_certificate_for_another_name_is_a_failure(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop:
        url = f"https://other.example:{shop.port}/hooks"
        assert post(url, on_loopback(shop.port), trusting(of_shop)) == Answer(error="tls_failed")
    assert shop.heard == []


def test_a_certificate_that_has_expired_is_a_failure(tmp_path: Path) -> None:
    old = certificate(tmp_path, "shop.example", valid=(timedelta(days=-9), timedelta(days=-1)))
    with shop_with_tls(old) as shop:
        assert post(shop.url, on_loopback(shop.port), trusting(old)) == Answer(error="tls_failed")
    assert shop.heard == []


# What is taken back while a receiver lets us wait for a connection


def test_a_letter_that_is_taken_back_while_hands_are_shaken_does_not_leave(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop, Line(on_loopback(shop.port), trusting(of_shop), 5) as line:
        overtaken = line.post(letter(shop.url), NOW, lambda: not shop.names)  # the shop shakes hands late
        assert overtaken is None
        assert line.post(letter(shop.url), NOW, lambda: True) == Answer(status=204)
    assert [heard != b"" for heard in shop.heard] == [False, True]


def test_control_without_the_question_it_leaves(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop, Line(on_loopback(shop.port), trusting(of_shop), 5) as line:
        assert line.post(letter(shop.url), NOW) == Answer(status=204)
    assert BODY.encode() in shop.heard[0]


def test_the_question_is_asked_once_for_each_connection_and_not_of_one_that_was_kept() -> None:
    asked: list[int] = []

    def stands() -> bool:
        asked.append(1)
        return True

    def handle(connection: socket) -> None:
        for close in (b"", b"Connection: close\r\n"):
            received(connection)
            connection.sendall(b"HTTP/1.1 204 X\r\n%s\r\n" % close)

    with serving(handle) as port, Line(Guard(True), create_default_context(), 5) as line:
        for connections in (1, 1, 2, 2):
            line.post(letter(f"http://127.0.0.1:{port}/"), NOW, stands)
            assert sum(asked) == connections


def test_who_cannot_be_asked_sends_nothing() -> None:
    def broken() -> bool:
        raise LookupError

    heard: Queue[bytes] = Queue()
    with (
        serving(lambda connection: heard.put(connection.recv(1))) as port,
        Line(Guard(True), create_default_context(), 5) as line,
    ):
        with pytest.raises(LookupError):
            line.post(letter(f"http://127.0.0.1:{port}/"), NOW, broken)
        assert heard.get(timeout=5) == b""


# A look at an endpoint, without a letter


def probe(url: str, guard: Guard, seconds: float = 5.0, tls: SSLContext | None = None) -> str | None:
    with Line(guard, tls or create_default_context(), seconds) as line:
        return line.probe(url)


def test_a_look_at_an_endpoint_connects_and_sends_nothing() -> None:
    heard: Queue[bytes] = Queue()
    with serving(lambda connection: heard.put(connection.recv(1))) as port:
        assert probe(f"http://127.0.0.1:{port}/hooks", Guard(True)) is None
        assert heard.get(timeout=5) == b""


def test_a_look_shakes_hands_and_sends_nothing(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop:
        assert probe(shop.url, on_loopback(shop.port), tls=trusting(of_shop)) is None
    assert shop.names == ["shop.example"]
    assert not any(shop.heard)


def test_a_look_finds_a_certificate_that_is_no_good(of_shop: Path) -> None:
    with shop_with_tls(of_shop) as shop:
        assert probe(shop.url, on_loopback(shop.port)) == "tls_failed"


def test_a_look_takes_no_longer_than_a_letter() -> None:
    done = Event()
    with serving(lambda connection: done.wait(5)) as port:
        assert probe(f"https://shop.example:{port}/", on_loopback(port), seconds=0.2) == "timed_out"
        done.set()


def test_a_look_at_an_address_inside_connects_to_nobody() -> None:
    connected = Event()
    with serving(lambda connection: connected.set()) as port:
        inside = Guard(False, lambda host, _: ["127.0.0.1"], frozenset({port}))
        assert probe(f"https://shop.example:{port}/", inside) == "not_resolved"
    assert not connected.is_set()


def test_a_look_says_when_nobody_is_there_or_nobody_knows_where() -> None:
    assert probe("http://127.0.0.1:9/hooks", Guard(True)) == "not_reached"
    assert probe("https://shop.example/hooks", Guard(resolver=lambda host, _: [])) == "not_resolved"
