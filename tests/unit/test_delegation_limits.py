from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.judging import refusal
from delegation.limits import Attempt, Exceeding, Refused, Usage, exceeding
from delegation.terms import LIMITS, WEEKDAYS, Ceiling, Hours, Limits, RightTerms
from tests.drawing_rights import CEILING, NO_CEILING, attempt, permitting

USED = Usage(day_minor=30_000, week_minor=60_000, month_minor=90_000, total_minor=120_000, payments_today=3)


@pytest.mark.parametrize(
    ("limit", "figure", "fits", "spent"),
    [
        ("per_payment", 20_000, 20_000, 0),
        ("per_day", 50_000, 20_000, 30_000),
        ("per_week", 80_000, 20_000, 60_000),
        ("per_month", 110_000, 20_000, 90_000),
        ("total", 140_000, 20_000, 120_000),
    ],
)
def test_exactly_the_limit_passes_and_one_oere_more_does_not(limit: str, figure: int, fits: int, spent: int) -> None:
    terms = permitting(**{limit: figure})
    assert refusal(terms, NO_CEILING, USED, attempt(fits)) is None
    refused = Refused("amount_limit", limit, "drawing_right", figure, spent)
    assert refusal(terms, NO_CEILING, USED, attempt(fits + 1)) == refused


def test_the_last_of_so_many_payments_a_day_passes_and_the_next_does_not() -> None:
    assert refusal(permitting(payments_per_day=4), NO_CEILING, USED, attempt()) is None
    refused = Refused("count_limit", "payments_per_day", "drawing_right", 3, 3)
    assert refusal(permitting(payments_per_day=3), NO_CEILING, USED, attempt()) == refused


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_of_zero_lets_nothing_through(limit: str) -> None:
    refused = refusal(permitting(**{limit: 0}), NO_CEILING, Usage(), attempt(1))
    assert refused is not None
    assert (refused.limit, refused.allowed) == (limit, 0)


def test_no_limit_at_all_lets_everything_through() -> None:
    assert refusal(permitting(), NO_CEILING, USED, attempt(999_999_999_999)) is None


@pytest.mark.parametrize("limit", ["per_payment", "per_day", "per_week", "per_month"])
def test_the_ceiling_holds_where_the_grantor_set_no_limit(limit: str) -> None:
    figure: int = getattr(CEILING, limit)
    refused = refusal(permitting(), Ceiling(**{limit: figure}), Usage(), attempt(figure + 1))
    assert refused == Refused("amount_limit", limit, "ceiling", figure, 0)


@pytest.mark.parametrize(
    ("own", "ceiling", "allowed", "of"),
    [(500, 400, 400, "ceiling"), (400, 500, 400, "drawing_right"), (400, 400, 400, "drawing_right")],
)
def test_the_tighter_of_limit_and_ceiling_counts(own: int, ceiling: int, allowed: int, of: str) -> None:
    refused = refusal(permitting(per_day=own), Ceiling(per_day=ceiling), Usage(day_minor=1), attempt(400))
    assert refused == Refused("amount_limit", "per_day", of, allowed, 1)


def test_the_ceiling_counts_payments_too() -> None:
    refused = refusal(permitting(payments_per_day=30), CEILING, Usage(payments_today=20), attempt())
    assert refused == Refused("count_limit", "payments_per_day", "ceiling", 20, 20)


def test_a_limit_a_day_above_the_limit_a_month_is_held_by_the_month() -> None:
    refused = refusal(permitting(per_day=900, per_month=500), NO_CEILING, Usage(), attempt(501))
    assert refused == Refused("amount_limit", "per_month", "drawing_right", 500, 0)


def test_a_verification_spends_nothing_so_no_amount_or_count_stops_it() -> None:
    terms = permitting(per_payment=0, per_day=0, payments_per_day=0)
    assert refusal(terms, CEILING, USED, attempt(0, kind="verification")) is None


def test_a_verification_is_held_to_where_and_when() -> None:
    refused = refusal(
        permitting(blocked_categories=["gambling"]), CEILING, USED, attempt(0, kind="verification", mcc="7995")
    )
    assert refused == Refused("not_permitted", "category", "drawing_right")


