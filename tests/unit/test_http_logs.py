"""The last line of defence: what looks like a number, a token or a secret is not written, and what does not is."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from wallet import logs

NUMBER = "9208901234567890"
PIN_KEY = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"  # made up: "signature"
JWE = "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn"


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"the card {NUMBER} is unknown",
        "9208 9012 3456 7890",
        "9208-9012-3456-7890",
        f"(card={NUMBER})",
        f"/v1/cards/{NUMBER}/block?x={NUMBER}",
        "378282246310005",
        "4111111111111111111",
        "010190-1234",
        "0101901234",
        PIN_KEY,
        f"pin key {PIN_KEY}!",
        TOKEN,
        JWE,
        f"Bearer {TOKEN}",
    ],
)
def test_what_must_not_be_written_is_masked(text: str) -> None:
    shown = logs.redacted(text)
    assert logs.MASK in shown
    for secret in (NUMBER, NUMBER[4:], "9012 3456", "9012-3456", "0101901234", "010190-1234", PIN_KEY, TOKEN, JWE):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "01a20139-65b3-753d-9e4c-471126dd9efc",
        "01a20139-0000-7000-8000-471126009000",
        "card_01h455vb4pex5vsknk084sn02q",
        "2026-11-22T03:07:47.998337Z",
        "/v1/cards/<card_id>/block",
        "127.0.0.1:8080",
        "192.168.100.200",
        "920890 and 7890",
        "1763806500",
        "psycopg.errors.UniqueViolation",
    ],
)
def test_what_helps_is_written(text: str) -> None:
    assert logs.redacted(text) == text


@pytest.mark.parametrize(
    "name",
    ["cvc", "card_cvc", "pin_key", "pinKey", "PASSWORD", "client_secret", "Authorization", "dpop", "cpr", "mobile"],
)
def test_what_is_called_a_secret_is_masked_whatever_it_is(name: str) -> None:
    for value in ("123", 123, ["1", "2"], {"a": 1}):
        assert logs.redact(None, "info", {"event": "x", name: value})[name] == logs.MASK
        assert logs.redacted({"deep": [{name: value}]}) == {"deep": [{name: logs.MASK}]}


@pytest.mark.parametrize(
    "value",
    [
        [NUMBER],
        (NUMBER,),
        {NUMBER},
        {"a": {"b": [{"c": NUMBER}]}},
        {NUMBER: 1},
        int(NUMBER),
        ValueError(NUMBER),
        NUMBER.encode(),
    ],
)
def test_numbers_are_masked_at_any_depth_and_in_any_guise(value: Any) -> None:
    assert NUMBER not in str(logs.redacted(value))


def test_plain_values_stay_as_they_are() -> None:
    for value in (1, 8_900, 12.5, True, None, "approved"):
        assert logs.redacted(value) is value or logs.redacted(value) == value


@pytest.fixture
def out() -> Iterator[StringIO]:
    """What is written, with logs configured as a process has them; afterwards as they were."""
    root, written = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    structlog.contextvars.clear_contextvars()  # a request before this test has left its id
    logs.configure("INFO", written)
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_time_and_level(out: StringIO) -> None:
    structlog.get_logger().info("request", route="/v1/cards/<card_id>", ms=1.5)
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "request", "level": "info", "route": "/v1/cards/<card_id>", "ms": 1.5}


def test_a_librarys_line_is_the_same_and_masked(out: StringIO) -> None:
    logging.getLogger("some.package").warning("retrying %s", NUMBER)
    (line,) = lines(out)
    assert (line["event"], line["level"]) == (f"retrying {logs.MASK}", "warning")


def test_an_exception_is_its_kinds_and_places_without_its_text(out: StringIO) -> None:
    try:
        try:
            int(f"{NUMBER} 123")
        except ValueError as error:
            raise KeyError("a secret 123") from error
    except KeyError as error:
        structlog.get_logger().error("surprise", exc_info=error)
        structlog.get_logger().exception("surprise")
        logging.getLogger("some.package").exception("surprise")
    assert len(lines(out)) == 3
    for line in lines(out):
        kinds = [place for place in line["exception"] if place.startswith("builtins.")]
        assert kinds == ["builtins.ValueError", "builtins.KeyError"]
        assert any("test_http_logs.py" in place for place in line["exception"])
        assert "secret" not in json.dumps(line)
        assert NUMBER[6:] not in json.dumps(line)


def test_where_we_send_and_what_is_not_written_at_any_level(out: StringIO) -> None:
    logs.configure("DEBUG", out)
    logging.getLogger("httpx").info("HTTP Request: POST https://shop.example/hooks/s3cr3t")
    logging.getLogger("httpcore.http11").debug("send_request_headers.started request=s3cr3t")
    assert lines(out) == []


def test_nothing_below_the_level_is_written(out: StringIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("some.package").debug("quiet")
    logging.getLogger("alembic.runtime.migration").info("quiet")
    assert lines(out) == []
