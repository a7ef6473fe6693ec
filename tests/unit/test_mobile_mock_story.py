"""How the story keeps its record: what counts as held, and what is never shown."""

import socket

import httpx
import pytest
from joserfc.jwk import ECKey
from rich.console import RenderableType

from mobile_mock.story import run
from mobile_mock.story.beginning import is_number, passes_luhn
from mobile_mock.story.transcript import Transcript, masked


class Page:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, line: RenderableType) -> None:
        self.text += f"{line}\n"


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def transcript(page: Page) -> Transcript:
    transcript = Transcript(page)
    transcript.begin("Something happens")
    return transcript


def test_a_story_whose_expectations_held_is_true(transcript: Transcript) -> None:
    assert transcript.expect("one is one", 1, 1)
    assert transcript.close(planned=1)


def test_one_failed_expectation_makes_the_whole_story_false(transcript: Transcript, page: Page) -> None:
    transcript.expect("one is one", 1, 1)
    transcript.expect("one is two", 1, 2)
    report = transcript.close(planned=1)
    assert not report
    assert report.failures == ["Something happens: one is two: expected 2, came 1"]
    assert "one is two: expected 2, came 1" in page.text


def test_a_step_that_broke_makes_the_story_false(transcript: Transcript) -> None:
    transcript.expect("one is one", 1, 1)
    transcript.broke("no answer")
    report = transcript.close(planned=1)
    assert not report
    assert report.failures == ["Something happens: no answer"]


def test_a_step_that_checked_nothing_did_not_hold(transcript: Transcript) -> None:
    assert not transcript.close(planned=1)


def test_a_story_that_ended_early_is_false(transcript: Transcript) -> None:
    transcript.expect("one is one", 1, 1)
    assert not transcript.close(planned=2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9208900000000008", "920890…0008"),
        ("number=9208900000000008,", "number=920890…0008,"),
        ("920890000000", "920890…0000"),
        ("9208900000000000008", "920890…0008"),
        ("card_01j9208900000000008", "card_01j9208900000000008"),
        ("amount 12500", "amount 12500"),
    ],
)
def test_long_numbers_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_card_number_never_reaches_the_page(transcript: Transcript, page: Page) -> None:
    transcript.tell("number 9208900000000008")
    transcript.expect("the number", "9208900000000008", "9208910000000007")
    transcript.broke("9208900000000008")
    assert "00000000" not in page.text
    assert not [line for line in transcript.close(planned=1).failures if "00000000" in line]


def test_an_answer_is_shown_without_its_query(transcript: Transcript, page: Page) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:8080/oauth/mitid/callback?code=hidden")
    transcript.observer("Anna's phone")(httpx.Response(409, json={"code": "card-blocked"}, request=request))
    assert "409  GET /oauth/mitid/callback  card-blocked" in page.text
    assert "hidden" not in page.text


def test_luhn_is_that_of_the_standard() -> None:
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")


def test_a_whole_valid_number_of_the_bin_counts() -> None:
    assert is_number("9208900000000002", "920890")


@pytest.mark.parametrize(
    "number", ["9208900000000008", "920890000000002", "9208910000000001", "92089000000000０2", "٩٢٠٨٩٠٠٠٠٠٠٠٠٠٠٢"]
)
def test_any_other_number_does_not_count(number: str) -> None:
    assert not is_number(number, "920890")


def test_a_demo_that_is_not_there_makes_the_story_false(page: Page) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = {"client_id": "c", "private_jwk": ECKey.generate_key("P-256").as_dict(private=True), "merchant_id": "m"}
    access = {
        "base_url": f"http://127.0.0.1:{port}",
        "people": {"anna": {"cardholder_id": "holder_1", "account_id": "acct_1"}},
        "wallet_app": {"client_id": "app", "redirect_uri": "app:/signed-in"},
        "child_app": {"client_id": "child"},
        "machines": dict.fromkeys(("issuer", "network", "provider", "merchant"), client),
    }
    report = run(access, page)
    assert not report
    (failure,) = report.failures
    assert failure.startswith("The bank issues Anna a Visa/Dankort: ConnectError")
