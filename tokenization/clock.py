"""Time: UTC in storage, Copenhagen for days and months (R-13). The clock is always passed in."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")


class Clock(Protocol):
    """Whoever can tell what time it is."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""


class SystemClock:
    """The machine's clock: the one place that reads it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


class SetClock:
    """A clock that stands where it was put, and moves when told."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The time it was set to."""
        return self._at

    def set(self, at: datetime) -> None:
        """Put it at another time."""
        self._at = at

    def advance(self, by: timedelta) -> None:
        """Move it on."""
        self._at += by


def local_date(at: datetime) -> date:
    """The day in Copenhagen at that moment."""
    return at.astimezone(COPENHAGEN).date()


def start_of_day(day: date) -> datetime:
    """The moment, in UTC, at which that day begins in Copenhagen."""
    return datetime.combine(day, time.min, COPENHAGEN).astimezone(UTC)


def last_of_month(day: date) -> date:
    """The last day of that day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """That day so many months on, or the last day of the month if it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))
