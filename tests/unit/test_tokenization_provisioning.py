"""Whether a card may be put on a phone: the decision, and the pause after wrong cards. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tokenization.policies import ProvisioningPolicy
from tokenization.provisioning import Accepted, CardEntry, Facts, Refused, decide, pause
from tokenization.secret import Cvc, Number

POLICY = ProvisioningPolicy(
    active_tokens_per_card=5,
    provisionings_per_window=10,
    window_days=30,
    phones_per_drawing_right=2,
    wrong_card_entries=5,
    pause_hours=24,
)
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
    card_was_typed_in=True,
    can_text=False,
)
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Accepted(verified=True)),
        ({"active_tokens": 4, "provisionings_in_window": 9}, Accepted(verified=True)),
        ({"card_was_typed_in": False, "can_text": True}, Accepted(verified=False)),
        ({"under_right": True, "card_was_typed_in": False}, Accepted(verified=True)),
        ({"under_right": True, "active_tokens": 1, "provisionings_in_window": 50}, Accepted(verified=True)),
        ({"requestor_schemes": frozenset({"visa"}), "scheme": "visa"}, Accepted(verified=True)),
    ],
    ids=str,
)
def test_what_is_accepted(changed: dict[str, object], expected: Accepted) -> None:
    assert decide(replace(FINE, **changed), POLICY) == expected  # type: ignore[arg-type]  # any of the facts


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"requestor_kind": "merchant"}, "wallet-not-approved"),  # R-3.3b
        ({"requestor_status": "suspended"}, "wallet-not-approved"),
        ({"scheme": "visa"}, "wallet-not-approved"),
        ({"card_schemes": frozenset({"visa"})}, "scheme-not-on-card"),  # R-3.3e
        ({"card_was_typed_in": False}, "verification-unavailable"),
        ({"card_status": "blocked"}, "card-blocked"),
        ({"card_status": "closed"}, "card-closed"),
        ({"card_status": "expired"}, "card-expired"),
        ({"active_tokens": 5}, "provisioning-limit-reached"),  # R-3.3c
        ({"active_tokens": 6}, "provisioning-limit-reached"),
        ({"provisionings_in_window": 10}, "provisioning-limit-reached"),
        ({"under_right": True, "active_tokens": 2}, "provisioning-limit-reached"),
    ],
    ids=str,
)
def test_what_is_refused(changed: dict[str, object], code: str) -> None:
    refused = decide(replace(FINE, **changed), POLICY)  # type: ignore[arg-type]  # any of the facts
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_a_limit_is_named_with_its_figures() -> None:
    assert decide(replace(FINE, active_tokens=5), POLICY) == Refused(
        "provisioning-limit-reached", {"active_tokens": 5, "limit": 5, "window_days": 30}
    )


def test_what_the_wallet_may_not_hold_is_said_before_anything_about_the_card() -> None:
    refused = decide(replace(FINE, requestor_status="suspended", card_status="blocked", active_tokens=9), POLICY)
    assert refused == Refused("wallet-not-approved", {})


def test_a_card_that_was_typed_in_is_not_shown_by_printing_it() -> None:
    shown = repr(CardEntry(Number("9208904471293561"), "2029-09", Cvc("471")))
    assert "447129" not in shown
    assert "471" not in shown


def wrong(*hours_ago: float) -> list[datetime]:
    return [NOON - HOUR * ago for ago in hours_ago]


@pytest.mark.parametrize(
    ("wrong_at", "wait"),
    [
        (wrong(), 0),
        (wrong(0, 0, 0, 0), 0),
        (wrong(0, 0, 0, 0, 0), 24),
        (wrong(1, 2, 3, 4, 5), 23),  # from the fifth on
        (wrong(23, 23, 23, 23, 23), 1),
        (wrong(24, 24, 24, 24, 24), 0),
        (wrong(0, 1, 2, 3, 24), 0),  # the first is too long ago to count with the fifth
        (wrong(0, 1, 2, 3, 23.9), 24),
    ],
    ids=str,
)
def test_after_five_wrong_cards_a_person_waits_a_day(wrong_at: list[datetime], wait: float) -> None:
    assert pause(wrong_at, POLICY, NOON) == HOUR * wait
