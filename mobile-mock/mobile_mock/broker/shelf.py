"""Short-lived values in memory, under keys that nobody can guess."""

import secrets
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keeps each value for `ttl_seconds`. Safe for many threads; `take` gives a value to one of them only."""

    def __init__(self, ttl_seconds: float, now: Callable[[], float]) -> None:
        self._ttl_seconds = ttl_seconds
        self._now = now
        self._lock = Lock()
        self._values: dict[str, tuple[float, T]] = {}

    def put(self, value: T) -> str:
        """Keep a value; the answer is its key."""
        key = secrets.token_urlsafe(32)
        self.claim(key, value)
        return key

    def claim(self, key: str, value: T) -> bool:
        """Keep a value under a key of your own; false, and nothing changed, where the key is in use."""
        with self._lock:
            self._sweep()
            if key in self._values:
                return False
            self._values[key] = (self._now() + self._ttl_seconds, value)
            return True

    def look(self, key: str | None) -> T | None:
        """The value under a key, or None where there is none, or none any more."""
        with self._lock:
            self._sweep()
            found = self._values.get(key) if key else None
            return found[1] if found else None

    def take(self, key: str | None) -> T | None:
        """As `look`, and the value is gone."""
        with self._lock:
            self._sweep()
            found = self._values.pop(key, None) if key else None
            return found[1] if found else None

    def _sweep(self) -> None:
        now = self._now()
        for key in [key for key, (ends, _) in self._values.items() if ends <= now]:
            del self._values[key]
