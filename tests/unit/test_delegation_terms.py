from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from delegation import terms
from delegation.drawing_rights import because, status, terms_of
from delegation.models import DrawingRight
from delegation.terms import Hours, Limits, RightTerms
from tests.drawing_rights import NOON, permitting
from tokenization.errors import Invalid

TODAY = date(2026, 11, 22)
BODY = {
    "limits": {
        "per_payment": 20_000,
        "per_day": 50_000,
        "per_week": None,
        "per_month": 150_000,
        "total": None,
        "payments_per_day": 5,
    },
    "allowed_categories": None,
    "blocked_categories": ["gambling", "alcohol_and_tobacco"],
    "allowed_countries": ["DK"],
    "allowed_merchants": None,
    "blocked_merchants": ["DK-9"],
    "allow_cash": True,
    "allow_recurring": False,
    "hours": {"days": ["tue", "mon"], "from": "06:00", "to": "21:00"},
    "valid_from": date(2026, 12, 1),
    "valid_until": date(2027, 6, 30),
    "phones_allowed": 2,
}


def test_terms_are_read_and_shown_in_the_shape_of_the_api() -> None:
    read = terms.read(BODY)
    assert read.hours == Hours(("tue", "mon"), time(6), time(21))
    assert terms.as_json(read) == BODY


def test_what_a_change_leaves_out_stays() -> None:
    before = terms.read(BODY)
    after = terms.read({"limits": {"per_day": None}, "hours": None}, before)
    assert terms.as_json(after) == {**BODY, "limits": {**BODY["limits"], "per_day": None}, "hours": None}  # type: ignore[dict-item]  # a dict
    assert terms.changed(before, after) == ["limits.per_day", "hours"]


def test_what_is_said_twice_is_kept_once() -> None:
    assert terms.read({"allowed_countries": ["SE", "DK", "SE"]}).allowed_countries == ("SE", "DK")


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        (RightTerms(Limits()), "limits", "at least one"),
        (permitting(per_day=-1), "limits.per_day", "from 0"),
        (permitting(total=1_000_000_000_000), "limits.total", "999999999999"),
        (permitting(payments_per_day=-1), "limits.payments_per_day", "from 0"),
        (permitting(payments_per_day=10_001), "limits.payments_per_day", "10000"),
        (permitting(per_day=1, allowed_categories=["sweets"]), "allowed_categories[0]", "not known"),
        (permitting(per_day=1, blocked_categories=["Gambling"]), "blocked_categories[0]", "not known"),
        (permitting(per_day=1, allowed_categories=[]), "allowed_categories", "at least one"),
        (permitting(per_day=1, allowed_countries=["DK", "XX"]), "allowed_countries[1]", "not known"),
        (permitting(per_day=1, allowed_countries=["dk"]), "allowed_countries[0]", "not known"),
        (permitting(per_day=1, allowed_countries=[]), "allowed_countries", "at least one"),
        (permitting(per_day=1, allowed_merchants=[]), "allowed_merchants", "at least one"),
        (permitting(per_day=1, allowed_merchants=["DK-1", " "]), "allowed_merchants", "empty"),
        (permitting(per_day=1, blocked_merchants=[""]), "blocked_merchants", "empty"),
        (permitting(per_day=1, blocked_merchants=map(str, range(201))), "blocked_merchants", "at most 200"),
        (permitting(per_day=1, phones_allowed=0), "phones_allowed", "from 1"),
        (permitting(per_day=1, phones_allowed=11), "phones_allowed", "to 10"),
        (permitting(per_day=1, valid_from=date(2027, 1, 2), valid_until=date(2027, 1, 1)), "valid_until", "valid_from"),
        (permitting(per_day=1, valid_until=date(2026, 11, 21)), "valid_until", "today or later"),
        (RightTerms(Limits(), allow_cash=True, valid_until=TODAY), "limits", "at least one"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_the_name_of_the_field(
    wrong: RightTerms, field: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        terms.check(wrong, TODAY)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "fine",
    [
        permitting(per_day=0),
        permitting(per_day=999_999_999_999),
        permitting(per_day=100_000, per_month=50_000),
        permitting(per_day=1, blocked_categories=[]),
        permitting(per_day=1, valid_until=TODAY),
        permitting(per_day=1, valid_from=date(2020, 1, 1)),
        permitting(per_day=1, valid_from=TODAY, valid_until=TODAY),
        permitting(payments_per_day=0),
        permitting(per_day=1, blocked_merchants=map(str, range(200)), phones_allowed=10),
        permitting(per_day=1, allowed_categories=["other"], blocked_categories=["other"]),
        permitting(per_day=1, allowed_merchants=["Bagerén på hjørnet 🥐"]),
    ],
)
def test_terms_that_are_only_odd_are_accepted(fine: RightTerms) -> None:
    terms.check(fine, TODAY)


def test_a_day_that_has_passed_since_may_stand_unchanged() -> None:
    old = permitting(per_day=1, valid_until=date(2026, 1, 1))
    terms.check(permitting(per_day=2, valid_until=date(2026, 1, 1)), TODAY, before=old)
    with pytest.raises(Invalid):
        terms.check(permitting(per_day=2, valid_until=date(2026, 1, 2)), TODAY, before=old)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"days": [], "from": "06:00", "to": "21:00"}, "hours.days"),
        ({"days": ["monday"], "from": "06:00", "to": "21:00"}, "hours.days"),
        ({"days": ["mon"], "from": "6:00", "to": "21:00"}, "hours.from"),
        ({"days": ["mon"], "from": "06:00", "to": "24:00"}, "hours.to"),
        ({"days": ["mon"], "from": "06:00", "to": "21:60"}, "hours.to"),
        ({"days": ["mon"], "from": "06:00\n", "to": "21:00"}, "hours.from"),
        ({"days": ["mon"], "from": "０６:00", "to": "21:00"}, "hours.from"),
    ],
)
def test_hours_that_are_none_are_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        terms.read({"hours": wrong})
    assert refused.value.field == field


