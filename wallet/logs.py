"""Structured logs, and the last line of defence: what looks like a card number is never written."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

# 12 to 19 digits, in groups or not: PANs, token numbers; ten as DDMMYY-SSSS: CPR.
_NUMBERS: Final = re.compile(
    r"(?<![0-9a-zA-Z_])(?:[0-9][ -]?){11,18}[0-9](?![0-9a-zA-Z_])|\b[0-3][0-9][01][0-9]{3}-?[0-9]{4}\b"
)
# Three base64url parts: JWTs and JWEs; and what bears a secret by its name.
_TOKENS: Final = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w.-]*")
_SECRET_NAMES: Final = re.compile(r"(?i)(cvc|pin_?key|secret|password|authorization|assertion|cookie|dpop|cpr|mobile)")
MASK: Final = "***"


def configure(level: str) -> None:
    """JSON lines on standard output, for our own log and for the libraries'."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask numbers, tokens and whatever is called a secret, at any depth."""
    for name, value in event.items():
        event[name] = MASK if _SECRET_NAMES.search(name) else redacted(value)
    return event


def redacted(value: Any) -> Any:
    """The value without what must not be written."""
    if isinstance(value, str):
        return _TOKENS.sub(MASK, _NUMBERS.sub(MASK, value))
    if isinstance(value, dict):
        return {k: MASK if _SECRET_NAMES.search(str(k)) else redacted(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in value]
    return value if isinstance(value, (int, float, bool, type(None))) else redacted(repr(value))
