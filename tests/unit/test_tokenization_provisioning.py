"""Whether a card may be put on a phone: red, yellow or green, with the reason. Pure."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notifications.phrases import REASONS
from tests.payments import POLICIES
from tokenization.policies import TokensPolicy
from tokenization.provisioning.decision import DOUBTS, REFUSALS, Accepted, Facts, Refused, Rule, decide

DOCUMENT = Path(__file__).parents[2] / "docs" / "provisioning.md"
DAY = timedelta(days=1)
FINE = Facts(
    card_status="active",
    requestor_status="active",
    requestor_kind="wallet",
    requestor_schemes=frozenset({"dankort"}),
    card_schemes=frozenset({"dankort", "visa"}),
    scheme="dankort",
    under_right=False,
    active_tokens=0,
    provisionings_in_window=0,
    reported_ago=None,
    phone_is_known=False,
    phone_was_held_back=False,
    country=None,
    known_countries=frozenset(),
    new_phones=0,
    card_was_typed_in=True,
    can_be_verified=True,
)
Changes = dict[str, Any]
GREEN = Accepted()


def asked(**changes: Any) -> Accepted | Refused:
    return decide(replace(FINE, **changes), POLICIES)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"active_tokens": 4, "provisionings_in_window": 9},
        {"can_be_verified": False},
        {"under_right": True, "active_tokens": 1, "provisionings_in_window": 50},
        {"requestor_schemes": frozenset({"visa"}), "scheme": "visa"},
        {"reported_ago": 30 * DAY},
        {"country": "DK"},
        {"country": "SE", "known_countries": frozenset({"SE"})},
        {"country": "SE", "phone_is_known": True},
        {"new_phones": 1},
        {"new_phones": 9, "phone_is_known": True},
    ],
    ids=str,
)
def test_what_is_green(changes: Changes) -> None:
    assert asked(**changes) == GREEN


# For each rule, in its order: what makes it speak of a provisioning that is fine otherwise.
RED: list[tuple[Changes, str]] = [
    ({"requestor_kind": "merchant"}, "wallet-not-approved"),
    ({"scheme": "visa", "requestor_schemes": frozenset({"visa"}), "card_schemes": frozenset()}, "scheme-not-on-card"),
    ({"card_status": "blocked"}, "card-blocked"),
    ({"card_status": "closed"}, "card-closed"),
    ({"card_status": "expired"}, "card-expired"),
    ({"active_tokens": 5}, "provisioning-limit-reached"),
    ({"provisionings_in_window": 10}, "provisioning-limit-reached"),
]
YELLOW: list[tuple[Changes, str]] = [
    ({"reported_ago": 30 * DAY - timedelta(seconds=1)}, "card_reported"),
    ({"phone_was_held_back": True}, "phone_held_back"),
    ({"country": "SE"}, "new_country"),
    ({"new_phones": 2}, "new_phones"),
    ({"card_was_typed_in": False}, "cvc_only"),
]


def test_every_rule_has_its_place() -> None:
    assert [reason for _, reason in RED] == [rule.reason for rule in REFUSALS]
    assert [reason for _, reason in YELLOW] == [rule.reason for rule in DOUBTS]


@pytest.mark.parametrize("place", range(len(RED)), ids=lambda place: f"{place}-{RED[place][1]}")
def test_of_all_that_is_refused_the_first_rule_speaks(place: int) -> None:
    worst = {name: value for changes, _ in reversed([*RED[place:], *YELLOW]) for name, value in changes.items()}
    refused = asked(**worst)
    assert isinstance(refused, Refused)
    assert refused.code == RED[place][1]


@pytest.mark.parametrize("place", range(len(YELLOW)), ids=lambda place: YELLOW[place][1])
def test_of_all_doubts_the_first_speaks(place: int) -> None:
    doubtful = {name: value for changes, _ in YELLOW[place:] for name, value in changes.items()}
    assert asked(**doubtful) == Accepted(doubt=YELLOW[place][1])


@pytest.mark.parametrize(("changes", "reason"), YELLOW)
def test_what_is_in_doubt_and_cannot_be_verified_is_refused_with_its_doubt(changes: Changes, reason: str) -> None:
    refused = asked(**changes, can_be_verified=False)
    assert refused == Refused("verification-unavailable", {"decision_reason": reason})


@pytest.mark.parametrize(("changes", "reason"), YELLOW)
def test_a_child_card_is_never_in_doubt(changes: Changes, reason: str) -> None:
    assert asked(**changes, under_right=True, can_be_verified=False) == GREEN, reason


@pytest.mark.parametrize(
    "changes",
    [
        {"requestor_status": "suspended"},
        {"scheme": "visa"},
        {"requestor_kind": "acquirer", "card_status": "blocked", "active_tokens": 9},
    ],
    ids=str,
)
def test_what_the_wallet_may_not_hold_is_said_before_anything_about_the_card(changes: Changes) -> None:
    assert asked(**changes) == Refused("wallet-not-approved", {})


def test_a_limit_is_named_with_its_figures() -> None:
    named = {"active_tokens": 5, "limit": 5, "window_days": 30}
    assert asked(active_tokens=5) == Refused("provisioning-limit-reached", named)
    childs = {"active_tokens": 2, "limit": 2, "window_days": 30}
    assert asked(active_tokens=2, under_right=True) == Refused("provisioning-limit-reached", childs)


@pytest.mark.parametrize(
    ("figure", "changes", "doubt"),
    [
        ({"lost_within_days": 0}, {"reported_ago": timedelta()}, None),
        ({"lost_within_days": 31}, {"reported_ago": 30 * DAY}, "card_reported"),
        ({"new_phones_per_hour": 0}, {}, "new_phones"),
        ({"new_phones_per_hour": 3}, {"new_phones": 2}, None),
        ({"home_countries": []}, {"country": "DK"}, "new_country"),
        ({"home_countries": ["DK", "SE"]}, {"country": "SE"}, None),
    ],
    ids=str,
)
def test_the_bank_sets_every_figure(figure: Changes, changes: Changes, doubt: str | None) -> None:
    tokens: TokensPolicy = replace(POLICIES.tokens, **figure)
    assert decide(replace(FINE, **changes), replace(POLICIES, tokens=tokens)) == Accepted(doubt)


@pytest.mark.parametrize("rule", [*REFUSALS, *DOUBTS], ids=lambda rule: rule.reason)
def test_whoever_is_told_of_a_decision_can_read_why(rule: Rule) -> None:
    assert rule.reason in REASONS
    assert re.fullmatch(r"R-[0-9.]+[a-e]?", rule.cites)


def test_the_document_shows_the_rules_as_they_are() -> None:
    rows = [(colour, rule) for colour, rules in (("red", REFUSALS), ("yellow", DOUBTS)) for rule in rules]
    lines = [f"| {colour} | `{rule.reason}` | {rule.says} | {rule.cites} |" for colour, rule in rows]
    table = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| (red|yellow) \|", line)]
    unverifiable, green = "| red | `verification-unavailable` |", "| green |"
    assert [line for line in table if not line.startswith(unverifiable)] == lines
    assert unverifiable in DOCUMENT.read_text()
    assert green in DOCUMENT.read_text()
