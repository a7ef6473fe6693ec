"""When to try again. Pure: chance and time are passed in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

# Before the first attempt, the second, … the tenth (3-api.md, "Merchant"). After it the feed still has the update.
WEBHOOKS: Final = (
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
# A text about a block is of use soon or not at all: each hour for a day and a half, then no more.
TEXTS: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *[timedelta(hours=1)] * 36,
)
JITTER: Final = 0.2


def next_attempt_at(schedule: Sequence[timedelta], attempts_made: int, now: datetime, chance: float) -> datetime | None:
    """When to try again after so many attempts, up to 20 % later by `chance` (0 to 1); None after the last."""
    if attempts_made >= len(schedule):
        return None
    return now + schedule[attempts_made] * (1 + JITTER * chance)
