"""Whether a drawing right permits one payment, and if not, why not. Pure.

The tighter of the grantor's limit and the scheme's ceiling counts (R-2.10b); the refusal tells which one it was. Days
and hours are Copenhagen's. A verification spends nothing, so no amount or count stops it; where and when still hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Protocol

from delegation.categories import CASH, MONEY_TRANSFERS, categories_of
from delegation.terms import LIMITS, Ceiling, Hours, Limits, RightTerms
from tokenization.clock import COPENHAGEN

DRAWING_RIGHT: Final = "drawing_right"
CEILING: Final = "ceiling"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One payment that wants to be made. `kind`: purchase, cash, verification; `country`: alpha-2; `at`: aware."""

    amount_minor: int
    mcc: str
    country: str
    merchant_id: str
    kind: str
    at: datetime
    recurring: bool = False


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
_CASH_LIKE: Final = frozenset({CASH, MONEY_TRANSFERS})


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
    """Cash, and what is as good as cash, only where the grantor named it."""

    named: frozenset[str]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if categories(attempt) & _CASH_LIKE <= self.named else _not_permitted("cash")


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
        return _not_permitted("category") if categories(attempt).isdisjoint(self.allowed) else None


@dataclass(frozen=True, slots=True)
class NoCategories:
    """No merchant of these categories, whatever else it is."""

    blocked: tuple[str, ...]

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if categories(attempt).isdisjoint(self.blocked) else _not_permitted("category")


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
class OnlyHours:
    """Only within these hours, by the clock in Copenhagen."""

    hours: Hours

    def refuse(self, attempt: Attempt, usage: Usage) -> Refused | None:
        return None if self.hours.include(attempt.at.astimezone(COPENHAGEN)) else _not_permitted("hours")


def categories(attempt: Attempt) -> frozenset[str]:
    """The merchant's categories; a cash withdrawal is `cash` wherever it is made."""
    found = categories_of(attempt.mcc)
    return found | {CASH} if attempt.kind == "cash" else found


def tightest(limits: Limits, ceiling: Ceiling) -> Iterator[tuple[str, int, str]]:
    """(limit, figure, of) for each limit that exists: the grantor's or the scheme's, whichever is tighter."""
    for name in LIMITS:
        own, most = getattr(limits, name), getattr(ceiling, name)
        if most is not None and (own is None or most < own):
            yield name, most, CEILING
        elif own is not None:
            yield name, own, DRAWING_RIGHT


def refusal(right: RightTerms, ceiling: Ceiling, usage: Usage, attempt: Attempt) -> Refused | None:
    """Why this drawing right does not permit this payment, or None where it does (R-2.10a, R-2.10b).

    What is not permitted at all comes before how much; the first that stands in the way is named.
    """
    found = (check.refuse(attempt, usage) for check in _checks(right, ceiling, attempt.kind))
    return next((refused for refused in found if refused), None)


def _checks(right: RightTerms, ceiling: Ceiling, kind: str) -> Iterator[Check]:
    yield NoCash(frozenset(right.allowed_categories or ()))
    yield NoRecurring()
    if right.allowed_categories is not None:
        yield OnlyCategories(right.allowed_categories)
    if right.blocked_categories is not None:
        yield NoCategories(right.blocked_categories)
    if right.allowed_countries is not None:
        yield OnlyCountries(right.allowed_countries)
    if right.allowed_merchants is not None:
        yield OnlyMerchants(right.allowed_merchants)
    if right.hours is not None:
        yield OnlyHours(right.hours)
    if kind == "verification":
        return
    for limit, allowed, of in tightest(right.limits, ceiling):
        yield (MostPayments if limit == "payments_per_day" else MostSpent)(limit, allowed, of)


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
        or _widens(old.allowed_categories, new.allowed_categories)
        or _widens(old.allowed_countries, new.allowed_countries)
        or _widens(old.allowed_merchants, new.allowed_merchants)
        or not set(old.blocked_categories or ()) <= set(new.blocked_categories or ())
        or not _CASH_LIKE & set(new.allowed_categories or ()) <= set(old.allowed_categories or ())
        or _opens(old.hours, new.hours)
        or _rises(old.valid_until, new.valid_until)
    )


def _rises(old: Any, new: Any) -> bool:
    """None is the highest of all."""
    return old is not None and (new is None or new > old)


def _widens(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> bool:
    """None is everything."""
    return old is not None and (new is None or not set(new) <= set(old))


def _opens(old: Hours | None, new: Hours | None) -> bool:
    """None is around the clock."""
    return old is not None and (new is None or not new.minutes() <= old.minutes())
