from datetime import date, timedelta

import pytest

from delegation.ages import comes_of_age_on, is_child


@pytest.mark.parametrize(
    ("birthdate", "expected"),
    [
        (date(2008, 11, 22), date(2026, 11, 22)),
        (date(2008, 12, 31), date(2026, 12, 31)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2004, 2, 29), date(2022, 3, 1)),
        (date(2010, 2, 28), date(2028, 2, 28)),
        (date(2010, 3, 1), date(2028, 3, 1)),
        (date(1, 1, 1), date(19, 1, 1)),
    ],
)
def test_somebody_comes_of_age_on_the_18th_birthday(birthdate: date, expected: date) -> None:
    assert comes_of_age_on(birthdate) == expected


def test_somebody_is_a_child_until_the_day_before_the_18th_birthday() -> None:
    birthday = date(2026, 3, 1)
    assert is_child(date(2008, 2, 29), birthday - timedelta(days=1))
    assert not is_child(date(2008, 2, 29), birthday)


def test_somebody_of_unknown_age_is_no_child() -> None:
    assert not is_child(None, date(2026, 11, 22))
