"""Structured logs, and the last line of defence: what looks like a card number is never written."""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from functools import lru_cache
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

_UNSAFE: Final = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"  # stays: its digits are no number
    r"|(?<![0-9a-zA-Z_])(?:[0-9][ -]?){11,18}[0-9](?![0-9a-zA-Z_])"  # 12 to 19 digits, in groups or not: PAN, token
    r"|\b[0-3][0-9][01][0-9]{3}-?[0-9]{4}\b"  # ten that begin with a date: CPR
    r"|eyJ[\w-]+\.[\w-]*\.[\w.-]*"  # JWT, JWE
    r"|(?<![\w-])[\w-]{43}(?![\w-])",  # 32 bytes in base64url: a PIN key, a refresh token, a thumbprint
    re.ASCII,
)
_SHORTEST: Final = 10
_SECRET_NAMES: Final = re.compile(r"(?i)(cvc|pin_?key|secret|password|authorization|assertion|cookie|dpop|cpr|mobile)")
_LEAST_NUMBER: Final = 10**11
# Who says too much: alembic is asked by /readyz, many times a minute, and httpx writes down each address that something
# is sent to, with the secret that one may hold; httpcore below it whole headers.
_TALKATIVE: Final = ("alembic", "httpx", "httpcore")
MASK: Final = "***"


def configure(level: str, out: TextIO = sys.stdout) -> None:
    """JSON lines on standard output, for our own log and for the libraries'."""
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        show_places,
    ]
    last: list[Any] = [redact, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=first,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def show_places(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its kinds and places, innermost last: its text may hold what was sent, and is left out (R-S1)."""
    told = event.pop("exc_info", None)
    if told:
        error = told if isinstance(told, BaseException) else told[1] if isinstance(told, tuple) else sys.exception()
        event["exception"] = [line for each in _chain(error) for line in _places(each)]
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What the error came from, and the error."""
    if error is not None:
        yield from _chain(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
        yield error


def _places(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    trace: TracebackType | None = error.__traceback__
    yield from (f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(trace))


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask numbers, tokens and whatever is called a secret, at any depth."""
    return {name: MASK if _is_secret(name) else redacted(value) for name, value in event.items()}


def redacted(value: Any) -> Any:
    """The value without what must not be written."""
    if isinstance(value, str):
        return value if len(value) < _SHORTEST else _UNSAFE.sub(lambda found: found["uuid"] or MASK, value)
    if isinstance(value, int):
        return value if abs(value) < _LEAST_NUMBER else MASK
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, dict):
        return {redacted(str(k)): MASK if _is_secret(str(k)) else redacted(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item) for item in value]
    return redacted(repr(value))


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAMES.search(name))
