"""Our client against the mock MitID broker, over HTTP, when that does what real ones have been seen to do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from mobile_mock.broker import FAILURES, Broker, Quirks
from tests.integration.access.acting import ANNA, Phone, parameters_in
from tokenization.clock import SetClock


@pytest.fixture
def quirks(broker: Broker) -> Iterator[Quirks]:
    broker.quirks = Quirks()
    yield broker.quirks
    broker.quirks = Quirks()


def decide(phone: Phone, **choice: str) -> dict[str, str]:
    """What the app hears after somebody has chosen on the broker's page."""
    page = phone.browser.get(phone.authorize(login_hint=None).headers["Location"])
    key = page.text.split('name="key" value="')[1].split('"')[0]
    chosen = phone.browser.post(page.url.join("/connect/approve"), data={"key": key, **choice})
    return parameters_in(phone.back(chosen.headers["Location"]).headers["Location"])


@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_goes_wrong_at_mitid_the_app_hears_that_it_is_denied(phone: Phone, failure: str) -> None:
    answer = decide(phone, decision=failure)
    assert (answer["error"], answer["state"]) == ("access_denied", "state-1")
    assert "error_description" not in answer


def test_our_log_has_the_brokers_own_word(phone: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    decide(phone, decision="mitid_cpr_match_failed")
    assert "mitid_cpr_match_failed" in capsys.readouterr().out


def test_a_level_below_substantial_is_denied_whatever_was_asked_for(phone: Phone) -> None:
    chosen: dict[str, Any] = {"decision": "approve", "person": ANNA.mitid_uuid}
    assert decide(phone, level="Low", **chosen)["error"] == "access_denied"
    assert "code" in decide(phone, level="High", **chosen)


def test_numbers_may_be_texts(phone: Phone, quirks: Quirks) -> None:
    quirks.numbers_as_texts = True
    assert phone.sign_in().access_token


@pytest.mark.parametrize("withdraw", [False, True])
def test_a_broker_may_turn_its_key_between_two_sign_ins(
    phone: Phone, broker: Broker, clock: SetClock, withdraw: bool
) -> None:
    phone.sign_in()
    broker.rotate_key(withdraw=withdraw)
    clock.advance(timedelta(seconds=30))
    assert phone.sign_in(purpose="pin").access_token


def test_a_session_that_the_broker_takes_up_again_is_no_sign_in(phone: Phone, quirks: Quirks, clock: SetClock) -> None:
    phone.sign_in()
    quirks.takes_sessions_up_again = True
    clock.advance(timedelta(seconds=61))
    assert phone.answer(login_hint=None, purpose="provision")["error"] == "access_denied"
