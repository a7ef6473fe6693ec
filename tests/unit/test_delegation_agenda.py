"""What time does to a drawing right, and when: days begin at midnight in Copenhagen."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from delegation import agenda
from delegation.agenda import CameOfAge, Expired, WeekEnded, between, due_after, lasts_longer
from delegation.drawing_rights import because, status
from delegation.models import DrawingRight

MOMENT = timedelta(microseconds=1)
CHILD = date(2008, 12, 1)  # 18 on 1 December 2026


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


GRANTED = utc("2026-11-11T11:00")  # a Wednesday
LAPSES = GRANTED + timedelta(days=30)


def right(**fields: Any) -> DrawingRight:
    """An active right of somebody of unknown age, without end and without summaries, unless said otherwise."""
    usual = {
        "state": "active",
        "ends_when_of_age": True,
        "weekly_summary": False,
        "created_at": GRANTED,
        "invitation_lapses_at": LAPSES,
    }
    return DrawingRight(**{**usual, **fields})


def paused(before: str, **fields: Any) -> DrawingRight:
    return right(state="paused", state_before_pause=before, **fields)


@pytest.mark.parametrize(
    ("fields", "ends_at"),
    [
        ({"valid_until": date(2026, 11, 22)}, "2026-11-22T23:00"),
        ({"valid_until": date(2026, 3, 28), "created_at": utc("2026-01-01T00:00")}, "2026-03-28T23:00"),
        ({"valid_until": date(2026, 3, 29), "created_at": utc("2026-01-01T00:00")}, "2026-03-29T22:00"),
        ({"valid_until": date(2026, 10, 25), "created_at": utc("2026-01-01T00:00")}, "2026-10-25T23:00"),
        ({"valid_until": date(2028, 2, 28)}, "2028-02-28T23:00"),
        ({"valid_until": date(2026, 12, 31)}, "2026-12-31T23:00"),
        ({"delegate_birthdate": CHILD}, "2026-11-30T23:00"),
        ({"delegate_birthdate": date(2010, 2, 28)}, "2028-02-27T23:00"),
        ({"delegate_birthdate": date(2012, 2, 29)}, "2030-02-28T23:00"),
        ({"delegate_birthdate": date(2008, 11, 12)}, "2026-11-11T23:00"),
        ({"state": "invited"}, "2026-12-11T11:00"),
        ({"state": "paused", "state_before_pause": "invited"}, "2026-12-11T11:00"),
    ],
)
def test_a_right_ends_at_a_moment_that_no_one_need_write_down(fields: dict[str, Any], ends_at: str) -> None:
    one = right(**fields)
    before = one.state
    assert status(one, utc(ends_at) - MOMENT) == before
    assert status(one, utc(ends_at)) == "expired"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"valid_until": date.max},
        {"valid_until": date(9999, 1, 1)},
        {"delegate_birthdate": date(2008, 11, 11)},  # of age when it was granted
        {"delegate_birthdate": date(1, 1, 1)},
        {"delegate_birthdate": CHILD, "ends_when_of_age": False},
    ],
    ids=["nothing said", "the last day there is", "year 9999", "18 that day", "from year 1", "only told"],
)
def test_a_right_that_nothing_ends_goes_on(fields: dict[str, Any]) -> None:
    one, later = right(**fields, weekly_summary=True), utc("2126-11-11T11:00")
    assert status(one, later) == "active"
    assert {type(each) for each in between(one, GRANTED, later)} <= {WeekEnded, CameOfAge}


def test_what_was_let_in_or_paused_after_that_is_no_invitation_any_more() -> None:
    assert status(right(), LAPSES) == "active"
    assert status(paused("active"), LAPSES) == "paused"
    assert status(paused("invited"), LAPSES) == "expired"


def test_a_revoked_right_stays_revoked_whatever_else_ended_it() -> None:
    ended = right(state="revoked", revoked_at=GRANTED, valid_until=date(2026, 11, 10), delegate_birthdate=CHILD)
    assert status(ended, LAPSES) == "revoked"
    assert because(ended, LAPSES) == {"drawing_right_revoked", "drawing_right_expired"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"valid_until": date(2026, 11, 22)}, "valid_until"),
        ({"delegate_birthdate": CHILD}, "came_of_age"),
        ({"state": "invited"}, "invitation_lapsed"),
        ({"state": "invited", "delegate_birthdate": CHILD, "valid_until": date(2027, 1, 1)}, "came_of_age"),
        ({"state": "invited", "delegate_birthdate": CHILD, "valid_until": date(2026, 11, 22)}, "valid_until"),
        ({"delegate_birthdate": CHILD, "valid_until": date(2026, 11, 30)}, "came_of_age"),
    ],
)
def test_that_it_ended_is_told_once_with_the_first_reason(fields: dict[str, Any], why: str) -> None:
    one, end = right(**fields), utc("2027-06-01T00:00")
    (told,) = between(one, GRANTED, end)
    assert isinstance(told, Expired)
    assert told.why == why
    assert due_after(one, GRANTED) == told.at
    assert between(one, told.at, end) == []
    assert due_after(one, told.at) is None


def test_who_comes_of_age_where_the_right_goes_on_is_told_of() -> None:
    one = right(delegate_birthdate=CHILD, ends_when_of_age=False)
    birthday = utc("2026-11-30T23:00")
    assert due_after(one, GRANTED) == birthday
    assert between(one, GRANTED, birthday) == [CameOfAge(birthday)]
    assert due_after(one, birthday) is None


def test_who_comes_of_age_after_the_end_is_not_told_of() -> None:
    end = utc("2027-06-01T00:00")
    ends: list[dict[str, Any]] = [{"valid_until": date(2026, 11, 30)}, {"state": "revoked", "revoked_at": GRANTED}]
    for ended in ends:
        one = right(delegate_birthdate=CHILD, ends_when_of_age=False, **ended)
        assert CameOfAge not in {type(each) for each in between(one, GRANTED, end)}


@pytest.mark.parametrize(
    ("after", "monday"),
    [
        ("2026-11-11T11:00", "2026-11-15T23:00"),
        ("2026-11-15T22:59:59.999999", "2026-11-15T23:00"),
        ("2026-11-15T23:00", "2026-11-22T23:00"),
        ("2026-12-29T12:00", "2027-01-03T23:00"),  # ISO week 53
        ("2027-03-26T12:00", "2027-03-28T22:00"),  # the week of 167 hours
        ("2027-10-29T12:00", "2027-10-31T23:00"),  # and of 169
        ("2028-02-27T23:00", "2028-03-05T23:00"),  # with a leap day
    ],
)
def test_a_week_is_due_at_midnight_before_the_next_monday(after: str, monday: str) -> None:
    assert due_after(right(weekly_summary=True), utc(after)) == utc(monday)


def test_of_several_weeks_that_were_missed_only_the_last_is_told() -> None:
    one = right(weekly_summary=True)
    now = utc("2026-12-08T08:00")
    assert between(one, GRANTED, now) == [WeekEnded(utc("2026-12-06T23:00"), date(2026, 11, 30))]
    assert between(one, utc("2026-12-06T23:00"), now) == []


@pytest.mark.parametrize("over", ["valid_until", "revoked"])
def test_the_last_week_is_the_one_in_which_the_right_ended(over: str) -> None:
    ends: dict[str, dict[str, Any]] = {
        "valid_until": {"valid_until": date(2026, 11, 18)},
        "revoked": {"state": "revoked", "revoked_at": utc("2026-11-18T23:00")},
    }
    one, last = right(weekly_summary=True, **ends[over]), utc("2026-11-22T23:00")
    assert due_after(one, utc("2026-11-18T23:00")) == last
    assert between(one, utc("2026-11-18T23:00"), utc("2027-06-01T00:00")) == [WeekEnded(last, date(2026, 11, 16))]
    assert due_after(one, last) is None


def test_a_right_that_ends_on_a_sunday_has_its_last_week_and_its_end_at_one_moment() -> None:
    one, midnight = right(weekly_summary=True, valid_until=date(2026, 11, 22)), utc("2026-11-22T23:00")
    expected = [WeekEnded(midnight, date(2026, 11, 16)), Expired(midnight, "valid_until")]
    assert between(one, utc("2026-11-18T00:00"), midnight) == expected
    assert due_after(one, midnight) is None


def test_an_invitation_has_no_weeks() -> None:
    for one in (right(state="invited", weekly_summary=True), paused("invited", weekly_summary=True)):
        assert due_after(one, GRANTED) == LAPSES
    assert due_after(paused("active", weekly_summary=True), GRANTED) == utc("2026-11-15T23:00")


@pytest.mark.parametrize(
    ("before", "after", "longer"),
    [
        (CHILD, CHILD, False),
        (CHILD, CHILD - timedelta(days=1), False),
        (CHILD, CHILD + timedelta(days=1), True),
        (CHILD, None, True),
        (CHILD, date(2008, 11, 11), True),  # of age when it was granted: it does not end by age
        (None, CHILD, False),
        (None, None, False),
    ],
)
def test_a_birthdate_that_puts_the_end_off_permits_more(before: date | None, after: date | None, longer: bool) -> None:
    assert lasts_longer(right(delegate_birthdate=before), after) is longer
    assert not lasts_longer(right(delegate_birthdate=before, ends_when_of_age=False), after)


def test_what_comes_and_when_it_is_due_agree() -> None:
    """Step by step from one due moment to the next, everything is met that a single look over all the time tells."""
    one = right(weekly_summary=True, delegate_birthdate=CHILD, ends_when_of_age=False, valid_until=date(2027, 1, 6))
    met: list[agenda.Happening] = []
    at: datetime | None = GRANTED
    while at is not None:
        before, at = at, due_after(one, at)
        met += between(one, before, at) if at else []
    mondays = [each.monday for each in met if isinstance(each, WeekEnded)]
    assert mondays == [date(2026, 11, 9) + timedelta(weeks=n) for n in range(9)]
    others = [each for each in met if not isinstance(each, WeekEnded)]
    assert others == [CameOfAge(utc("2026-11-30T23:00")), Expired(utc("2027-01-06T23:00"), "valid_until")]
