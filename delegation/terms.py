"""What a grantor permits: the terms of a drawing right, as values (R-2.10a). Pure."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, Self

from delegation import categories
from tokenization.countries import COUNTRIES
from tokenization.errors import Invalid
from tokenization.money import MAX_AMOUNT_MINOR

LIMITS: Final = ("per_payment", "per_day", "per_week", "per_month", "total", "payments_per_day")
LISTS: Final = (
    *("allowed_categories", "blocked_categories", "allowed_countries"),
    *("allowed_merchants", "blocked_merchants"),
)
PLAIN: Final = ("allow_cash", "allow_recurring", "valid_from", "valid_until", "phones_allowed")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAYMENTS_MOST: Final = 10_000
MERCHANTS_MOST: Final = 200  # in a list of them
PHONES_MOST: Final = 10
_DAY_MINUTES: Final = 24 * 60
HOUR: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"


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
    def of(cls, figures: object) -> Self:
        """Out of whatever has such figures by name, as a drawing right and the policy `ceilings` have."""
        return cls(*(getattr(figures, name, None) for name in LIMITS))


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

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """From `{"days": ["mon"], "from": "06:00", "to": "21:00"}`. Raises Invalid."""
        days = tuple(dict.fromkeys(body["days"]))
        if not days or not set(days) <= set(WEEKDAYS):
            raise Invalid("hours.days", f"name at least one of {', '.join(WEEKDAYS)}")
        return cls(days, _hour("from", body["from"]), _hour("to", body["to"]))

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

    def as_json(self) -> dict[str, Any]:
        """The shape that `of` reads."""
        return {"days": list(self.days), "from": f"{self.start:%H:%M}", "to": f"{self.end:%H:%M}"}


@dataclass(frozen=True, slots=True)
class RightTerms:
    """What a drawing right permits. Lists keep the order in which the grantor wrote them; `None` is no limit.

    `valid_from` and `valid_until` are its first and its last day, in Copenhagen.
    """

    limits: Limits
    allowed_categories: tuple[str, ...] | None = None
    blocked_categories: tuple[str, ...] | None = None
    allowed_countries: tuple[str, ...] | None = None
    allowed_merchants: tuple[str, ...] | None = None
    blocked_merchants: tuple[str, ...] | None = None
    allow_cash: bool = False
    allow_recurring: bool = False
    hours: Hours | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    phones_allowed: int | None = None


def read(body: Mapping[str, Any], before: RightTerms | None = None) -> RightTerms:
    """Terms from a body of the API's shape; what it leaves out stays as it was `before`. Raises Invalid (hours)."""
    before = before or RightTerms(Limits())
    limits = dataclasses.replace(before.limits, **(body.get("limits") or {}))
    rest: dict[str, Any] = {
        name: None if body[name] is None else _READ[name](body[name]) for name in _READ if name in body
    }
    return dataclasses.replace(before, limits=limits, **rest)


def as_json(terms: RightTerms) -> dict[str, Any]:
    """The shape that `read` reads, every field present; days stay dates."""
    lists = {name: None if (names := getattr(terms, name)) is None else list(names) for name in LISTS}
    hours = terms.hours.as_json() if terms.hours else None
    plain = {name: getattr(terms, name) for name in PLAIN}
    return {"limits": dataclasses.asdict(terms.limits), **lists, "hours": hours, **plain}


def check(terms: RightTerms, today: date, before: RightTerms | None = None) -> None:
    """Raise Invalid, which names the field, where the terms make no sense. An old `valid_until` may stand unchanged."""
    _check_limits(terms.limits)
    for name in LISTS:
        _check_list(name, getattr(terms, name))
    if terms.phones_allowed is not None and not 1 <= terms.phones_allowed <= PHONES_MOST:
        raise Invalid("phones_allowed", f"must be from 1 to {PHONES_MOST}, or null for no limit but the bank's")
    if terms.valid_from and terms.valid_until and terms.valid_until < terms.valid_from:
        raise Invalid("valid_until", "must not be before valid_from")
    if terms.valid_until == (before.valid_until if before else None) or terms.valid_until is None:
        return
    if terms.valid_until < today:
        raise Invalid("valid_until", "must be today or later: it is the last day on which the drawing right is valid")


def changed(old: RightTerms, new: RightTerms) -> list[str]:
    """The names of the fields that differ, as the API calls them."""
    limits = [f"limits.{name}" for name in LIMITS if getattr(old.limits, name) != getattr(new.limits, name)]
    return limits + [name for name in _READ if getattr(old, name) != getattr(new, name)]


def _check_limits(limits: Limits) -> None:
    given = {name: figure for name in LIMITS if (figure := getattr(limits, name)) is not None}
    if not given:
        raise Invalid("limits", "set at least one limit")
    for name, figure in given.items():
        most = PAYMENTS_MOST if name == "payments_per_day" else MAX_AMOUNT_MINOR
        if not 0 <= figure <= most:
            raise Invalid(f"limits.{name}", f"must be from 0, which is nothing, to {most}, or null for no limit")


def _check_list(name: str, values: tuple[str, ...] | None) -> None:
    if values is None:
        return
    if not values and not name.startswith("blocked"):
        raise Invalid(name, "name at least one, or null for no limit")
    known = _KNOWN.get(name)
    if known is None and (len(values) > MERCHANTS_MOST or not all(value.strip() for value in values)):
        raise Invalid(name, f"must be at most {MERCHANTS_MOST} ids, none of them empty")
    for place, value in enumerate(values):
        if known is not None and value not in known:
            raise Invalid(f"{name}[{place}]", "is not known")


def _hour(field: str, text: str) -> time:
    match = re.fullmatch(HOUR, text)
    if match is None:
        raise Invalid(f"hours.{field}", "must be a time from 00:00 to 23:59")
    return time(int(match[1]), int(match[2]))


def _distinct(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(LISTS, _distinct),
    "hours": Hours.of,
    **dict.fromkeys(PLAIN, lambda value: value),
}
_KNOWN: Final = {
    "allowed_categories": categories.CATEGORIES,
    "blocked_categories": categories.CATEGORIES,
    "allowed_countries": COUNTRIES,
}
