"""While Redis is away: nobody new is let in, and what protects goes on (R-11.4)."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.integration.access.acting import (
    ASSERTION_TYPE,
    DEVICE_GRANT,
    Answer,
    Machine,
    Phone,
    Tokens,
)

MakeMachine = Callable[[str], Machine]


@pytest.fixture
def tokens(phone: Phone) -> Tokens:
    """From before Redis went."""
    return phone.sign_in()


@pytest.fixture
def away(tokens: Tokens, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("redis_away")


def is_away(answer: Answer) -> bool:
    """Whether it says so in the words of OAuth, for now, to no cache."""
    said = (answer.status_code, answer.json["error"], answer.headers["Retry-After"], answer.headers["Cache-Control"])
    return said == (503, "temporarily_unavailable", "1", "no-store")


@pytest.mark.usefixtures("away")
def test_nobody_begins_or_ends_a_sign_in(phone: Phone) -> None:
    assert is_away(phone.authorize())
    assert is_away(phone.ask({"client_id": phone.client_id, "request_uri": "urn:ietf:params:oauth:request_uri:any"}))
    assert is_away(phone.back("/oauth/mitid/callback?state=any&code=any"))
    assert is_away(phone.push())
    assert is_away(phone.post("/oauth/par", phone.request(dpop_jkt=phone.key.thumbprint())))


@pytest.mark.usefixtures("away")
def test_no_phone_gets_a_token(phone: Phone, tokens: Tokens) -> None:
    assert is_away(phone.token(phone.code_form("any")))
    assert is_away(phone.refresh(tokens.refresh_token))
    assert is_away(phone.token({"grant_type": DEVICE_GRANT, "device_code": "any"}))


@pytest.mark.usefixtures("away")
def test_no_child_asks_to_be_let_in(child_phone: Phone) -> None:
    form = {"client_id": child_phone.client_id, "device_name": "Emils telefon", "dpop_jkt": "k" * 43}
    assert is_away(child_phone.post("/oauth/device_authorization", form))


@pytest.mark.usefixtures("away")
def test_no_machine_binds_a_token_but_gets_one(machine: MakeMachine, phone: Phone) -> None:
    acquirer = machine("network")
    assert acquirer.token().status_code == 200
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    form["client_assertion"] = acquirer.assertion()
    assert is_away(phone.post("/oauth/token", form, phone.proof("POST", "/oauth/token")))
    assert phone.post("/oauth/token", form).status_code == 200  # The assertion was not used up.


@pytest.mark.usefixtures("away")
def test_a_call_that_needs_a_proof_waits_and_a_block_does_not(phone: Phone, tokens: Tokens) -> None:
    answer = phone.call("GET", "/v1/me", tokens.access_token)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert phone.call("POST", "/v1/block", tokens.access_token).json == {"blocked": True}


@pytest.mark.usefixtures("away")
def test_a_session_can_still_be_ended_even_with_a_proof(phone: Phone, tokens: Tokens) -> None:
    form = {"client_id": phone.client_id, "token": tokens.refresh_token}
    assert phone.post("/oauth/revoke", form, phone.proof("POST", "/oauth/revoke")).status_code == 200
    assert phone.call("POST", "/v1/block", tokens.access_token).status_code == 401


@pytest.mark.usefixtures("away")
def test_what_is_public_is_still_told(app: Flask) -> None:
    for path in ("/oauth/jwks", "/.well-known/oauth-authorization-server", "/oauth/device"):
        assert app.test_client().get(path).status_code == 200
