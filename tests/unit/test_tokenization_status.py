"""A token's status is derived: the first cause that holds, in the order of 3-api.md."""

from datetime import UTC, date, datetime
from itertools import combinations

import pytest

from tokenization import tokens
from tokenization.errors import IllegalMove
from tokenization.models import Card, Plastic, Requestor, Token
from tokenization.tokens import Status

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
# 3-api.md, "Tokens": `because` is the first that holds, in this order.
SHOWN_AS = {
    "deactivated": "deactivated",
    "expired": "expired",
    "card_closed": "deactivated",
    "card_blocked": "suspended",
    "requestor_suspended": "suspended",
    "drawing_right_revoked": "deactivated",
    "drawing_right_expired": "expired",
    "drawing_right_paused": "suspended",
    "issuer": "suspended",
    "wallet_provider": "suspended",
    "cardholder": "suspended",
    "pin_locked": "suspended",
    "unverified": "unverified",
    "inactive": "inactive",
}
OF_THE_TOKEN = {"deactivated", "unverified", "inactive"}
OF_THE_CARD = {"card_closed", "card_blocked"}


def derive(*causes: str) -> Status:
    """The status of a token of which all these things are true."""
    own = [cause for cause in causes if cause in OF_THE_TOKEN]
    of_card = [cause.removeprefix("card_") for cause in causes if cause in OF_THE_CARD]
    expiry = date(2026, 10, 31) if "expired" in causes else date(2029, 11, 30)
    requestor = "suspended" if "requestor_suspended" in causes else "active"
    return tokens.status(
        Token(state=own[0] if own else "active"),
        Card(state=of_card[0] if of_card else "active"),
        Plastic(expiry=expiry),
        Requestor(status=requestor),
        [cause for cause in causes if cause in ("issuer", "wallet_provider", "cardholder", "pin_locked")],
        NOON,
        {cause for cause in causes if cause.startswith("drawing_right")},
    )


def test_a_token_without_a_cause_is_active_and_can_pay() -> None:
    assert derive() == Status("active", None)
    assert derive().can_pay


def test_the_order_is_that_of_the_contract() -> None:
    assert list(tokens.STATUS_BY_CAUSE) == list(SHOWN_AS)


@pytest.mark.parametrize("cause", SHOWN_AS)
def test_each_cause_alone(cause: str) -> None:
    assert derive(cause) == Status(SHOWN_AS[cause], cause)
    assert not derive(cause).can_pay


def test_of_two_causes_the_first_in_the_order_is_named() -> None:
    for first, second in combinations(SHOWN_AS, 2):
        if {first, second} <= OF_THE_TOKEN or {first, second} <= OF_THE_CARD:
            continue  # it is in one state at a time
        assert derive(second, first) == Status(SHOWN_AS[first], first)


def test_lifting_the_first_cause_shows_the_next() -> None:
    held = ["card_blocked", "drawing_right_paused", "cardholder", "inactive"]
    while held:
        assert derive(*held).because == held.pop(0)
    assert derive().because is None


@pytest.mark.parametrize(("hour", "because"), [(22, None), (23, "expired")])
def test_a_token_expires_with_its_card_at_midnight_in_copenhagen(hour: int, because: str | None) -> None:
    at = datetime(2026, 11, 30, hour, 59, tzinfo=UTC)
    card, plastic, requestor = Card(state="active"), Plastic(expiry=date(2026, 11, 30)), Requestor(status="active")
    assert tokens.status(Token(state="active"), card, plastic, requestor, [], at).because == because


@pytest.mark.parametrize(
    ("state", "name", "after"),
    [
        ("unverified", "verified", "inactive"),
        ("inactive", "activated", "active"),
        ("unverified", "deactivated", "deactivated"),
        ("inactive", "deactivated", "deactivated"),
        ("active", "deactivated", "deactivated"),
    ],
)
def test_the_legal_moves(state: str, name: str, after: str) -> None:
    token = Token(state=state, revision=4)
    tokens.move(token, name)
    assert (token.state, token.revision) == (after, 5)


def test_all_other_moves_are_illegal_and_change_nothing() -> None:
    legal = {(state, name) for name, (sources, _) in tokens.MOVES.items() for state in sources}
    states = ("unverified", "inactive", "active", "deactivated")
    for state, name in {(state, name) for state in states for name in tokens.MOVES} - legal:
        token = Token(state=state, revision=4)
        with pytest.raises(IllegalMove, match=f"a token that is {state} cannot be {name}"):
            tokens.move(token, name)
        assert (token.state, token.revision) == (state, 4)
    assert len(legal) == 5


def test_a_version_counts_every_change_around_the_token() -> None:
    token, card = Token(revision=3), Card(revision=5)
    assert tokens.version(token, card) == 8
    assert tokens.version(token, card, 2) == 10
