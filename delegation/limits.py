"""The limits of a drawing right, each by itself: it looks at one payment and says why not. Pure.

The tighter of the grantor's limit and the scheme's ceiling counts (R-2.10b); the refusal tells which one it was. Days
and hours are Copenhagen's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any, Final, Protocol

from delegation.categories import CASH, MONEY_TRANSFERS, categories_at
from delegation.terms import LIMITS, WEEKDAYS, Ceiling, Hours, Limits, RightTerms
from tokenization.clock import COPENHAGEN, local_date

DRAWING_RIGHT: Final = "drawing_right"
CEILING: Final = "ceiling"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One payment that wants to be made. `kind`: purchase, cash, verification; `country`: alpha-2; `at`: aware.

    `client_id` is the acquirer's client that asks: what a merchant is called is true within that client only.
    """

    amount_minor: int
    mcc: str
    country: str
    merchant_id: str
    client_id: str
    kind: str
    at: datetime
    recurring: bool = False

    @property
    def categories(self) -> frozenset[str]:
        """Those of the merchant, and of the kind of payment."""
        return categories_at(self.mcc, self.kind)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a scope has used, in minor units, at one moment. `total_minor` is None where it was not asked for."""

    day_minor: int = 0
    week_minor: int = 0
    month_minor: int = 0
    thirty_days_minor: int = 0
    total_minor: int | None = 0
    payments_today: int = 0
    cash_today_minor: int = 0
    gambling_today_minor: int = 0
    visa_thirty_days_minor: int = 0
    visa_cash_today_minor: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not: `reason` amount_limit, count_limit or not_permitted, and the limit that stopped it.

    `of` is drawing_right or ceiling; `allowed` and `spent` are minor units or payments, None where nothing is counted.
    """

    reason: str
    limit: str
    of: str
    allowed: int | None = None
    spent: int | None = None


@dataclass(frozen=True, slots=True)
class Exceeding:
    """A limit that was asked for above the scheme's ceiling."""

    limit: str
    asked: int
    ceiling: int


_USED: Final[dict[str, Callable[[Usage], int | None]]] = {
    "per_payment": lambda _: 0,
    "per_day": attrgetter("day_minor"),
    "per_week": attrgetter("week_minor"),
    "per_month": attrgetter("month_minor"),
    "total": attrgetter("total_minor"),
    "payments_per_day": attrgetter("payments_today"),
}
CASH_LIKE: Final = frozenset({CASH, MONEY_TRANSFERS})
_ALLOWED: Final = ("allowed_categories", "allowed_countries", "allowed_merchants")
_BLOCKED: Final = ("blocked_categories", "blocked_merchants")
_AROUND_THE_CLOCK: Final = Hours(WEEKDAYS, time.min, time.min)


def used(usage: Usage, limit: str) -> int:
    """How much of a limit is used up: minor units, or payments. Raises where the usage was loaded without it."""
    amount = _USED[limit](usage)
    if amount is None:
        raise ValueError(f"the usage was loaded without its {limit}")
    return amount


class Check(Protocol):
    """One limit: it looks at a payment and says why not, or nothing."""

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        """The refusal, or None where this limit permits the payment."""


@dataclass(frozen=True, slots=True)
class MostSpent:
    """No more than `allowed` within a period (or a payment, or in all). Exactly that much passes."""

    limit: str
    allowed: int
    of: str

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        spent = used(usage, self.limit)
        if spent + attempt.amount_minor <= self.allowed:
            return None
        return Refused("amount_limit", self.limit, self.of, self.allowed, spent)


@dataclass(frozen=True, slots=True)
class MostPayments:
    """No more than `allowed` payments within a period."""

    limit: str
    allowed: int
    of: str

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        made = used(usage, self.limit)
        return None if made < self.allowed else Refused("count_limit", self.limit, self.of, self.allowed, made)


@dataclass(frozen=True, slots=True)
class NoCash:
    """No cash, nor what is as good as cash, but of the kinds that the grantor permits."""

    permitted: frozenset[str]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if attempt.categories & CASH_LIKE <= self.permitted else _not_permitted("cash")


