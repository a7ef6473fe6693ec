"""JSON as RFC 8259 has it, and stricter: UTF-8 alone, each member once, finite numbers."""

import json
from math import isfinite
from typing import Any, NoReturn


def parsed(raw: bytes) -> Any:
    """What stands there. Raises ValueError, for what is nested too deeply to be read as well."""
    try:
        return json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_no_member_twice)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("too large for a number")
    return value


def _no_member_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found
