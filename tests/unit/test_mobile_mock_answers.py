"""How the mocked outside world reads the service's answers."""

from typing import Any

import httpx
import pytest

from mobile_mock.answers import UnexpectedAnswer, line, list_in, object_in
from mobile_mock.oauth import Refusal, Tokens, challenge_of, pkce, tokens_in

PROBLEM = {"type": "urn:tegnebog:problem:card-blocked", "code": "card-blocked", "detail": "the card is blocked"}


def answer(status: int, body: Any, url: str = "http://127.0.0.1/v1/tokens?code=secret") -> httpx.Response:
    return httpx.Response(status, json=body, request=httpx.Request("POST", url))


def test_a_line_has_the_code_of_a_problem_and_no_query() -> None:
    assert line(answer(409, PROBLEM)) == "POST /v1/tokens -> 409 card-blocked"


def test_a_line_has_the_error_of_oauth() -> None:
    assert line(answer(400, {"error": "invalid_grant"})) == "POST /v1/tokens -> 400 invalid_grant"


@pytest.mark.parametrize("status", [200, 201])
def test_an_object_is_read(status: int) -> None:
    assert object_in(answer(status, {"id": "tok_1"})) == {"id": "tok_1"}


def test_the_objects_of_a_list_are_read() -> None:
    assert list_in(answer(200, {"data": [{"id": "tok_1"}], "next_cursor": None})) == [{"id": "tok_1"}]


@pytest.mark.parametrize(("status", "body"), [(409, PROBLEM), (200, []), (204, None), (500, "no JSON")])
def test_anything_else_is_unexpected_and_says_what_came(status: int, body: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"POST /v1/tokens -> {status}"):
        object_in(answer(status, body))


def test_an_object_without_data_is_no_list() -> None:
    with pytest.raises(UnexpectedAnswer):
        list_in(answer(200, {"id": "tok_1"}))


def test_a_pkce_challenge_is_that_of_rfc_7636() -> None:
    # RFC 7636 appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_pkce_verifier_is_fresh_and_long_enough() -> None:
    (verifier, challenge), (other, _) = pkce(), pkce()
    assert 43 <= len(verifier) <= 128
    assert challenge == challenge_of(verifier)
    assert verifier != other


def test_tokens_are_not_used_up_to_their_last_second() -> None:
    tokens = Tokens("a", None, 1000.0)
    assert [tokens.usable(now) for now in (989.0, 990.0, 1001.0)] == [True, False, False]


def test_a_refresh_token_that_is_not_replaced_stays() -> None:
    body = {"access_token": "a", "token_type": "DPoP", "expires_in": 300}
    tokens = tokens_in(answer(200, body), 1000.0, "r")
    assert isinstance(tokens, Tokens)
    assert (tokens.refresh_token, tokens.expires_at) == ("r", 1300.0)


def test_tokens_never_show_themselves() -> None:
    assert "secret" not in repr(Tokens("secret", "secret", 1000.0))


def test_an_oauth_error_is_a_refusal() -> None:
    body = {"error": "authorization_pending", "error_description": "not yet"}
    assert tokens_in(answer(400, body), 1000.0) == Refusal("authorization_pending", "not yet")


def test_an_error_that_is_not_oauths_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer):
        tokens_in(answer(503, {}), 1000.0)
