import base64
import json
from urllib.parse import urlencode

import httpx
import pytest

from mobile_mock.answers import UnexpectedAnswer
from mobile_mock.oauth import purpose_asked, shown_by_mitid

CHALLENGE = 'DPoP error="insufficient_user_authentication", acr_values="x", max_age="300", purpose="verify:tok_1:2"'


def refusal(challenge: str) -> httpx.Response:
    request = httpx.Request("POST", "http://127.0.0.1:8080/v1/tokens/tok_1/verification")
    return httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=request)


def test_what_to_sign_in_for_stands_in_the_challenge() -> None:
    assert purpose_asked(refusal(CHALLENGE)) == "verify:tok_1:2"


@pytest.mark.parametrize("challenge", ["", 'DPoP error="invalid_token"', 'DPoP error="invalid_token", purpose="pin"'])
def test_another_refusal_asks_for_no_sign_in(challenge: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        purpose_asked(refusal(challenge))


def test_what_mitid_shows_is_read_off_the_way_there() -> None:
    text = base64.b64encode("Godkend på “Ærø”".encode()).decode()
    asked = urlencode({"idp_params": json.dumps({"mitid": {"reference_text": text}})})
    assert shown_by_mitid(f"http://127.0.0.1:8081/connect/authorize?{asked}") == "Godkend på “Ærø”"
    assert shown_by_mitid("https://app.example/signed-in?code=x&state=y") == ""
