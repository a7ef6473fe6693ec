"""What came by SMS, in memory: the newest few hundred."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

KEPT = 200
TEXT_MAX = 2_000
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True)
class Text:
    """One message. Nobody needs the whole number, though nobody has it either."""

    to: str
    text: str
    reference: str
    at: str


class Screen:
    """Keeps texts, each reference once. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: OrderedDict[str, Text] = OrderedDict()

    def take(self, given: Any, now: float) -> str | None:
        """Keep `{"to", "text", "reference"}` that came at `now` (seconds since 1970); or what is wrong with it."""
        if wrong := _wrong(given):
            return wrong
        reference, number = given["reference"], given["to"]
        at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._lock:
            # The same reference is the same message, however often it is handed over.
            self._texts.setdefault(reference, Text(f"{number[:3]} ****** {number[-2:]}", given["text"], reference, at))
            while len(self._texts) > KEPT:
                self._texts.popitem(last=False)
        return None

    def newest_first(self) -> list[Text]:
        """All that is kept."""
        with self._lock:
            return list(reversed(self._texts.values()))


def _wrong(given: Any) -> str | None:
    if not isinstance(given, dict):
        return "a JSON object is needed"
    for name in ("to", "text", "reference"):
        if not isinstance(given.get(name), str) or not 0 < len(given[name]) <= TEXT_MAX:
            return f"{name}: a text of up to {TEXT_MAX} characters is needed"
    return None if NUMBER.fullmatch(given["to"]) else "to: a number like +4520123456 is needed"
