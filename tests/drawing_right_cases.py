"""Where and when a drawing right is tried: ceilings, shops, terms, and the moments at which calendars go wrong."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tests.drawing_right_model import COPENHAGEN, Shop

CEILING: Final = {
    "per_payment": 200_000,
    "per_day": 300_000,
    "per_week": 700_000,
    "per_month": 1_500_000,
    "payments_per_day": 20,
}
LOW: Final = {
    "per_payment": 30_000,
    "per_day": 40_000,
    "per_week": 60_000,
    "per_month": 90_000,
    "payments_per_day": 2,
}
SHOPS: Final = {
    "grocer": Shop("DK-123", "5411", frozenset({"groceries"})),
    "grocer in Flensburg": Shop("DE-541", "5411", frozenset({"groceries"}), country="DE"),
    "grocer's cash": Shop("DK-123", "5411", frozenset({"cash", "groceries"}), kind="cash"),
    "casino": Shop("DK-777", "7995", frozenset({"gambling"})),
    "cash": Shop("DK-600", "6011", frozenset({"cash"}), kind="cash"),
    "wire": Shop("DK-482", "4829", frozenset({"money_transfers"})),
    "games": Shop("DK-816", "5816", frozenset({"digital_goods", "games"})),
    "fuel": Shop("DK-554", "5541", frozenset({"fuel"}), estimates=True),
    "check": Shop("DK-123", "5411", frozenset({"groceries"}), kind="verification"),
}
HOURS: Final = (
    None,
    {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "06:00", "to": "21:00"},
    {"days": ["sat", "sun"], "from": "20:00", "to": "02:30"},
    {"days": ["sun"], "from": "00:00", "to": "00:00"},
)
TERMS: Final = {
    "allowed_categories": (None, ["groceries", "fuel"], ["cash", "groceries"]),
    "blocked_categories": (None, ["gambling"], ["digital_goods"]),
    "allowed_countries": (None, ["DK"]),
    "allowed_merchants": (None, ["DK-123", "DK-816"]),
    "blocked_merchants": (None, ["DK-816"]),
    "allow_cash": (False, True),
    "hours": HOURS,
}


def moments(now: datetime) -> Iterator[datetime]:
    """Where calendars go wrong, in Copenhagen: the ends of days, weeks and months, both changes of the clock, ..."""
    local = now.astimezone(COPENHAGEN)
    for year in (local.year, local.year + 1):
        firsts = [date(year, month, 1) for month in range(1, 13)]
        ends = [*firsts, date(year, 12, 28), date(year, 1, 4), date(year, 3, 1) - timedelta(days=1)]
        for day in (*ends, *_sundays(year)):
            yield from _around(datetime.combine(day, time(), COPENHAGEN).astimezone(UTC))
        for change in (_last_sunday(year, 3), _last_sunday(year, 10)):
            yield from _around(datetime.combine(change, time(1), UTC))
            yield from _around(datetime.combine(change + timedelta(days=1), time(), COPENHAGEN).astimezone(UTC))


def _around(at: datetime) -> tuple[datetime, datetime]:
    return at - timedelta(seconds=1), at


def _sundays(year: int) -> Iterator[date]:
    first = date(year, 1, 1)
    for passed in range(366):
        if (day := first + timedelta(days=passed)).weekday() == 0:  # midnight after each Sunday
            yield day


def _last_sunday(year: int, month: int) -> date:
    return max(date(year, month, day) for day in range(25, 32) if date(year, month, day).weekday() == 6)
