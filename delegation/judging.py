"""Whether a drawing right permits one payment: every limit is asked, and a one-off may say yes where one says no. Pure.

A verification spends nothing, so no amount or count stops it, and no one-off is spent on it; where and when still hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from delegation.limits import (
    DRAWING_RIGHT,
    Attempt,
    Check,
    MostPayments,
    MostSpent,
    NoCash,
    NoCategories,
    NoMerchants,
    NoRecurring,
    NotBefore,
    OnlyCategories,
    OnlyCountries,
    OnlyHours,
    OnlyMerchants,
    Refused,
    Usage,
    permitted_cash,
    tightest,
    used,
)
from delegation.terms import LIMITS, Ceiling, Limits, RightTerms

# What a one-off lifts of the grantor's: how much always; where and when, too, in the one place it was asked for.
# What is on neither list (`valid_from`, `recurring`) no one-off lifts.
HOW_MUCH: Final = frozenset(LIMITS)
WHERE_AND_WHEN: Final = frozenset({"cash", "category", "country", "merchant", "hours"})
LIFTED: Final = HOW_MUCH | WHERE_AND_WHEN
_CEILING_ALONE: Final = RightTerms(Limits(), allow_cash=True, allow_recurring=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a payment was declined, and as what, as the grantor saw it."""

    merchant_id: str
    client_id: str
    country: str
    categories: frozenset[str]

    def is_where(self, attempt: Attempt) -> bool:
        """Whether a payment is made there: by nobody else's merchant of that id, and of no category besides."""
        there = (self.merchant_id, self.client_id, self.country)
        is_there = (attempt.merchant_id, attempt.client_id, attempt.country) == there
        return is_there and attempt.categories <= self.categories


@dataclass(frozen=True, slots=True)
class OneOff:
    """The grantor's yes to one payment of at most `amount_minor`; with a place, to one there."""

    request_id: UUID
    amount_minor: int
    place: Place | None = None

    def permits(self, attempt: Attempt, refused: set[str]) -> bool:
        """Whether it is for that payment, and lifts all of these limits of the grantor's."""
        if attempt.amount_minor > self.amount_minor:
            return False
        if self.place is None:
            return refused <= HOW_MUCH
        return self.place.is_where(attempt) and refused <= LIFTED


@dataclass(frozen=True, slots=True)
class Permitted:
    """Yes; `one_off` is the request whose yes it took, None where the terms alone permit the payment."""

    one_off: UUID | None = None


def judge(
    terms: RightTerms, ceiling: Ceiling, usage: Usage, attempt: Attempt, one_offs: Sequence[OneOff] = ()
) -> Permitted | Refused:
    """Permit a payment by the terms alone, else by the first one-off that fits; the ceiling always holds (R-2.10b).

    Where none fits, the refusal is the terms' own; where one does and the ceiling is in the way, the ceiling's.
    """
    found = refusals(terms, ceiling, usage, attempt)
    refused = next(found, None)
    if refused is None:
        return Permitted()
    if not one_offs or attempt.kind == "verification":
        return refused
    # A limit of the grantor's that the ceiling hides is an amount or the count, which any one-off lifts.
    own = {each.limit for each in (refused, *found) if each.of == DRAWING_RIGHT}
    one_off = next((each for each in one_offs if each.permits(attempt, own)), None)
    if one_off is None:
        return refused
    return refusal(_CEILING_ALONE, ceiling, usage, attempt) or Permitted(one_off.request_id)


def refusal(terms: RightTerms, ceiling: Ceiling, usage: Usage, attempt: Attempt) -> Refused | None:
    """Why the terms alone do not permit this payment, or None where they do (R-2.10a, R-2.10b).

    What is not permitted at all comes before how much; the first that stands in the way is named.
    """
    return next(refusals(terms, ceiling, usage, attempt), None)


def refusals(terms: RightTerms, ceiling: Ceiling, usage: Usage, attempt: Attempt) -> Iterator[Refused]:
    """The same of every limit that stands in the way, in order."""
    found = (check.refuse(attempt, usage) for check in _checks(terms, ceiling, attempt.kind))
    return (refused for refused in found if refused)


def _checks(terms: RightTerms, ceiling: Ceiling, kind: str) -> Iterator[Check]:
    yield from _where_and_when(terms)
    if kind == "verification":
        return
    for limit, allowed, of in tightest(terms.limits, ceiling):
        yield (MostPayments if limit == "payments_per_day" else MostSpent)(limit, allowed, of)


def _where_and_when(terms: RightTerms) -> Iterator[Check]:
    if terms.valid_from is not None:
        yield NotBefore(terms.valid_from)
    if not terms.allow_cash:
        yield NoCash(permitted_cash(terms))
    if not terms.allow_recurring:
        yield NoRecurring()
    if terms.allowed_categories is not None:
        yield OnlyCategories(terms.allowed_categories)
    if terms.blocked_categories is not None:
        yield NoCategories(terms.blocked_categories)
    if terms.allowed_countries is not None:
        yield OnlyCountries(terms.allowed_countries)
    if terms.allowed_merchants is not None:
        yield OnlyMerchants(terms.allowed_merchants)
    if terms.blocked_merchants is not None:
        yield NoMerchants(terms.blocked_merchants)
    if terms.hours is not None:
        yield OnlyHours(terms.hours)


def nearest(terms: RightTerms, ceiling: Ceiling, usage: Usage, spending_minor: int = 0) -> tuple[str, int] | None:
    """(limit, minor units): of which amount limit, or ceiling, least is left once that much more is spent; or None.

    Of limits that leave the same, the one that holds longest. What one payment may cost says nothing of what is left.
    """
    left = [
        (limit, max(0, allowed - used(usage, limit) - spending_minor))
        for limit, allowed, _ in tightest(terms.limits, ceiling)
        if limit not in ("per_payment", "payments_per_day")
    ]
    return min(reversed(left), key=lambda each: each[1], default=None)
