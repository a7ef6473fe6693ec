"""How a payment is judged where its grantor has said yes to one more."""

import dataclasses
from datetime import date, time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation.judging import OneOff, Permitted, judge, nearest, refusal
from delegation.limits import Refused, Usage
from delegation.terms import Ceiling, Hours, Limits, RightTerms
from tests.drawing_rights import CEILING, NO_CEILING, attempt, permitting, place

FIRST, SECOND = UUID(int=1), UUID(int=2)
USED = Usage(day_minor=30_000, week_minor=60_000, month_minor=90_000, total_minor=120_000, payments_today=3)
TIGHT = permitting(per_payment=5_000, per_day=30_000, per_week=30_000, per_month=0, total=120_000, payments_per_day=3)


def test_what_the_terms_permit_takes_no_one_off() -> None:
    terms = permitting(per_payment=20_000)
    assert judge(terms, CEILING, USED, attempt(20_000), [OneOff(FIRST, 50_000)]) == Permitted()


def test_a_one_off_lifts_every_amount_and_the_count_of_the_grantor() -> None:
    assert judge(TIGHT, CEILING, USED, attempt(10_000), [OneOff(FIRST, 10_000)]) == Permitted(FIRST)


def test_a_one_off_is_for_no_more_than_its_amount() -> None:
    refused = Refused("amount_limit", "per_payment", "drawing_right", 5_000, 0)
    assert judge(TIGHT, CEILING, USED, attempt(10_001), [OneOff(FIRST, 10_000)]) == refused


def test_the_first_that_fits_is_taken() -> None:
    one_offs = [
        OneOff(UUID(int=9), 9_999),
        OneOff(UUID(int=8), 20_000, place("DK-2")),
        OneOff(FIRST, 10_000),
        OneOff(SECOND, 10_000),
    ]
    assert judge(TIGHT, CEILING, USED, attempt(10_000), one_offs) == Permitted(FIRST)


NOWHERE = [
    (permitting(per_day=99_999, allowed_categories=["games"]), {}, "category"),
    (permitting(per_day=99_999, blocked_categories=["groceries"]), {}, "category"),
    (permitting(per_day=99_999, allowed_countries=["SE"]), {}, "country"),
    (permitting(per_day=99_999, allowed_merchants=["DK-7"]), {}, "merchant"),
    (permitting(per_day=99_999, blocked_merchants=["DK-1"]), {}, "merchant"),
    (permitting(per_day=99_999), {"kind": "cash"}, "cash"),
    (permitting(per_day=99_999), {"mcc": "6011", "kind": "cash"}, "cash"),
    (permitting(per_day=99_999, hours=Hours(("mon",), time(6), time(21))), {}, "hours"),
]


@pytest.mark.parametrize(("terms", "how", "limit"), NOWHERE)
def test_where_and_when_are_lifted_only_in_the_place_it_was_asked_for(
    terms: RightTerms, how: dict[str, Any], limit: str
) -> None:
    wanted, refused = attempt(10_000, **how), Refused("not_permitted", limit, "drawing_right")
    assert judge(terms, CEILING, USED, wanted, [OneOff(FIRST, 10_000)]) == refused
    for elsewhere in (place("DK-2", *wanted.categories), place("DK-1", "toys_and_hobbies")):
        assert judge(terms, CEILING, USED, wanted, [OneOff(FIRST, 10_000, elsewhere)]) == refused
    there = place("DK-1", *wanted.categories)
    assert judge(terms, CEILING, USED, wanted, [OneOff(FIRST, 10_000, there)]) == Permitted(FIRST)


@pytest.mark.parametrize(
    "other",
    [
        {"mcc": "7995"},
        {"mcc": "7273"},
        {"mcc": "0001"},
        {"mcc": "6011", "kind": "cash"},
        {"kind": "cash"},
        {"country": "SE"},
        {"client_id": "another acquirer"},
        {"merchant_id": "dk-1"},
    ],
)
def test_what_was_asked_for_groceries_pays_for_nothing_else_under_that_merchants_id(other: dict[str, Any]) -> None:
    one_offs = [OneOff(FIRST, 10_000, place("DK-1", "groceries"))]
    assert judge(permitting(per_day=0), CEILING, USED, attempt(10_000), one_offs) == Permitted(FIRST)
    assert isinstance(judge(permitting(per_day=0), CEILING, USED, attempt(10_000, **other), one_offs), Refused)


def test_a_place_of_several_categories_is_one_of_fewer_too() -> None:
    there = place("DK-1", "cash", "groceries")
    assert judge(TIGHT, CEILING, USED, attempt(10_000), [OneOff(FIRST, 10_000, there)]) == Permitted(FIRST)


@pytest.mark.parametrize(
    ("terms", "how", "limit"),
    [
        (permitting(per_day=99_999, valid_from=date(2026, 11, 23)), {}, "valid_from"),
        (permitting(per_day=99_999), {"recurring": True}, "recurring"),
        (permitting(per_day=99_999, allowed_countries=["SE"]), {"recurring": True}, "recurring"),
    ],
)
def test_no_one_off_lifts_the_first_day_or_lets_a_subscription_through(
    terms: RightTerms, how: dict[str, Any], limit: str
) -> None:
    refused = judge(terms, CEILING, USED, attempt(10_000, **how), [OneOff(FIRST, 10_000, place())])
    assert refused == Refused("not_permitted", limit, "drawing_right")