@pytest.mark.parametrize(
    ("terms", "wanted", "limit"),
    [
        (permitting(allowed_categories=["groceries"]), attempt(mcc="5411"), None),
        (permitting(allowed_categories=["groceries"]), attempt(mcc="5812"), "category"),
        (permitting(allowed_categories=["other"]), attempt(mcc="1520"), None),
        (permitting(allowed_categories=["groceries"]), attempt(mcc="1520"), "category"),
        (permitting(blocked_categories=["gambling"]), attempt(mcc="7995"), "category"),
        (permitting(blocked_categories=["gambling"]), attempt(mcc="5411"), None),
        (permitting(blocked_categories=[]), attempt(mcc="7995"), None),
        (permitting(allowed_categories=["restaurants"]), attempt(mcc="5813"), None),
        (
            permitting(allowed_categories=["restaurants"], blocked_categories=["alcohol_and_tobacco"]),
            attempt(mcc="5813"),
            "category",
        ),
        (permitting(allowed_countries=["DK", "SE"]), attempt(country="SE"), None),
        (permitting(allowed_countries=["DK", "SE"]), attempt(country="DE"), "country"),
        (permitting(allowed_merchants=["DK-1"]), attempt(merchant_id="DK-1"), None),
        (permitting(allowed_merchants=["DK-1"]), attempt(merchant_id="DK-12"), "merchant"),
        (permitting(), attempt(kind="cash", mcc="6011"), "cash"),
        (permitting(), attempt(mcc="6010"), "cash"),
        (permitting(), attempt(kind="cash", mcc="5411"), "cash"),
        (permitting(allowed_categories=["groceries"]), attempt(kind="cash", mcc="5411"), "cash"),
        (permitting(allowed_categories=["groceries", "cash"]), attempt(kind="cash", mcc="5411"), None),
        (permitting(allowed_categories=["cash"]), attempt(kind="cash", mcc="6011"), None),
        (permitting(), attempt(mcc="6051"), "cash"),
        (permitting(), attempt(mcc="6211"), "cash"),
        (permitting(), attempt(mcc="6530"), "cash"),
        (permitting(allowed_categories=["cash"]), attempt(mcc="6051"), "cash"),
        (permitting(allowed_categories=["money_transfers"]), attempt(mcc="6051"), None),
        (permitting(allow_cash=True), attempt(kind="cash", mcc="6011"), None),
        (permitting(allow_cash=True), attempt(mcc="6051"), None),
        (permitting(allow_cash=True, allowed_categories=["groceries"]), attempt(kind="cash", mcc="5411"), None),
        (permitting(allow_cash=True, allowed_categories=["groceries"]), attempt(kind="cash", mcc="6011"), "category"),
        (permitting(allow_cash=True, blocked_categories=["cash"]), attempt(kind="cash"), "category"),
        (permitting(), attempt(recurring=True), "recurring"),
        (permitting(allow_recurring=True), attempt(recurring=True), None),
        (permitting(blocked_merchants=["DK-1"]), attempt(merchant_id="DK-1"), "merchant"),
        (permitting(blocked_merchants=["DK-1"]), attempt(merchant_id="DK-12"), None),
        (permitting(allowed_merchants=["DK-1"], blocked_merchants=["DK-1"]), attempt(), "merchant"),
        (permitting(blocked_merchants=[]), attempt(), None),
    ],
)
def test_where_and_what_for(terms: RightTerms, wanted: Attempt, limit: str | None) -> None:
    refused = refusal(terms, CEILING, Usage(), wanted)
    assert refused == (limit and Refused("not_permitted", limit, "drawing_right"))


def july(day: int, clock: str) -> datetime:
    """A moment of July 2026 in UTC; Copenhagen is two hours ahead."""
    return datetime.fromisoformat(f"2026-07-{day:02}T{clock}Z")


WEEKDAY_HOURS = Hours(("mon", "tue", "wed", "thu", "fri"), time(6), time(21))
FRIDAY_NIGHT = Hours(("fri",), time(20), time(2))
AROUND_THE_CLOCK = Hours(("sat",), time(0), time(0))


