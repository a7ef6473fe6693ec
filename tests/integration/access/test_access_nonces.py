"""Where the bank wants nonces in DPoP proofs (RFC 9449 sections 8 and 9): who is asked for one, and what that costs."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis

from tests.integration.access.acting import ASSERTION_TYPE, Answer, Machine, Phone
from tokenization.clock import SetClock
from wallet.access.nonces import Nonces
from wallet.services import Services

CHALLENGE = 'DPoP error="use_dpop_nonce", algs="ES256"'


@pytest.fixture
def token(phone: Phone) -> str:
    """An access token from before the bank wanted nonces."""
    return phone.sign_in().access_token


@pytest.fixture
def demanded(services: Services, token: str) -> None:
    services.settings.dpop_nonce_required = True


@pytest.fixture
def nonce(services: Services, clock: SetClock, demanded: None) -> str:
    return Nonces(services.vault.ring).current(clock.now())


def asked(answer: Answer) -> str:
    """The nonce that an answer asks for."""
    error = answer.json.get("error") or answer.json["code"]
    status = {"use_dpop_nonce": 400, "use-dpop-nonce": 401}[error]
    assert answer.status_code == status
    return str(answer.headers["DPoP-Nonce"])


def test_the_token_endpoint_asks_for_a_nonce_and_leaves_the_code_alone(phone: Phone, services: Services) -> None:
    form = phone.code_form(phone.answer()["code"])
    services.settings.dpop_nonce_required = True
    nonce = asked(phone.token(form))
    answer = phone.token(form, nonce=nonce)
    assert (answer.status_code, answer.headers["DPoP-Nonce"]) == (200, nonce)


def test_a_pushed_request_is_asked_for_a_nonce(phone: Phone, nonce: str) -> None:
    assert asked(phone.push()) == nonce
    assert phone.push(nonce=nonce).headers["DPoP-Nonce"] == nonce


def test_a_request_that_is_pushed_without_a_proof_needs_no_nonce(phone: Phone, nonce: str) -> None:
    pushed = phone.post("/oauth/par", phone.request(dpop_jkt=phone.key.thumbprint()))
    assert (pushed.status_code, "DPoP-Nonce" in pushed.headers) == (201, False)


def test_a_resource_asks_for_a_nonce(phone: Phone, token: str, nonce: str) -> None:
    answer = phone.call("GET", "/v1/me", token)
    assert asked(answer) == nonce
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert phone.call("GET", "/v1/me", token, nonce=nonce).status_code == 200


@pytest.mark.parametrize("wrong", ["", "x" * 22, 7, None])
def test_what_is_no_nonce_of_ours_is_asked_for_again(phone: Phone, token: str, nonce: str, wrong: object) -> None:
    assert asked(phone.call("GET", "/v1/me", token, nonce=wrong)) == nonce


def test_a_phone_is_told_the_next_nonce_while_its_own_still_does(
    phone: Phone, token: str, nonce: str, clock: SetClock
) -> None:
    clock.advance(timedelta(minutes=4))
    answer = phone.call("GET", "/v1/me", token, nonce=nonce)
    assert answer.status_code == 200
    assert answer.headers["DPoP-Nonce"] != nonce
    clock.advance(timedelta(seconds=59))
    newer = answer.headers["DPoP-Nonce"]
    assert phone.call("GET", "/v1/me", token, nonce=newer).status_code == 200


def test_an_old_nonce_is_asked_for_anew(phone: Phone, nonce: str, clock: SetClock) -> None:
    clock.advance(timedelta(minutes=5))
    form = {"grant_type": "refresh_token", "refresh_token": "any"}
    newer = asked(phone.token(form, nonce=nonce))
    assert phone.token(form, nonce=newer).json["error"] == "invalid_grant"


def test_a_proof_that_lacked_a_nonce_is_not_spent(phone: Phone, token: str, nonce: str, redis: Redis) -> None:
    spent = set(redis.scan_iter("access:proof:*"))
    asked(phone.call("GET", "/v1/me", token))
    asked(phone.push())
    assert set(redis.scan_iter("access:proof:*")) == spent


def test_a_proof_with_a_nonce_still_counts_once(phone: Phone, token: str, nonce: str) -> None:
    proof = phone.proof("GET", "/v1/me", token, nonce=nonce)
    assert phone.call("GET", "/v1/me", token, proof=proof).status_code == 200
    again = phone.call("GET", "/v1/me", token, proof=proof)
    assert (again.status_code, again.json["code"]) == (401, "invalid-dpop-proof")


def test_a_no_to_a_good_proof_tells_the_nonce_too(phone: Phone, token: str, nonce: str) -> None:
    forbidden = phone.call("GET", "/v1/network", token, nonce=nonce)
    assert (forbidden.status_code, forbidden.headers["DPoP-Nonce"]) == (403, nonce)
    unknown = phone.token({"grant_type": "refresh_token", "refresh_token": "unknown"}, nonce=nonce)
    assert (unknown.json["error"], unknown.headers["DPoP-Nonce"]) == ("invalid_grant", nonce)


def test_who_proves_nothing_is_told_no_nonce(phone: Phone, token: str, nonce: str) -> None:
    bent = phone.call("GET", "/v1/me", token, htm="POST")
    without = phone.http.get("/v1/me", headers={"Authorization": f"DPoP {token}"})
    form = {"client_id": phone.client_id, "grant_type": "refresh_token", "refresh_token": "any"}
    for answer in (bent, without, phone.post("/oauth/token", form), phone.http.get("/v1/me")):
        assert answer.status_code in (400, 401)
        assert "DPoP-Nonce" not in answer.headers


def test_a_machine_needs_a_nonce_where_it_binds_its_token_and_keeps_its_assertion(
    phone: Phone, machine: Callable[[str], Machine], nonce: str
) -> None:
    acquirer = machine("network")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    form["client_assertion"] = acquirer.assertion()
    given = asked(phone.post("/oauth/token", form, phone.proof("POST", "/oauth/token")))
    bound = phone.post("/oauth/token", form, phone.proof("POST", "/oauth/token", nonce=given))
    assert bound.json["token_type"] == "DPoP"
    free = acquirer.token()
    assert (free.json["token_type"], "DPoP-Nonce" in free.headers) == ("Bearer", False)


def test_a_block_needs_a_nonce_and_no_redis(
    phone: Phone, token: str, nonce: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("redis_away")
    assert asked(phone.call("POST", "/v1/block", token)) == nonce
    blocked = phone.call("POST", "/v1/block", token, nonce=nonce)
    assert (blocked.json, blocked.headers["DPoP-Nonce"]) == ({"blocked": True}, nonce)
    assert phone.call("GET", "/v1/me", token, nonce=nonce).status_code == 503


def test_a_bank_that_wants_no_nonces_gives_none_and_looks_at_none(phone: Phone, token: str) -> None:
    answer = phone.call("GET", "/v1/me", token, nonce="of another server")
    assert (answer.status_code, "DPoP-Nonce" in answer.headers) == (200, False)
    refreshed = phone.token({"grant_type": "refresh_token", "refresh_token": "any"}, nonce="of another server")
    assert (refreshed.json["error"], "DPoP-Nonce" in refreshed.headers) == ("invalid_grant", False)
