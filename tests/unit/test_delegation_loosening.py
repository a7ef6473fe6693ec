"""What lets a payment through that was refused wants a step-up: `loosens`, held against a search for such a payment."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation.judging import refusal
from delegation.limits import Attempt, Usage, loosens
from delegation.terms import LIMITS, WEEKDAYS, Ceiling, Hours, Limits, RightTerms
from tests.drawing_rights import NO_CEILING, attempt, permitting
from tokenization.clock import local_date

MONDAYS = [
    datetime(2026, 3, 23, 12, tzinfo=UTC),
    datetime(2026, 10, 19, 12, tzinfo=UTC),
]  # the clocks change on their Sundays
MCCS = ("5411", "6011", "6051", "7995", "5816", "1520")
MERCHANTS, COUNTRIES = ("m1", "m2", "m3"), ("DK", "SE", "DE")
SPENT = Usage(
    day_minor=1_000, week_minor=1_000, month_minor=1_000, thirty_days_minor=1_000, total_minor=1_000, payments_today=3
)


def permits(terms: RightTerms, ceiling: Ceiling, wanted: Attempt) -> bool:
    """Whether it is paid under these terms; that a right is over, tells its status."""
    over = terms.valid_until is not None and terms.valid_until < local_date(wanted.at)
    return not over and refusal(terms, ceiling, SPENT, wanted) is None


def payments(base: Attempt, terms: tuple[RightTerms, ...]) -> Iterator[Attempt]:
    """That payment at any hour of its week, at any merchant, for whatever, and of amounts around the limits."""
    yield base
    if any(each.hours or each.valid_from or each.valid_until for each in terms):
        yield from (dataclasses.replace(base, at=base.at + timedelta(hours=hour)) for hour in range(7 * 24))
    for mcc, kind, recurring in product(MCCS, ("purchase", "cash"), (False, True)):
        yield dataclasses.replace(base, mcc=mcc, kind=kind, recurring=recurring)
    for merchant_id, country in product(MERCHANTS, COUNTRIES):
        yield dataclasses.replace(base, merchant_id=merchant_id, country=country)
    figures = {figure for each in terms for figure in dataclasses.astuple(each.limits) if figure is not None}
    for figure, spent, more in product(figures, (0, SPENT.day_minor), (0, 1)):
        yield dataclasses.replace(base, amount_minor=max(1, figure - spent + more))


def outcomes(one: RightTerms, other: RightTerms, base: Attempt, ceiling: Ceiling) -> set[tuple[bool, bool]]:
    """Whether these terms and those permit them: the pairs that are found."""
    return {(permits(one, ceiling, each), permits(other, ceiling, each)) for each in payments(base, (one, other))}


LET_THROUGH, STOPPED = (False, True), (True, False)
BASE = attempt(100, at=MONDAYS[0], merchant_id="m1")
DAYTIME = Hours(("mon", "tue", "wed", "thu", "fri"), time(6), time(21))
NIGHT = Hours(("fri",), time(22), time(2))
THURSDAY = date(2026, 3, 26)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *((permitting(**{name: 1_100}), permitting(**{name: 1_101})) for name in LIMITS[:5]),
        *((permitting(**{name: 1_100}), permitting()) for name in LIMITS[:5]),
        (permitting(per_day=0), permitting()),
        (permitting(payments_per_day=3), permitting(payments_per_day=4)),
        (permitting(payments_per_day=3), permitting()),
        (permitting(allowed_categories=["games"]), permitting(allowed_categories=["games", "gambling"])),
        (permitting(allowed_categories=["games"]), permitting()),
        (permitting(), permitting(allowed_categories=["games", "cash"])),
        (permitting(), permitting(allowed_categories=["money_transfers"])),
        (permitting(), permitting(allow_cash=True)),
        (permitting(allowed_categories=["cash"]), permitting(allowed_categories=["cash"], allow_cash=True)),
        (permitting(), permitting(allow_recurring=True)),
        (permitting(blocked_categories=["games"]), permitting()),
        (permitting(blocked_categories=["games"]), permitting(blocked_categories=["gambling"])),
        (permitting(allowed_countries=["DK"]), permitting(allowed_countries=["SE"])),
        (permitting(allowed_merchants=["m1"]), permitting(allowed_merchants=["m1", "m2"])),
        (permitting(blocked_merchants=["m1", "m2"]), permitting(blocked_merchants=["m2"])),
        (permitting(blocked_merchants=["m1"]), permitting()),
        (permitting(hours=DAYTIME), permitting(hours=Hours(("mon",), time(6), time(22)))),
        (permitting(hours=DAYTIME), permitting()),
        (permitting(hours=NIGHT), permitting(hours=Hours(("sat",), time(0), time(4)))),
        (permitting(valid_from=THURSDAY), permitting(valid_from=date(2026, 3, 25))),
        (permitting(valid_from=THURSDAY), permitting()),
        (permitting(valid_until=THURSDAY), permitting(valid_until=date(2026, 3, 27))),
        (permitting(valid_until=THURSDAY), permitting()),
    ],
)
def test_a_change_that_lets_a_payment_through_loosens(old: RightTerms, new: RightTerms) -> None:
    assert LET_THROUGH in outcomes(old, new, BASE, NO_CEILING)
    assert loosens(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (permitting(per_day=100), permitting(per_day=100)),
        (permitting(per_day=100), permitting(per_day=99)),
        (permitting(), permitting(per_day=0)),
        (permitting(allowed_categories=["games", "fuel"]), permitting(allowed_categories=["games"])),
        (permitting(), permitting(allowed_categories=["games"])),
        (permitting(allow_cash=True), permitting(allowed_categories=["games", "cash"])),
        (permitting(allow_recurring=True), permitting()),
        (permitting(), permitting(blocked_categories=["games"])),
        (permitting(blocked_categories=[]), permitting()),
        (permitting(blocked_merchants=["m1"]), permitting(blocked_merchants=["m2", "m1"])),
        (permitting(allowed_merchants=["m1", "m2"]), permitting(allowed_merchants=["m2"])),
        (permitting(hours=DAYTIME), permitting(hours=Hours(("mon",), time(7), time(20)))),
        (permitting(hours=NIGHT), permitting(hours=Hours(("sat",), time(0), time(1)))),
        (permitting(hours=Hours(WEEKDAYS, time(6), time(6))), permitting()),
        (permitting(), permitting(valid_from=THURSDAY)),
        (permitting(valid_from=THURSDAY), permitting(valid_from=date(2026, 3, 27))),
        (permitting(), permitting(valid_until=THURSDAY)),
        (permitting(phones_allowed=1), permitting(phones_allowed=2)),
    ],
)
def test_a_change_that_only_takes_away_does_not_loosen(old: RightTerms, new: RightTerms) -> None:
    assert not loosens(old, new)


figures = st.none() | st.integers(0, 3_000)
names = st.sampled_from(["groceries", "cash", "gambling", "other", "games", "money_transfers"])
merchants = st.none() | st.lists(st.sampled_from(MERCHANTS), max_size=2, unique=True).map(tuple)
categories = st.none() | st.lists(names, max_size=3, unique=True).map(tuple)
clock = st.sampled_from([time(0), time(2), time(9), time(17), time(22)])
days = st.none() | st.sampled_from([date(2026, 3, 24), THURSDAY, date(2026, 10, 20), date(2026, 10, 25)])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "limits": st.builds(Limits, figures, figures, figures, figures, figures, st.none() | st.integers(2, 5)),
    "allowed_categories": categories,
    "blocked_categories": categories,
    "allowed_countries": st.none() | st.sampled_from([("DK",), ("SE", "DK")]),
    "allowed_merchants": merchants,
    "blocked_merchants": merchants,
    "allow_cash": st.booleans(),
    "allow_recurring": st.booleans(),
    "hours": st.none()
    | st.builds(
        Hours, st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True).map(tuple), clock, clock
    ),
    "valid_from": days,
    "valid_until": days,
    "phones_allowed": st.none() | st.integers(1, 3),
}


@st.composite
def saying(draw: st.DrawFn, field: str) -> dict[str, Any]:
    """Something of that field, and of one other at most, so that a payment has a chance."""
    others = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=1))
    return {name: draw(FIELDS[name]) for name in (field, *others)}


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=12, deadline=None)
@given(st.data(), st.builds(Ceiling, figures), st.sampled_from(MONDAYS), st.sampled_from(MCCS))
def test_terms_that_do_not_loosen_permit_nothing_that_was_refused(
    field: str, data: st.DataObject, ceiling: Ceiling, monday: datetime, mcc: str
) -> None:
    one = RightTerms(**{"limits": Limits(), **data.draw(saying(field))})
    other = dataclasses.replace(one, **data.draw(saying(field)))
    found = outcomes(one, other, attempt(100, at=monday, merchant_id="m1", mcc=mcc), ceiling)
    assert loosens(one, other) or LET_THROUGH not in found
    assert loosens(other, one) or STOPPED not in found


def test_every_field_of_the_terms_is_searched() -> None:
    assert set(FIELDS) == {field.name for field in dataclasses.fields(RightTerms)}
