"""One table of legal moves, held against another that is written out here; and the matrix of operations and reasons."""

from contextlib import nullcontext
from itertools import product

import pytest

from tokenization import life_cycle, token_operations
from tokenization.errors import IllegalMove
from tokenization.models import Token
from tokenization.token_status import STATUS_BY_CAUSE

STATES = ("unverified", "inactive", "active", "deactivated")
# Where each operation leads from each of them; None where it is illegal.
LEADS_TO: dict[str, tuple[str | None, ...]] = {
    "verify": ("inactive", None, None, None),
    "activate": (None, "active", None, None),
    "issue_keys": (None, None, "active", None),
    "change_pin": (None, None, "active", None),
    "suspend": ("unverified", "inactive", "active", None),
    "resume": ("unverified", "inactive", "active", None),
    "deactivate": ("deactivated", "deactivated", "deactivated", None),
}
SUSPENDED_BY = ("issuer", "wallet_provider", "cardholder", "pin_locked")
HELD_UP_BY = ("card_blocked", "requestor_suspended", "drawing_right_paused", *SUSPENDED_BY)
OVER_BY = ("expired", "card_closed", "drawing_right_revoked", "drawing_right_expired")
# What makes an operation illegal that the token's own state allows.
ILLEGAL_WHILE = {
    "verify": (*HELD_UP_BY, *OVER_BY),
    "activate": (*HELD_UP_BY, *OVER_BY),
    "issue_keys": (*HELD_UP_BY, *OVER_BY),
    "change_pin": OVER_BY,
    "suspend": (),
    "resume": (),
    "deactivate": (),
}


def test_the_tables_are_of_the_same_operations_and_causes() -> None:
    assert set(life_cycle.MOVES) == set(LEADS_TO) == set(ILLEGAL_WHILE)
    assert {*HELD_UP_BY, *OVER_BY, *STATES} == {*STATUS_BY_CAUSE, "active"}


@pytest.mark.parametrize("operation", LEADS_TO)
def test_from_each_state_an_operation_leads_where_the_table_says_or_is_illegal(operation: str) -> None:
    for state, after in zip(STATES, LEADS_TO[operation], strict=True):
        token = Token(state=state, revision=4)
        if after is not None:
            life_cycle.move(token, operation)
            assert (token.state, token.revision) == (after, 5), state
        else:
            with pytest.raises(IllegalMove, match=f"a token that is {state} cannot be "):
                life_cycle.move(token, operation)
            assert (token.state, token.revision) == (state, 4)


@pytest.mark.parametrize("operation", LEADS_TO)
def test_what_is_around_a_token_forbids_what_the_table_says_and_nothing_else(operation: str) -> None:
    for state, cause in product(STATES, (*HELD_UP_BY, *OVER_BY)):
        legal = LEADS_TO[operation][STATES.index(state)] is not None and cause not in ILLEGAL_WHILE[operation]
        with nullcontext() if legal else pytest.raises(IllegalMove, match=f"{state}|{cause}"):
            life_cycle.check(operation, state, {cause})


def test_a_refusal_names_the_first_thing_that_forbids_it_and_no_other() -> None:
    with pytest.raises(IllegalMove, match=r"^a token that is suspended \(card_blocked\) cannot be activated$"):
        life_cycle.check("activate", "inactive", {"cardholder", "card_blocked"})
    with pytest.raises(IllegalMove, match=r"^a token that is expired cannot be given another PIN$"):
        life_cycle.check("change_pin", "active", {"card_blocked", "drawing_right_expired", "expired"})


# The matrix


def test_every_operation_and_reason_has_the_schemes_names() -> None:
    assert {(rule.operation, rule.reason) for rule in token_operations.RULES} == set(token_operations.NAMES)
    assert {rule.operation for rule in token_operations.RULES} == set(token_operations.OPERATIONS)


def test_a_party_has_one_row_for_a_reason() -> None:
    rows = [(rule.operation, rule.reason, by) for rule in token_operations.RULES for by in rule.by]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("by", ["cardholder", "issuer", "wallet_provider"])
def test_words_of_ones_own_count_as_other(by: str) -> None:
    assert token_operations.rule_of("suspend", "left in a taxi", by).reason == "other"


def test_the_reasons_of_a_cardholder_are_those_of_the_contract() -> None:
    assert token_operations.reasons("suspend", "cardholder") == ("device_lost", "device_stolen", "fraud", "other")


def test_a_child_may_end_its_token_for_the_same_reasons_as_the_cardholder() -> None:
    assert token_operations.reasons("deactivate", "delegate") == token_operations.reasons("deactivate", "cardholder")


def test_a_phone_that_is_gone_is_gone_for_whoever_reports_it_to_the_bank() -> None:
    """R-10.2. A wallet's server speaks for its own tokens, one by one."""
    reaching = {
        (r.reason, by) for r in token_operations.RULES if r.reaches == "phone" for by in r.by if by != "delegate"
    }
    gone = {(reason, by) for reason in ("device_lost", "device_stolen") for by in ("cardholder", "issuer")}
    assert reaching == gone
    assert not token_operations.reaches_phone("suspend", "device_lost", "wallet_provider")


MAY_UNDO = {
    ("cardholder", "device_lost"): {"cardholder", "issuer"},
    ("cardholder", "device_stolen"): {"issuer"},
    ("cardholder", "fraud"): {"issuer"},
    ("cardholder", "other"): {"cardholder", "issuer"},
    ("issuer", "device_lost"): {"issuer"},
    ("issuer", "device_stolen"): {"issuer"},
    ("issuer", "fraud"): {"issuer"},
    ("issuer", "looked into"): {"issuer"},
    ("wallet_provider", "device_lost"): {"wallet_provider"},
    ("wallet_provider", "device_stolen"): {"wallet_provider"},
    ("wallet_provider", "fraud"): {"wallet_provider"},
    ("wallet_provider", "app recalled"): {"wallet_provider"},
    ("pin_locked", "wrong_pin"): set[str](),
}


@pytest.mark.parametrize(("of", "reason"), MAY_UNDO)
def test_each_suspension_is_ones_own_but_where_the_bank_agrees(of: str, reason: str) -> None:
    parties = ("cardholder", "delegate", "issuer", "wallet_provider", "pin_locked")
    assert {by for by in parties if token_operations.may_undo(by, reason, of)} == MAY_UNDO[of, reason]


@pytest.mark.parametrize(
    ("reason", "than", "graver"),
    [
        ("device_stolen", "device_lost", True),
        ("fraud", "looked into", True),
        ("fraud", "device_stolen", False),
        ("device_lost", "other", False),
        ("other", "fraud", False),
    ],
)
def test_theft_and_fraud_take_the_place_of_what_is_less(reason: str, than: str, graver: bool) -> None:
    assert token_operations.is_graver(reason, than) == graver


@pytest.mark.parametrize(
    ("held", "lifted"),
    [("device_lost", "device_found"), ("device_stolen", "device_found"), ("fraud", "not_fraud"), ("odd", "other")],
)
def test_why_it_is_resumed_follows_from_why_it_was_suspended(held: str, lifted: str) -> None:
    assert token_operations.why_resumed(held) == lifted
    assert ("resume", lifted) in token_operations.NAMES
