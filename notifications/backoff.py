"""When to try again: the schedule of 3-api.md for webhooks, and the same for text messages."""

from datetime import datetime, timedelta
from typing import Final

# Before the first attempt, the second, … the tenth. After the tenth nothing follows: the feed still has the update.
SCHEDULE: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER: Final = 0.2


def next_attempt_at(attempts_made: int, now: datetime, chance: float) -> datetime | None:
    """When to try again after so many attempts, up to 20 % later by `chance` (0 to 1); None after the last."""
    if attempts_made >= len(SCHEDULE):
        return None
    return now + SCHEDULE[attempts_made] * (1 + JITTER * chance)
