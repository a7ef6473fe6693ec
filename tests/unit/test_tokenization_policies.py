"""Which figures a policy may have."""

import dataclasses
from typing import Any

import pytest

from tokenization import policies
from tokenization.errors import Invalid, NotFound
from tokenization.money import MAX_AMOUNT_MINOR

PROVISIONING = {
    "active_tokens_per_card": 5,
    "provisionings_per_window": 10,
    "window_days": 30,
    "phones_per_drawing_right": 2,
    "wrong_card_entries": 5,
    "pause_hours": 24,
}
CONTACTLESS = {"pin_above": 35_000, "counter": "count", "payments_without_pin": 5, "amount_without_pin": 111_900}
HOLDS = {
    "days": 7,
    "long_days": 30,
    "long_categories": ["hotels"],
    "estimated_categories": ["fuel"],
    "estimated_percent": 115,
}
CEILINGS = {"per_payment": 1, "per_day": 1, "per_week": 1, "per_month": 1, "payments_per_day": 1}


def refused(name: str, figures: dict[str, Any]) -> Invalid:
    with pytest.raises(Invalid) as raised:
        policies.check(name, figures)
    return raised.value


@pytest.mark.parametrize(
    ("name", "figures"),
    [("provisioning", PROVISIONING), ("contactless", CONTACTLESS), ("holds", HOLDS), ("ceilings", CEILINGS)],
)
def test_what_is_right_is_taken(name: str, figures: dict[str, Any]) -> None:
    policies.check(name, figures)


def test_an_unknown_policy_is_not_there() -> None:
    with pytest.raises(NotFound):
        policies.check("interest", {})


@pytest.mark.parametrize("name", policies.SHAPES)
def test_every_figure_must_be_given(name: str) -> None:
    first = next(field.name for field in dataclasses.fields(policies.SHAPES[name]))
    error = refused(name, {})
    assert (error.field, str(error)) == (f"figures.{first}", "is missing")


def test_a_figure_of_another_name_is_refused_without_repeating_it() -> None:
    error = refused("ceilings", CEILINGS | {"4571-secret": 1})
    assert error.field == "figures"
    assert "4571" not in str(error)


@pytest.mark.parametrize("value", [-1, 2**63, MAX_AMOUNT_MINOR + 1, 1.5, 1.0, True, "5", None, [], {}], ids=repr)
def test_an_amount_is_a_whole_number_within_twelve_digits(value: object) -> None:
    assert refused("ceilings", CEILINGS | {"per_day": value}).field == "figures.per_day"


@pytest.mark.parametrize(
    ("name", "figures", "figure", "value"),
    [
        ("provisioning", PROVISIONING, "window_days", 0),
        ("provisioning", PROVISIONING, "window_days", 10**9),  # more days than there are
        ("provisioning", PROVISIONING, "pause_hours", 0),
        ("provisioning", PROVISIONING, "wrong_card_entries", 0),
        ("contactless", CONTACTLESS, "counter", "both"),
        ("contactless", CONTACTLESS, "counter", None),
        ("contactless", CONTACTLESS, "counter", ["count"]),
        ("holds", HOLDS, "estimated_percent", 99),  # never less than was held
        ("holds", HOLDS, "days", 10**6),
        ("holds", HOLDS, "long_categories", "hotels"),
        ("holds", HOLDS, "long_categories", ["hotels", 5]),
        ("holds", HOLDS, "long_categories", ["\x00"]),
        ("holds", HOLDS, "long_categories", [["hotels"]]),
        ("holds", HOLDS, "estimated_categories", None),
    ],
    ids=str,
)
def test_a_figure_that_makes_no_sense_is_named(name: str, figures: dict[str, Any], figure: str, value: object) -> None:
    assert refused(name, figures | {figure: value}).field == f"figures.{figure}"
