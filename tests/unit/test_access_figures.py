"""Limits as a bank sets them: in words, by variable; what cannot be meant is refused at the start, by name."""

import pytest
from pydantic import SecretStr, ValidationError

from wallet.access.figures import RateLimits
from wallet.settings import Settings

PREFIX = "TEGNEBOG_RATE_LIMITS__"


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "KEY_RING"):
        monkeypatch.setenv(f"TEGNEBOG_{name}", "unused")


def test_a_limit_is_set_by_its_variable_and_the_others_stay(needed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PIN_PER_PERSON", "5 per minute; 20 per hour")
    assert Settings().rate_limits == RateLimits(pin_per_person="5 per minute; 20 per hour")
    assert Settings().database_url == SecretStr("unused")


def test_a_limit_is_switched_off_by_the_word_none(needed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}CODE_PER_PERSON", "none")
    assert Settings().rate_limits.code_per_person is None


@pytest.mark.parametrize(
    "figures",
    [
        "",
        "often",
        "5",
        "0 per minute",
        "-5 per minute",
        "5.5 per minute",
        "5 per fortnight",
        "5 per minute;",
        "9 per year",
    ],
)
def test_figures_that_cannot_be_meant_are_refused_by_name(
    needed: None, monkeypatch: pytest.MonkeyPatch, figures: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}PIN_PER_PERSON", figures)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (wrong,) = refused.value.errors()
    assert wrong["loc"] == ("rate_limits", "pin_per_person")
    assert "60 per minute" in wrong["msg"]


def test_a_limit_that_is_not_there_is_refused_by_name(needed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PINS", "5 per minute")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [each["loc"] for each in refused.value.errors()] == [("rate_limits", "pins")]