def a_right(state: str = "active", valid_until: date | None = None) -> DrawingRight:
    return DrawingRight(state=state, valid_until=valid_until, invitation_lapses_at=NOON + timedelta(days=30))


@pytest.mark.parametrize(
    ("state", "valid_until", "expected", "causes"),
    [
        ("invited", None, "invited", set()),
        ("active", None, "active", set()),
        ("active", TODAY, "active", set()),
        ("active", date(2026, 11, 21), "expired", {"drawing_right_expired"}),
        ("invited", date(2026, 11, 21), "expired", {"drawing_right_expired"}),
        ("paused", None, "paused", {"drawing_right_paused"}),
        ("paused", date(2026, 11, 21), "expired", {"drawing_right_paused", "drawing_right_expired"}),
        ("revoked", None, "revoked", {"drawing_right_revoked"}),
        ("revoked", date(2026, 11, 21), "revoked", {"drawing_right_revoked", "drawing_right_expired"}),
    ],
)
def test_the_status_is_derived_from_state_and_day(
    state: str, valid_until: date | None, expected: str, causes: set[str]
) -> None:
    right = a_right(state, valid_until)
    assert status(right, NOON) == expected
    assert because(right, NOON) == causes


def test_the_last_day_ends_at_midnight_in_copenhagen() -> None:
    right = a_right(valid_until=date(2026, 6, 30))
    assert status(right, datetime.fromisoformat("2026-06-30T21:59:59.999999Z")) == "active"
    assert status(right, datetime.fromisoformat("2026-06-30T22:00:00Z")) == "expired"


def test_a_row_without_lists_permits_what_it_says() -> None:
    assert terms_of(DrawingRight(per_day=5, allow_cash=False, allow_recurring=False)) == permitting(per_day=5)
