"""Receivers that answer badly, slowly, or not in HTTP: each is a failure with a name, and none holds a thread."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from ssl import create_default_context

import pytest

from notifications.addresses import Guard
from notifications.sending import ANSWER_LIMIT, Answer, Letter, Line
from tests.listeners import Dripping, Handler, answering, certificate, on_loopback, resetting, serving, shop_with_tls
from tokenization.secret import Secret

SECRET = Secret("whsec_" + "A" * 43 + "=")
SECONDS = 0.2
OK = b"HTTP/1.1 200 OK\r\n"
TLS_HELLO = b"\x16\x03\x03\x40\x00"  # a record of 16 KiB begins


def post(url: str, guard: Guard | None = None, seconds: float = 5.0) -> Answer:
    with Line(guard or Guard(True), create_default_context(), seconds) as line:
        answer = line.post(Letter("dlv_1", url, '{"data":{}}', [SECRET]), datetime.now(UTC))
    assert answer is not None
    return answer


def posted(handle: Handler, seconds: float = 5.0) -> Answer:
    with serving(handle) as port:
        return post(f"http://127.0.0.1:{port}/hooks", seconds=seconds)


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "a body": (OK + b"\r\n", b"x" * 65536),
    "a body that is announced": (OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 65536),
    "chunks that say much of themselves": (CHUNKED, (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 16),
}


@pytest.mark.parametrize(("head", "more"), ENDLESS.values(), ids=ENDLESS)
def test_an_endless_answer_counts_by_its_status_and_is_read_no_further_than_its_limit(head: bytes, more: bytes) -> None:
    endless = Dripping(head, more)
    assert posted(endless) == Answer(status=200)
    endless.close()
    assert endless.sent < 100 * ANSWER_LIMIT


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, OK + b"X-More: " + b"x" * 70_000, OK + b"X-More: 1\r\n" * 6000],
    ids=["one 100 after the other", "a long header", "many headers"],
)
def test_an_answer_that_gets_to_no_status_before_its_limit_is_a_failure(more: bytes) -> None:
    endless = Dripping(b"", more)
    assert posted(endless) == Answer(error="answer_too_long")
    endless.close()
    assert endless.sent < 100 * ANSWER_LIMIT


SLOW = {
    "no answer": Dripping(),
    "a head by the byte": Dripping(OK + b"X-Slow: "),
    "one header after the other": Dripping(OK, b"X-More: 1\r\n"),
    "one 102 after the other": Dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
def test_an_answer_that_drips_is_cut_off_when_its_time_is_up(slow: Dripping) -> None:
    begun = time.monotonic()
    answer = posted(slow, SECONDS)
    assert time.monotonic() - begun < SECONDS + 1.5
    assert answer == Answer(error="timed_out")


BODY_BY_THE_BYTE = {
    "a body": (200, Dripping(OK + b"\r\n")),
    "chunks": (200, Dripping(CHUNKED, b"1\r\nx\r\n")),
    "a 500": (500, Dripping(b"HTTP/1.1 500 X\r\n\r\n")),
}


@pytest.mark.parametrize(("status", "slow"), BODY_BY_THE_BYTE.values(), ids=BODY_BY_THE_BYTE)
def test_a_body_that_drips_is_cut_off_and_the_status_counts(status: int, slow: Dripping) -> None:
    begun = time.monotonic()
    answer = posted(slow, SECONDS)
    assert time.monotonic() - begun < SECONDS + 1.5
    assert answer == Answer(status=status)


@pytest.fixture
def lazy_hands() -> Iterator[Dripping]:
    lazy = Dripping(TLS_HELLO, b"\x00", after_request=False)
    yield lazy
    lazy.close()


def test_a_handshake_that_drips_is_cut_off_too(lazy_hands: Dripping) -> None:
    begun = time.monotonic()
    with serving(lazy_hands) as port:
        answer = post(f"https://shop.example:{port}/", on_loopback(port), SECONDS)
        lazy_hands.close()
    assert time.monotonic() - begun < SECONDS + 1.5
    assert answer == Answer(error="timed_out")


NOT_HTTP = {
    "a mail server": b"220 mail.example ESMTP\r\n",
    "nothing at all": b"",
    "half a head": OK + b"Content-Le",
    "no number for a status": b"HTTP/1.1 abc X\r\n\r\n",
    "a header without a colon": OK + b"nonsense\r\n\r\n",
    "a length that is none": OK + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "an encoding that nobody knows": OK + b"Transfer-Encoding: gzip, nonsense\r\n\r\nx",
}


@pytest.mark.parametrize("answer", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_is_a_failure(answer: bytes) -> None:
    assert posted(answering(answer)) == Answer(error="not_http")


BROKEN_OFF = {
    "half a body": OK + b"Content-Length: 100\r\n\r\nhalf",
    "chunks that are none": CHUNKED + b"ZZ\r\nx\r\n",
    "a chunk longer than a number": CHUNKED + b"F" * 40 + b"\r\nx\r\n",
    "chunks that end early": CHUNKED + b"5\r\nab",
}


@pytest.mark.parametrize("answer", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_who_has_said_yes_has_it_however_the_rest_of_the_answer_ends(answer: bytes) -> None:
    assert posted(answering(answer)) == Answer(status=200)


def test_an_answer_that_is_reset_in_its_body_counts_by_its_status() -> None:
    half = OK + b"Content-Length: 100\r\n\r\nhalf"
    assert posted(lambda connection: resetting(connection, half)) == Answer(status=200)


def test_an_answer_without_a_length_ends_where_the_connection_does() -> None:
    assert posted(answering(OK + b"\r\nthank you")).delivered


def test_a_connection_that_is_reset_is_a_failure() -> None:
    assert posted(resetting) == Answer(error="not_reached")


def test_a_connection_that_is_hung_up_at_once_is_a_failure() -> None:
    assert posted(lambda connection: None).error in {"not_http", "not_reached"}


def test_plain_http_where_tls_was_to_be_is_a_failure() -> None:
    with serving(answering(OK + b"\r\n}}")) as port:
        answer = post(f"https://shop.example:{port}/", on_loopback(port), SECONDS)
    assert answer.error in {"tls_failed", "timed_out"}


def test_tls_where_plain_http_was_to_be_is_a_failure(tmp_path: Path) -> None:
    with shop_with_tls(certificate(tmp_path, "shop.example")) as shop:
        assert post(f"http://127.0.0.1:{shop.port}/").delivered is False


def test_a_line_that_failed_sends_the_next_letter() -> None:
    answers = iter([b"nonsense\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"])

    def handle(connection: socket) -> None:
        answering(next(answers))(connection)

    with serving(handle) as port, Line(Guard(True), create_default_context(), 5) as line:
        letter = Letter("dlv_1", f"http://127.0.0.1:{port}/", '{"data":{}}', [SECRET])
        answered = [line.post(letter, datetime.now(UTC)) for _ in range(2)]
    assert answered == [Answer(error="not_http"), Answer(status=200)]
