"""Days, weeks and months of limits, as they are in Copenhagen. Pure."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from tokenization.clock import add_months, local_date, start_of_day

ROLLING_DAYS: Final = 30


def start_of_week(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def start_of_month(day: date) -> date:
    """The first of that day's month."""
    return day.replace(day=1)


def start_of_thirty_days(day: date) -> date:
    """The first of the thirty days that end with that day (R-2.8)."""
    return day - timedelta(days=ROLLING_DAYS - 1)


def _tomorrow(day: date) -> date:
    return day + timedelta(days=1)


# The day on which a limit begins anew; the others never do.
_NEXT: Final[dict[str, Callable[[date], date]]] = {
    "per_day": _tomorrow,
    "per_week": lambda day: start_of_week(day) + timedelta(weeks=1),
    "per_month": lambda day: add_months(start_of_month(day), 1),
    "payments_per_day": _tomorrow,
}


def resets_at(limit: str, now: datetime) -> datetime | None:
    """The moment, in UTC, at which a limit's period ends and the next begins; None where it has no period."""
    following = _NEXT.get(limit)
    return start_of_day(following(local_date(now))) if following else None
