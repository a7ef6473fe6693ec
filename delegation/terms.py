"""What a grantor permits: the terms of a drawing right, as values (R-2.10a)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, Self

LIMITS: Final = ("per_payment", "per_day", "per_week", "per_month", "total", "payments_per_day")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Limits:
    """Six figures, amounts in minor units. `None` is no limit, zero means that nothing may be spent."""

    per_payment: int | None = None
    per_day: int | None = None
    per_week: int | None = None
    per_month: int | None = None
    total: int | None = None
    payments_per_day: int | None = None

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Self:
        """From figures by name, such as the `ceilings` policy's; names of other things are passed over."""
        return cls(**{name: figures.get(name) for name in LIMITS})


# R-2.10b: the scheme's maximum has the same shape (and none for `total`).
Ceiling = Limits


@dataclass(frozen=True, slots=True)
class Hours:
    """When payments are permitted, by the clock in Copenhagen: from `start` (included) to `end` (not included).

    An `end` at or before `start` is on the next day; `days` then names the day on which it starts.
    """

    days: tuple[str, ...]
    start: time
    end: time

    def include(self, local: datetime) -> bool:
        """Whether that moment, in Copenhagen's time, lies within."""
        now, today = local.time(), local.weekday()
        if self.start < self.end:
            return self.start <= now < self.end and WEEKDAYS[today] in self.days
        started = WEEKDAYS[today if now >= self.start else today - 1]
        return (now >= self.start or now < self.end) and started in self.days

    def minutes(self) -> frozenset[int]:
        """The minutes of a week that lie within, counted from Monday's midnight. For comparing, not for paying."""
        start, end = (at.hour * 60 + at.minute for at in (self.start, self.end))
        length = end - start if start < end else end - start + _DAY_MINUTES
        starts = (WEEKDAYS.index(day) * _DAY_MINUTES + start for day in self.days)
        return frozenset((begin + passed) % (7 * _DAY_MINUTES) for begin in starts for passed in range(length))


@dataclass(frozen=True, slots=True)
class RightTerms:
    """What a drawing right permits. Lists keep the order in which the grantor wrote them; `None` is no limit."""

    limits: Limits
    allowed_categories: tuple[str, ...] | None = None
    blocked_categories: tuple[str, ...] | None = None
    allowed_countries: tuple[str, ...] | None = None
    allowed_merchants: tuple[str, ...] | None = None
    hours: Hours | None = None
    valid_until: date | None = None
