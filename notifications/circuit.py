"""A circuit to one outside party: after a failure of its own it is left alone for a while, and then tried once. Pure:
the time is passed in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FIRST_REST: Final = timedelta(seconds=5)
LONGEST_REST: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Circuit:
    """How it stands. It rests until `until`, and has been resting for `rest` at a time."""

    rest: timedelta = timedelta(0)
    until: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Nothing is known against trying."""
        return self.until is None

    def is_resting(self, now: datetime) -> bool:
        """Nothing is to be tried now."""
        return self.until is not None and now < self.until

    def failed(self, now: datetime) -> "Circuit":
        """It rests twice as long as the last time. What began before the rest and fails in it is the same failure."""
        if self.is_resting(now):
            return self
        rest = min(max(2 * self.rest, FIRST_REST), LONGEST_REST)
        return Circuit(rest, now + rest)

    def answered(self, now: datetime) -> "Circuit":
        """All is well, unless it rests: what began before the rest says nothing of how it is now."""
        return self if self.is_resting(now) else Circuit()
