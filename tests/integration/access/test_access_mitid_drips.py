"""The broker as a server that answers without end: nobody waits for longer than the time-out."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from notifications.deadline import TimedTransport
from tests.integration.access.acting import Phone, parameters_in
from tests.integration.access.dripping import dripping
from tests.integration.access.lying import ISSUER, LyingBroker, client
from tokenization.clock import SetClock
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import SignInFailed
from wallet.services import Services

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A TLS record that says it is 16 kB long.
RECORD = b"\x16\x03\x03\x40\x00"
SECONDS = 0.3


def refused(broker: Broker, clock: SetClock) -> str:
    """Why nobody is let in; to the app it is the same each time."""
    with pytest.raises(SignInFailed) as failed:
        broker.code_in({"code": "c"}, clock.now())
    assert failed.value.error == "temporarily_unavailable"
    return str(failed.value)


def asking(place: str, clock: SetClock, times: int = 1) -> list[str]:
    """What comes of so many sign-ins with the broker there."""
    broker = client(TimedTransport(SECONDS), broker_url=place, broker={"timeout_seconds": SECONDS})
    try:
        return [refused(broker, clock) for _ in range(times)]
    finally:
        broker.close()


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b"H"),
        (HEAD + b"X-A: ", b"a"),
        (HEAD, b"X-A: a\r\n"),
        (CONTINUE, CONTINUE),
        (HEAD + b"\r\n", b" "),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED + b"0\r\n", b"X-A: a\r\n"),
    ],
    ids=["nonsense", "header", "headers", "1xx", "body", "chunks", "trailers"],
)
def test_an_answer_that_drips_is_given_up_and_the_broker_left_alone(
    clock: SetClock, first: bytes, piece: bytes
) -> None:
    with dripping(first, piece, 0.02) as place:
        told = asking(f"http://{place}", clock, times=2)
    assert told == ["ReadTimeout at the broker", "the broker did not answer a moment ago"]


def test_a_handshake_that_drips_is_given_up(clock: SetClock) -> None:
    with dripping(RECORD, b"\x02", 0.02) as place:
        assert asking(f"https://{place}", clock) == ["ConnectTimeout at the broker"]


@pytest.mark.parametrize("piece", [b"X-A: a\r\n" * 1000, b"a" * 8000], ids=["many", "long"])
def test_a_head_without_end_is_read_no_further_than_its_limit(clock: SetClock, piece: bytes) -> None:
    with dripping(HEAD + b"X-A: ", piece, 0) as place:
        assert asking(f"http://{place}", clock) == ["RemoteProtocolError at the broker"]


def test_a_flood_of_informational_answers_ends_with_the_time(clock: SetClock) -> None:
    with dripping(CONTINUE, CONTINUE * 100, 0) as place:
        assert asking(f"http://{place}", clock) == ["ReadTimeout at the broker"]


def test_a_broker_that_wants_to_speak_something_else_is_not_listened_to(clock: SetClock) -> None:
    with dripping(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b" ", 0.02) as place:
        assert asking(f"http://{place}", clock) == ["RemoteProtocolError at the broker"]


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """A service whose broker drips."""
    with dripping(HEAD + b"X-A: ", b"a", 0.02) as place:
        dialect = services.settings.broker.model_copy(update={"timeout_seconds": SECONDS})
        changed = {"broker_url": f"http://{place}", "broker": dialect}
        yield replace(services, settings=services.settings.model_copy(update=changed))


def test_a_stranger_waits_for_a_broker_that_drips_no_longer_than_the_time_out(
    phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    told = parameters_in(phone.authorize().headers["Location"])
    assert told["error"] == "temporarily_unavailable"
    assert "ReadTimeout at the broker" in capsys.readouterr().out


def test_who_waits_for_what_another_asks_gives_up_after_a_while(clock: SetClock) -> None:
    asked, answered = threading.Event(), threading.Event()
    honest = httpx.WSGITransport(app=LyingBroker(clock).app())

    def answer(request: httpx.Request) -> httpx.Response:
        asked.set()
        assert answered.wait(10)
        return honest.handle_request(request)

    broker = client(httpx.MockTransport(answer), broker={"timeout_seconds": 0.1})
    with ThreadPoolExecutor(1) as other:
        first = other.submit(broker.code_in, {"code": "c", "iss": ISSUER}, clock.now())
        assert asked.wait(10)
        assert refused(broker, clock) == "another sign-in still waits for the broker"
        answered.set()
        assert first.result() == "c"
