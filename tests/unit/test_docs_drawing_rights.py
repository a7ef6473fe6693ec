"""docs/drawing-rights.md says what the code does: its tables are held against what the code answers."""

import dataclasses
from datetime import date, time
from typing import Any

import pytest

from delegation.categories import described
from delegation.drawing_rights import MOVES
from delegation.judging import HOW_MUCH, WHERE_AND_WHEN, refusal, refusals
from delegation.limits import Usage
from delegation.terms import LIMITS, Hours, RightTerms
from notifications.audiences import PEOPLE
from notifications.texts.delegates import FOR_DELEGATES
from notifications.texts.grantors import ABOUT_RIGHTS
from tests.documents import table
from tests.drawing_rights import NO_CEILING, attempt, permitting
from wallet.schemas.drawing_requests import STATUSES
from wallet.schemas.drawing_rights import CAUSES

SAID = {row[0]: row[1:] for row in table("drawing-rights.md", "What a grantor may say")}
# One term, and a payment (else a Sunday's, at a Danish grocer's) that it stops.
STOPPED: dict[str, tuple[RightTerms, dict[str, Any]]] = {
    "valid_from": (permitting(valid_from=date(2026, 11, 23)), {}),
    "allow_cash": (permitting(allow_cash=False), {"kind": "cash"}),
    "allow_recurring": (permitting(allow_recurring=False), {"recurring": True}),
    "allowed_categories": (permitting(allowed_categories=["games"]), {}),
    "blocked_categories": (permitting(blocked_categories=["groceries"]), {}),
    "allowed_countries": (permitting(allowed_countries=["SE"]), {}),
    "allowed_merchants": (permitting(allowed_merchants=["DK-2"]), {}),
    "blocked_merchants": (permitting(blocked_merchants=["DK-1"]), {}),
    "hours": (permitting(hours=Hours(("mon",), time(6), time(21))), {}),
    **{f"limits.{name}": (permitting(**{name: 0}), {}) for name in LIMITS},
}
NOT_OF_A_PAYMENT = {"valid_until", "phones_allowed"}


def test_the_table_has_every_field_that_a_grantor_may_say() -> None:
    fields = {field.name for field in dataclasses.fields(RightTerms)} - {"limits"}
    assert set(SAID) == fields | {f"limits.{name}" for name in LIMITS} == set(STOPPED) | NOT_OF_A_PAYMENT


@pytest.mark.parametrize("field", STOPPED)
def test_a_decline_has_the_reason_and_the_limit_of_the_table(field: str) -> None:
    terms, how = STOPPED[field]
    refused = refusal(terms, NO_CEILING, Usage(), attempt(1, **how))
    assert refused is not None
    assert [refused.reason, refused.limit] == SAID[field][2:]


def test_the_table_has_the_order_in_which_limits_are_asked() -> None:
    said = {field: getattr(terms, field) for field, (terms, _) in STOPPED.items() if "." not in field}
    everything = permitting(**said, **dict.fromkeys(LIMITS, 0))
    refused = refusals(everything, NO_CEILING, Usage(), attempt(1, kind="cash", recurring=True))
    assert [each.limit for each in refused] == [limit for *_, limit in SAID.values() if limit]


def test_the_categories_of_the_document_are_those_of_the_code() -> None:
    expected = [[group.name, group.en, group.da, group.codes or "all others"] for group in described()]
    assert table("drawing-rights.md", "Merchant categories") == expected


def test_what_a_one_off_lifts_in_the_document_is_what_it_lifts() -> None:
    by_amount, by_payment = table("drawing-rights.md", "One-offs")
    assert set(by_amount[1].split(", ")) == HOW_MUCH
    assert set(by_payment[1].rpartition("alone ")[2].split(", ")) == WHERE_AND_WHEN
    named = {row[3] for row in SAID.values() if row[3]}
    assert set(by_payment[2].split(", ")) == named - HOW_MUCH - WHERE_AND_WHEN


def test_who_is_told_what_in_the_document_is_who_has_texts_for_it() -> None:
    rows = table("drawing-rights.md", "Watching")
    to_grantors = [kind for kind, grantor, _ in rows if grantor and not grantor.startswith("(as for any")]
    assert sorted(to_grantors) == sorted(ABOUT_RIGHTS)
    assert sorted(kind for kind, _, delegate in rows if delegate) == sorted(FOR_DELEGATES)
    by_sms = {telling.kind for each in PEOPLE.values() for telling in each if telling.sms} & ABOUT_RIGHTS.keys()
    assert {kind for kind, grantor, _ in rows if grantor.endswith("also by SMS")} == by_sms


def test_the_moves_in_the_document_are_those_of_the_code() -> None:
    coded = [(name, ", ".join(sorted(sources)), target or "") for name, (sources, target) in MOVES.items()]
    assert [(name, sources, target) for name, _, sources, target in table("drawing-rights.md", "Its life")] == coded


def test_the_causes_in_the_document_are_those_of_the_code_in_their_order() -> None:
    assert tuple(cause for cause, _ in table("drawing-rights.md", "What is shown, and to whom")) == CAUSES


def test_the_statuses_of_a_request_in_the_document_are_those_of_the_code() -> None:
    assert tuple(row[0] for row in table("drawing-rights.md", "Asking for more")) == STATUSES