@pytest.mark.parametrize(
    ("hours", "at", "permitted"),
    [
        (WEEKDAY_HOURS, july(3, "04:00"), True),  # Friday 06:00
        (WEEKDAY_HOURS, july(3, "03:59"), False),
        (WEEKDAY_HOURS, july(3, "18:59"), True),
        (WEEKDAY_HOURS, july(3, "19:00"), False),  # Friday 21:00
        (WEEKDAY_HOURS, july(4, "10:00"), False),  # Saturday
        (FRIDAY_NIGHT, july(3, "17:59"), False),
        (FRIDAY_NIGHT, july(3, "18:00"), True),
        (FRIDAY_NIGHT, july(3, "23:59"), True),  # Saturday 01:59
        (FRIDAY_NIGHT, july(4, "00:00"), False),  # Saturday 02:00
        (FRIDAY_NIGHT, july(2, "23:00"), False),  # Friday 01:00 belongs to Thursday's night
        (AROUND_THE_CLOCK, july(3, "22:00"), True),  # Saturday 00:00
        (AROUND_THE_CLOCK, july(4, "21:59"), True),
        (AROUND_THE_CLOCK, july(4, "22:00"), False),  # Sunday 00:00
    ],
)
def test_hours_go_by_the_clock_in_copenhagen(hours: Hours, at: datetime, permitted: bool) -> None:
    refused = refusal(permitting(hours=hours), CEILING, Usage(), attempt(at=at))
    assert refused == (None if permitted else Refused("not_permitted", "hours", "drawing_right"))


@pytest.mark.parametrize(
    ("at", "permitted"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),  # 01:59
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),  # 03:00: the hour from 02:00 was skipped
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), False),  # 02:30, the first time
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), False),  # 02:30, the second time
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), True),  # 01:30
    ],
)
def test_hours_hold_when_the_clocks_change(at: datetime, permitted: bool) -> None:
    terms = permitting(hours=Hours(WEEKDAYS, time(0), time(2)))
    assert (refusal(terms, CEILING, Usage(), attempt(at=at)) is None) == permitted


@pytest.mark.parametrize(
    ("at", "permitted"),
    [
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), True),
        (datetime(2026, 8, 1, tzinfo=UTC), True),
    ],
)
def test_the_first_day_begins_at_midnight_in_copenhagen(at: datetime, permitted: bool) -> None:
    refused = refusal(permitting(valid_from=date(2026, 7, 1)), CEILING, Usage(), attempt(at=at))
    assert refused == (None if permitted else Refused("not_permitted", "valid_from", "drawing_right"))


def test_what_is_not_permitted_at_all_is_named_before_how_much() -> None:
    refused = refusal(permitting(per_payment=1, allowed_countries=["DK"]), CEILING, USED, attempt(country="SE"))
    assert refused is not None
    assert refused.limit == "country"


def test_a_total_cannot_be_held_against_usage_that_was_loaded_without_it() -> None:
    with pytest.raises(ValueError, match="total"):
        refusal(permitting(total=1), NO_CEILING, Usage(total_minor=None), attempt())


def test_every_limit_above_the_ceiling_is_named() -> None:
    asked = Limits(per_payment=200_001, per_day=300_000, total=999_999_999, payments_per_day=21)
    assert exceeding(asked, CEILING) == [
        Exceeding("per_payment", 200_001, 200_000),
        Exceeding("payments_per_day", 21, 20),
    ]


figures = st.none() | st.integers(0, 3_000)
limits = st.builds(Limits, figures, figures, figures, figures, figures, st.none() | st.integers(0, 4))


@given(limits, limits, st.lists(st.integers(1, 2_000), max_size=12))
def test_the_sums_of_what_is_permitted_never_exceed_limit_or_ceiling(
    own: Limits, ceiling: Limits, amounts: list[int]
) -> None:
    spent, made = 0, 0
    for amount in amounts:
        usage = Usage(spent, spent, spent, spent, spent, made)
        if refusal(RightTerms(own), ceiling, usage, attempt(amount)) is None:
            spent, made = spent + amount, made + 1
            assert all(amount <= most for most in (own.per_payment, ceiling.per_payment) if most is not None)
    for bound in (own, ceiling):
        sums = (bound.per_day, bound.per_week, bound.per_month, bound.total)
        assert all(spent <= most for most in sums if most is not None)
        assert bound.payments_per_day is None or made <= bound.payments_per_day
