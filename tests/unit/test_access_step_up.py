from datetime import UTC, datetime, timedelta

import pytest

from tokenization import ids
from wallet.access import step_up
from wallet.access.step_up import NSIS

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("acr", "enough"),
    [
        (f"{NSIS}High", True),
        (f"{NSIS}Substantial", True),
        (f"{NSIS}Low", False),
        ("High", False),
        (f"{NSIS}substantial", False),
        ("", False),
        (None, False),
    ],
)
def test_substantial_or_better_is_enough_and_unknown_levels_are_none(acr: str | None, enough: bool) -> None:
    assert step_up.is_at_least(acr, step_up.SUBSTANTIAL) is enough


@pytest.mark.parametrize(("age_seconds", "fresh"), [(0, True), (300, True), (301, False), (-60, True), (-61, False)])
def test_a_sign_in_is_fresh_for_three_hundred_seconds(age_seconds: int, fresh: bool) -> None:
    assert step_up.is_fresh(NOW - timedelta(seconds=age_seconds), NOW) is fresh


def test_no_sign_in_is_not_fresh() -> None:
    assert not step_up.is_fresh(None, NOW)


@pytest.mark.parametrize(("purpose", "met"), [("pin", True), ("provision", False), (None, False), ("", False)])
def test_a_sign_in_opens_its_own_purpose_only(purpose: str | None, met: bool) -> None:
    assert step_up.is_met(step_up.SUBSTANTIAL, NOW, purpose, wanted="pin", now=NOW) is met


def test_the_challenge_is_that_of_rfc_9470() -> None:
    assert step_up.challenge("provision") == (
        'DPoP error="insufficient_user_authentication", '
        'acr_values="https://data.gov.dk/concept/core/nsis/Substantial", max_age="300", purpose="provision"'
    )


def test_the_purpose_of_verifying_names_a_token_and_its_version() -> None:
    token_id = ids.new_id()
    purpose = step_up.to_verify(token_id, 7)
    assert purpose == f"verify:{ids.to_text('tok', token_id)}:7"
    assert step_up.token_in(purpose) == token_id
    assert f'purpose="{purpose}"' in step_up.challenge(purpose)


@pytest.mark.parametrize(
    "form", ["verify", "verify:", "verify:{}", "verify:{}:", "verify:{}:x", "verify:{}:1 ", "{}:1"]
)
def test_every_other_purpose_names_no_token(form: str) -> None:
    for named in (ids.to_text("tok", ids.new_id()), ids.to_text("card", ids.new_id()), "tok_" + "z" * 26):
        assert step_up.token_in(form.format(named)) is None
    for purpose in (None, "", *step_up.PURPOSES):
        assert step_up.token_in(purpose) is None