@pytest.mark.parametrize(
    ("ceiling", "limit", "figure", "spent"),
    [
        (Ceiling(per_payment=9_999), "per_payment", 9_999, 0),
        (Ceiling(per_day=39_999), "per_day", 39_999, 30_000),
        (Ceiling(per_month=99_999), "per_month", 99_999, 90_000),
    ],
)
def test_the_ceiling_stops_what_a_one_off_lets_through(ceiling: Ceiling, limit: str, figure: int, spent: int) -> None:
    refused = Refused("amount_limit", limit, "ceiling", figure, spent)
    assert judge(TIGHT, ceiling, USED, attempt(10_000), [OneOff(FIRST, 10_000, place())]) == refused


def test_the_ceiling_counts_payments_by_one_offs_too() -> None:
    refused = Refused("count_limit", "payments_per_day", "ceiling", 3, 3)
    assert judge(TIGHT, Ceiling(payments_per_day=3), USED, attempt(10_000), [OneOff(FIRST, 10_000)]) == refused


def test_what_the_ceiling_alone_refuses_is_its_refusal_with_a_one_off_or_without() -> None:
    terms, refused = permitting(per_payment=50_000), Refused("amount_limit", "per_payment", "ceiling", 9_999, 0)
    for one_offs in ([], [OneOff(FIRST, 1)], [OneOff(FIRST, 50_000)]):
        assert judge(terms, Ceiling(per_payment=9_999), USED, attempt(10_000), one_offs) == refused


def test_a_verification_spends_no_one_off() -> None:
    terms, wanted = permitting(per_day=0, allowed_countries=["SE"]), attempt(0, kind="verification")
    refused = Refused("not_permitted", "country", "drawing_right")
    assert judge(terms, CEILING, USED, wanted, [OneOff(FIRST, 10_000, place())]) == refused


@pytest.mark.parametrize(
    ("terms", "ceiling", "expected"),
    [
        (permitting(per_day=50_000, per_week=75_000, per_month=500_000), NO_CEILING, ("per_week", 15_000)),
        (permitting(per_day=50_000), Ceiling(per_month=100_000), ("per_month", 10_000)),
        (permitting(per_day=50_000, total=120_001), NO_CEILING, ("total", 1)),
        (permitting(per_payment=1, payments_per_day=3, per_day=50_000), NO_CEILING, ("per_day", 20_000)),
        (permitting(per_day=10_000, per_week=60_000), NO_CEILING, ("per_week", 0)),
        (permitting(per_payment=1, payments_per_day=3), NO_CEILING, None),
    ],
)
def test_the_nearest_limit_is_that_of_which_least_is_left(
    terms: RightTerms, ceiling: Ceiling, expected: tuple[str, int] | None
) -> None:
    assert nearest(terms, ceiling, USED) == expected


@pytest.mark.parametrize(
    ("spending", "expected"), [(5_000, ("per_week", 10_000)), (15_000, ("per_week", 0)), (30_000, ("total", 0))]
)
def test_what_is_being_spent_is_taken_off_and_nothing_is_left_below_zero(
    spending: int, expected: tuple[str, int]
) -> None:
    terms = permitting(per_day=50_000, per_week=75_000, total=140_000)
    assert nearest(terms, NO_CEILING, USED, spending) == expected


figures = st.none() | st.integers(0, 200)
ceilings = st.builds(Ceiling, figures, figures, payments_per_day=st.none() | st.integers(0, 3))
places = st.sampled_from([None, place("DK-1"), place("DK-2"), place(country="SE")])
one_offs = st.lists(st.tuples(st.integers(1, 200), places), max_size=3).map(
    lambda said: [OneOff(UUID(int=number), *each) for number, each in enumerate(said)]
)


@settings(max_examples=40, deadline=None)
@given(ceilings, figures, st.sampled_from([None, ("DK",), ("SE",)]), one_offs, ceilings, st.integers(1, 200))
def test_whatever_a_one_off_lifts_the_ceiling_holds_and_what_needs_none_takes_none(
    limits: Limits,
    total: int | None,
    countries: tuple[str, ...] | None,
    said: list[OneOff],
    ceiling: Ceiling,
    amount: int,
) -> None:
    terms = RightTerms(dataclasses.replace(limits, total=total), allowed_countries=countries)
    usage, wanted = Usage(day_minor=50, total_minor=50, payments_today=1), attempt(amount)
    judged = judge(terms, ceiling, usage, wanted, said)
    if refusal(terms, ceiling, usage, wanted) is None:
        assert judged == Permitted()
    elif isinstance(judged, Permitted):
        assert refusal(permitting(), ceiling, usage, wanted) is None
        [taken] = [each for each in said if each.request_id == judged.one_off]
        assert taken.amount_minor >= amount
        assert taken.place in (None, place("DK-1"))
        assert taken.place or countries != ("SE",)
