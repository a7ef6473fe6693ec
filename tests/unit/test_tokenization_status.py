"""A token's status is derived: the first cause that holds, in the order of 3-api.md."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization import token_status
from tokenization.models import Card, Plastic, Requestor, Token
from tokenization.token_status import Status
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE

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
OF_THE_TOKEN = ("deactivated", "unverified", "inactive")
OF_THE_CARD = ("card_closed", "card_blocked")
PARTIES = ("issuer", "wallet_provider", "cardholder", "pin_locked")
OF_THE_RIGHT = ("drawing_right_revoked", "drawing_right_expired", "drawing_right_paused")
# Everything that can be true of a token at a time: it is in one state, its card is in one, the rest is free.
COMBINATIONS = st.builds(
    lambda own, of_card, others: {*own, *of_card, *others},
    st.sets(st.sampled_from(OF_THE_TOKEN), max_size=1),
    st.sets(st.sampled_from(OF_THE_CARD), max_size=1),
    st.sets(st.sampled_from(("expired", "requestor_suspended", *OF_THE_RIGHT, *PARTIES))),
)


def derive(causes: set[str], order: list[str] | None = None) -> Status:
    """The status of a token of which all these things are true; `order` is that in which the parties suspended."""
    own = [cause for cause in causes if cause in OF_THE_TOKEN]
    of_card = [cause.removeprefix("card_") for cause in causes if cause in OF_THE_CARD]
    return token_status.derive(
        Token(state=own[0] if own else "active", scheme="dankort"),
        Card(state=of_card[0] if of_card else "active"),
        Plastic(expiry=date(2026, 10, 31) if "expired" in causes else date(2029, 11, 30)),
        Requestor(status="suspended" if "requestor_suspended" in causes else "active", schemes=["dankort"]),
        [party for party in order or PARTIES if party in causes],
        NOON,
        causes & set(OF_THE_RIGHT),
    )


def test_the_order_is_that_of_the_contract() -> None:
    assert list(token_status.STATUS_BY_CAUSE) == list(SHOWN_AS)


@pytest.mark.parametrize("cause", SHOWN_AS)
def test_each_cause_alone(cause: str) -> None:
    assert derive({cause}) == Status(SHOWN_AS[cause], cause)


@given(COMBINATIONS, st.permutations(PARTIES))
def test_of_all_causes_the_first_in_the_order_is_named(causes: set[str], order: list[str]) -> None:
    first = next((cause for cause in SHOWN_AS if cause in causes), None)
    assert derive(causes, order) == Status(SHOWN_AS[first] if first else "active", first)


@given(COMBINATIONS)
def test_a_payment_is_declined_exactly_when_something_is_in_the_tokens_way(causes: set[str]) -> None:
    because = derive(causes).because
    assert (because in REASON_BY_TOKEN_CAUSE) == bool(causes)


@given(COMBINATIONS)
def test_lifting_the_first_cause_shows_the_next(causes: set[str]) -> None:
    """So that a block gives back exactly what it took."""
    shown = []
    while (because := derive(causes).because) is not None:
        shown.append(because)
        causes = causes - {because}
    assert causes == set()
    assert shown == [cause for cause in SHOWN_AS if cause in shown]


@pytest.mark.parametrize(("hour", "because"), [(22, None), (23, "expired")])
def test_a_token_expires_with_its_card_at_midnight_in_copenhagen(hour: int, because: str | None) -> None:
    at = datetime(2026, 11, 30, hour, 59, tzinfo=UTC)
    card, plastic = Card(state="active"), Plastic(expiry=date(2026, 11, 30))
    token, requestor = Token(state="active", scheme="visa"), Requestor(status="active", schemes=["dankort", "visa"])
    assert token_status.derive(token, card, plastic, requestor, [], at).because == because


def test_a_wallet_that_is_no_more_approved_for_a_scheme_pays_in_it_no_more() -> None:
    card, plastic = Card(state="active"), Plastic(expiry=date(2029, 11, 30))
    token, requestor = Token(state="active", scheme="dankort"), Requestor(status="active", schemes=["visa"])
    assert token_status.derive(token, card, plastic, requestor, [], NOON).because == "requestor_suspended"


def test_a_version_counts_every_change_around_the_token() -> None:
    token, card, requestor = Token(revision=3), Card(revision=5), Requestor(revision=1)
    assert token_status.version(token, card, requestor) == 9
    assert token_status.version(token, card, requestor, 2) == 11
    requestor.revision = 4
    assert token_status.version(token, card, requestor, 2) == 14
