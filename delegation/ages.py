"""Ages, by the day in Copenhagen. Pure. Whose birthdate is not known is no child."""

from datetime import date
from typing import Final

OF_AGE_YEARS: Final = 18


def comes_of_age_on(birthdate: date) -> date:
    """The 18th birthday. Who was born on 29 February has it on 1 March: 18 years later is never a leap year."""
    year = birthdate.year + OF_AGE_YEARS
    leap_day = (birthdate.month, birthdate.day) == (2, 29)
    return date(year, 3, 1) if leap_day else birthdate.replace(year=year)


def is_child(birthdate: date | None, day: date) -> bool:
    """Whether somebody of that birthdate is not of age on that day."""
    return birthdate is not None and day < comes_of_age_on(birthdate)
