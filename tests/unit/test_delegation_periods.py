from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter

import pytest

from delegation import periods
from delegation.categories import counted_as
from delegation.limits import Usage
from delegation.terms import LIMITS, Ceiling
from delegation.usage import Delta, Remaining, remaining
from tests.drawing_rights import NO_CEILING, NOON, permitting
from tokenization.clock import start_of_day


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("limit", "now", "expected"),
    [
        # 29 March 2026 has 23 hours, 25 October 25.
        ("per_day", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("per_day", "2026-03-28T22:59", "2026-03-28T23:00"),
        ("per_day", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("per_day", "2026-10-25T22:59", "2026-10-25T23:00"),
        ("payments_per_day", "2026-10-25T12:00", "2026-10-25T23:00"),
        # Sundays: the week ends that night, by the time of the day after.
        ("per_week", "2026-03-29T12:00", "2026-03-29T22:00"),
        ("per_week", "2026-03-23T12:00", "2026-03-29T22:00"),
        ("per_week", "2026-10-25T12:00", "2026-10-25T23:00"),
        ("per_week", "2026-10-25T23:00", "2026-11-01T23:00"),
        # ISO week 53 of 2026 runs from 28 December to 3 January.
        ("per_week", "2026-12-31T12:00", "2027-01-03T23:00"),
        ("per_week", "2027-01-03T22:59", "2027-01-03T23:00"),
        ("per_month", "2026-03-31T21:59", "2026-03-31T22:00"),
        ("per_month", "2026-03-15T12:00", "2026-03-31T22:00"),
        ("per_month", "2026-10-15T12:00", "2026-10-31T23:00"),
        ("per_month", "2026-12-31T12:00", "2026-12-31T23:00"),
        ("per_month", "2028-02-28T23:00", "2028-02-29T23:00"),
        ("per_day", "2028-02-28T12:00", "2028-02-28T23:00"),
        ("per_day", "2028-02-29T12:00", "2028-02-29T23:00"),
        ("per_week", "2028-02-29T12:00", "2028-03-05T23:00"),
        ("per_month", "2028-02-29T22:59:59", "2028-02-29T23:00"),
        ("per_month", "2027-02-28T12:00", "2027-02-28T23:00"),
        # The hour from two to three: passed over in March, twice in October.
        ("per_day", "2026-03-29T00:59:59", "2026-03-29T22:00"),
        ("per_day", "2026-03-29T01:00", "2026-03-29T22:00"),
        ("per_day", "2026-10-25T00:30", "2026-10-25T23:00"),
        ("per_day", "2026-10-25T01:30", "2026-10-25T23:00"),
        # Midnight itself belongs to the day that begins.
        ("per_day", "2026-11-22T22:59:59.999999", "2026-11-22T23:00"),
        ("per_day", "2026-11-22T23:00", "2026-11-23T23:00"),
        ("per_day", "2026-07-01T21:59:59.999999", "2026-07-01T22:00"),
        ("per_day", "2026-07-01T22:00", "2026-07-02T22:00"),
        ("per_week", "2026-12-27T22:59:59.999999", "2026-12-27T23:00"),
        ("per_week", "2026-12-27T23:00", "2027-01-03T23:00"),
        ("per_week", "2027-01-03T23:00", "2027-01-10T23:00"),
        ("per_month", "2026-12-31T22:59:59.999999", "2026-12-31T23:00"),
        ("per_month", "2026-12-31T23:00", "2027-01-31T23:00"),
    ],
)
def test_a_period_ends_at_midnight_in_copenhagen(limit: str, now: str, expected: str) -> None:
    assert periods.resets_at(limit, utc(now)) == utc(expected)


@pytest.mark.parametrize("limit", ["per_payment", "total"])
def test_what_has_no_period_never_resets(limit: str) -> None:
    assert periods.resets_at(limit, NOON) is None


def test_thirty_days_are_today_and_the_twenty_nine_before() -> None:
    assert periods.start_of_thirty_days(date(2028, 3, 1)) == date(2028, 2, 1)
    assert periods.start_of_thirty_days(date(2026, 3, 1)) == date(2026, 1, 31)


@pytest.mark.parametrize("limit", ["per_day", "payments_per_day", "per_week", "per_month"])
def test_periods_follow_each_other_without_a_gap_through_three_years(limit: str) -> None:
    nth_day: dict[str, Callable[[date], int]] = {"per_week": date.isoweekday, "per_month": attrgetter("day")}
    for nth in range((date(2029, 1, 1) - date(2026, 1, 1)).days):
        day = date(2026, 1, 1) + timedelta(days=nth)
        midnight = start_of_day(day)
        before, after = (periods.resets_at(limit, at) for at in (midnight - datetime.resolution, midnight))
        assert before is not None
        assert after is not None
        assert after > midnight
        assert before == (midnight if limit not in nth_day or nth_day[limit](day) == 1 else after)


def test_a_week_of_two_years_starts_on_its_monday() -> None:
    week_53 = [date(2026, 12, 28) + timedelta(days=day) for day in range(7)]
    assert {day.isocalendar().week for day in week_53} == {53}
    assert {periods.start_of_week(day) for day in week_53} == {date(2026, 12, 28)}
    assert periods.start_of_week(date(2027, 1, 4)) == date(2027, 1, 4)


def test_months_start_on_their_first_whatever_their_length() -> None:
    last_days = [date(2026, 1, 31), date(2026, 2, 28), date(2028, 2, 29), date(2026, 12, 31)]
    assert [periods.start_of_month(day) for day in last_days] == [day.replace(day=1) for day in last_days]


def test_what_is_left_is_shown_for_the_limits_that_exist_and_for_the_tighter_one() -> None:
    ceiling = Ceiling(per_payment=150, per_day=300)
    usage = Usage(day_minor=100, month_minor=400)
    assert remaining(permitting(per_payment=200, per_day=250, per_month=300), ceiling, usage, NOON) == {
        "per_payment": Remaining(150, 0, 150, None, "ceiling"),
        "per_day": Remaining(250, 100, 150, utc("2026-11-22T23:00"), "drawing_right"),
        "per_month": Remaining(300, 400, 0, utc("2026-11-30T23:00"), "drawing_right"),
    }


def test_nothing_is_left_of_a_limit_of_zero() -> None:
    left = remaining(permitting(**dict.fromkeys(LIMITS, 0)), NO_CEILING, Usage(), NOON)
    assert {name: each.remaining for name, each in left.items()} == dict.fromkeys(LIMITS, 0)


@pytest.mark.parametrize(
    ("kind", "mcc", "scheme", "expected"),
    [
        ("purchase", "5411", "dankort", Delta(500, 1)),
        ("purchase", "7995", "dankort", Delta(500, 1, gambling_minor=500)),
        ("purchase", "0000", "dankort", Delta(500, 1, gambling_minor=500)),
        ("cash", "5411", "dankort", Delta(500, 1, cash_minor=500)),
        ("cash", "7995", "dankort", Delta(500, 1, cash_minor=500, gambling_minor=500)),
        ("purchase", "6011", "visa", Delta(500, 1, cash_minor=500, visa_minor=500, visa_cash_minor=500)),
        ("purchase", "5411", "visa", Delta(500, 1, visa_minor=500)),
    ],
)
def test_a_payment_counts_where_the_rules_say(kind: str, mcc: str, scheme: str, expected: Delta) -> None:
    assert Delta.of(500, counted_as=counted_as(mcc, kind), scheme=scheme) == expected