@dataclass(frozen=True, slots=True)
class NoRecurring:
    """No subscriptions: a delegate pays when the delegate is there."""

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return _not_permitted("recurring") if attempt.recurring else None


@dataclass(frozen=True, slots=True)
class OnlyCategories:
    """Only merchants of these categories."""

    allowed: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return _not_permitted("category") if attempt.categories.isdisjoint(self.allowed) else None


@dataclass(frozen=True, slots=True)
class NoCategories:
    """No merchant of these categories, whatever else it is."""

    blocked: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if attempt.categories.isdisjoint(self.blocked) else _not_permitted("category")


@dataclass(frozen=True, slots=True)
class OnlyCountries:
    """Only merchants in these countries."""

    allowed: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if attempt.country in self.allowed else _not_permitted("country")


@dataclass(frozen=True, slots=True)
class OnlyMerchants:
    """Only these merchants."""

    allowed: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if attempt.merchant_id in self.allowed else _not_permitted("merchant")


@dataclass(frozen=True, slots=True)
class NoMerchants:
    """None of these merchants."""

    blocked: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return _not_permitted("merchant") if attempt.merchant_id in self.blocked else None


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Nothing before this day in Copenhagen."""

    first: date

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return _not_permitted("valid_from") if local_date(attempt.at) < self.first else None


@dataclass(frozen=True, slots=True)
class OnlyHours:
    """Only within these hours, by the clock in Copenhagen."""

    hours: Hours

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if self.hours.include(attempt.at.astimezone(COPENHAGEN)) else _not_permitted("hours")


def permitted_cash(terms: RightTerms) -> frozenset[str]:
    """Which of cash, and what is as good as cash, the grantor permits: both, or those that are named."""
    return CASH_LIKE if terms.allow_cash else CASH_LIKE.intersection(terms.allowed_categories or ())


def tightest(limits: Limits, ceiling: Ceiling) -> Iterator[tuple[str, int, str]]:
    """(limit, figure, of) for each limit that exists: the grantor's or the scheme's, whichever is tighter."""
    for name in LIMITS:
        own, most = getattr(limits, name), getattr(ceiling, name)
        if most is not None and (own is None or most < own):
            yield name, most, CEILING
        elif own is not None:
            yield name, own, DRAWING_RIGHT


def _not_permitted(limit: str) -> Refused:
    return Refused("not_permitted", limit, DRAWING_RIGHT)


def exceeding(limits: Limits, ceiling: Ceiling) -> list[Exceeding]:
    """The limits that were asked for above the scheme's ceiling (R-2.10b): refused at set-up."""
    pairs = ((name, getattr(limits, name), getattr(ceiling, name)) for name in LIMITS)
    return [Exceeding(*pair) for pair in pairs if pair[1] is not None and pair[2] is not None and pair[1] > pair[2]]


def loosens(old: RightTerms, new: RightTerms) -> bool:
    """Whether new terms permit any payment that the old ones refused. That wants a step-up."""
    return (
        any(_rises(getattr(old.limits, name), getattr(new.limits, name)) for name in LIMITS)
        or any(_widens(getattr(old, name), getattr(new, name)) for name in _ALLOWED)
        or any(not set(getattr(old, name) or ()) <= set(getattr(new, name) or ()) for name in _BLOCKED)
        or not permitted_cash(new) <= permitted_cash(old)
        or (new.allow_recurring and not old.allow_recurring)
        or not _minutes(new) <= _minutes(old)
        or (new.valid_from or date.min) < (old.valid_from or date.min)
        or _rises(old.valid_until, new.valid_until)
    )


def _rises(old: Any, new: Any) -> bool:
    """None is the highest of all."""
    return old is not None and (new is None or new > old)


def _widens(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> bool:
    """None is everything."""
    return old is not None and (new is None or not set(new) <= set(old))


def _minutes(terms: RightTerms) -> frozenset[int]:
    return (terms.hours or _AROUND_THE_CLOCK).minutes()
