"""A CVC has three digits: how often one may be guessed, and what a guess tells."""

from typing import Any

import pytest

from tests.payments import NOW, POLICIES, asked, plastic, snapshot
from wallet.payments import rules
from wallet.payments.decision import decide
from wallet.payments.situation import Approved, Declined, LimitReached

WEB: dict[str, Any] = {"entry_mode": "ecommerce", "authentication": "3ds", "scheme": "visa"}
LIMIT = POLICIES.payments.wrong_cvcs_per_day


def guess(*, right: bool, made: int, cvc: str | None = "123", **state: Any) -> Approved | Declined:
    card = snapshot(proof=None, cvc_matches=right, wrong_cvcs_today=made, **state)
    return decide(asked(plastic(cvc=cvc), **WEB), card, POLICIES, NOW)


def counts(*, right: bool | None, made: int) -> bool:
    return rules.counts_wrong_cvc(snapshot(cvc_matches=right, wrong_cvcs_today=made), POLICIES)


@pytest.mark.parametrize("made", [0, LIMIT - 1])
def test_below_the_limit_a_cvc_is_compared(made: int) -> None:
    assert guess(right=True, made=made) == Approved()
    assert guess(right=False, made=made) == Declined("wrong_cvc")


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("made", [LIMIT, LIMIT + 1])
def test_after_the_limit_a_right_cvc_and_a_wrong_one_get_one_answer(right: bool, made: int) -> None:
    assert guess(right=right, made=made) == Declined(
        "count_limit", LimitReached("wrong_cvcs_per_day", LIMIT, made, "policy")
    )


def test_after_the_limit_nobody_learns_that_a_cvc_can_no_longer_be_read() -> None:
    assert guess(right=False, made=LIMIT) == guess(right=False, made=LIMIT, cvc_readable=False)


def test_a_plastic_that_cannot_pay_says_so_whatever_was_guessed() -> None:
    """The shop may have to keep it."""
    assert guess(right=False, made=LIMIT, unusable="card_stolen") == Declined("card_stolen")


@pytest.mark.parametrize(
    ("mode", "cvm"), [("chip", "online_pin"), ("contactless", "none"), ("moto", "none"), ("keyed", "none")]
)
def test_what_gives_no_cvc_goes_on(mode: str, cvm: str) -> None:
    card = snapshot(proof=None, wrong_cvcs_today=LIMIT)
    assert decide(asked(plastic(cvm), mode), card, POLICIES, NOW) == Approved()


def test_a_phone_goes_on_too() -> None:
    assert decide(asked(), snapshot(wrong_cvcs_today=LIMIT), POLICIES, NOW) == Approved()


@pytest.mark.parametrize(
    ("right", "made", "expected"),
    [
        (False, 0, True),
        (False, LIMIT - 1, True),
        (True, 0, False),
        (None, 0, False),
        # The figure stands in the decline: were it to grow by wrong ones only, it would tell the right one.
        (False, LIMIT, False),
        (False, LIMIT + 1, False),
    ],
)
def test_every_wrong_cvc_counts_up_to_the_limit(right: bool | None, made: int, expected: bool) -> None:
    assert counts(right=right, made=made) is expected


def test_a_thousand_guesses_on_one_day_find_nothing_after_the_limit() -> None:
    made, answers = 0, []
    for digits in range(1_000):
        right = digits == LIMIT + 3
        answers.append(guess(right=right, made=made))
        made += counts(right=right, made=made)
    assert made == LIMIT
    assert len(set(answers[LIMIT:])) == 1
