"""Pushed requests (RFC 9126), bound to a key (RFC 9449 section 10.1), and revocation (RFC 7009)."""

from collections.abc import Callable
from datetime import timedelta

from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.access.acting import REDIRECT_URI, Answer, Phone, parameters_in
from tokenization.clock import SetClock
from wallet.access.models import AccessSession
from wallet.services import Services


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]


def test_a_pushed_request_is_used_once_and_binds_its_proof(phone: Phone) -> None:
    pushed = phone.push()
    assert (pushed.status_code, pushed.json["expires_in"]) == (201, 90)
    query = {"client_id": phone.client_id, "request_uri": pushed.json["request_uri"], "scope": "ignored"}
    sent = phone.ask(query)
    code = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])["code"]
    assert phone.ask(query).status_code == 400
    other = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    other.verifier = phone.verifier
    assert other.token(other.code_form(code)).json["error"] == "invalid_grant"


def test_a_pushed_request_is_checked_at_once(phone: Phone) -> None:
    answer = phone.push({"code_challenge_method": "plain"})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_a_request_is_pushed_for_one_key_by_proof_or_by_name_or_by_both(phone: Phone) -> None:
    mine = phone.key.thumbprint()
    assert phone.push().status_code == 201
    assert phone.post("/oauth/par", phone.request(dpop_jkt=mine)).status_code == 201
    assert phone.push({"dpop_jkt": mine}).status_code == 201
    assert refused(phone.push({"dpop_jkt": "k" * 43})) == (400, "invalid_dpop_proof")


def test_a_request_for_no_key_is_not_taken(phone: Phone, redis: Redis) -> None:
    assert refused(phone.post("/oauth/par", phone.request())) == (400, "invalid_dpop_proof")
    assert list(redis.scan_iter("access:pushed:*")) == []


def test_a_request_that_names_its_key_is_for_that_key_alone(phone: Phone) -> None:
    uri = phone.post("/oauth/par", phone.request(dpop_jkt="k" * 43)).json["request_uri"]
    sent = phone.ask({"client_id": phone.client_id, "request_uri": uri})
    code = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])["code"]
    assert refused(phone.token(phone.code_form(code))) == (400, "invalid_grant")


def test_a_request_in_the_address_need_not_name_a_key(phone: Phone) -> None:
    assert "dpop_jkt" not in phone.request()
    assert phone.sign_in().body["token_type"] == "DPoP"


def test_a_pushed_proof_must_hold_and_counts_once(phone: Phone) -> None:
    assert refused(phone.push(htm="GET")) == (400, "invalid_dpop_proof")
    proof = phone.proof("POST", "/oauth/par")
    assert phone.post("/oauth/par", phone.request(), proof).status_code == 201
    assert refused(phone.post("/oauth/par", phone.request(), proof)) == (400, "invalid_dpop_proof")


def test_a_bank_may_take_pushed_requests_only(phone: Phone, services: Services) -> None:
    services.settings.par_required = True
    promised: Answer = phone.http.get("/.well-known/oauth-authorization-server")
    assert promised.json["require_pushed_authorization_requests"]
    plain = phone.authorize()
    assert refused(plain) == (400, "invalid_request")
    assert "Location" not in plain.headers
    uri = phone.push().json["request_uri"]
    sent = phone.ask({"client_id": phone.client_id, "request_uri": uri})
    code = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])["code"]
    assert phone.token(phone.code_form(code)).status_code == 200


def test_a_pushed_request_is_good_for_ninety_seconds_and_its_own_app(
    phone: Phone, clock: SetClock, register: Callable[..., str]
) -> None:
    uri = phone.push().json["request_uri"]
    other = register("wallet", redirect_uris=[REDIRECT_URI])
    stolen = phone.ask({"client_id": other, "request_uri": uri})
    assert stolen.status_code == 400
    uri = phone.push().json["request_uri"]
    clock.advance(timedelta(seconds=90))
    late = phone.ask({"client_id": phone.client_id, "request_uri": uri})
    assert late.status_code == 400


def test_what_an_authorization_request_does_not_consist_of_is_not_kept(phone: Phone, redis: Redis) -> None:
    assert phone.push({"junk": "x" * 4000}).status_code == 201
    assert phone.ask(phone.request(junk="x" * 4000)).status_code == 302
    kept = [str(redis.get(key)) for key in redis.scan_iter("access:*")]
    assert sum("state-1" in each for each in kept) == 2
    assert not any("junk" in each for each in kept)


def test_what_an_app_chooses_freely_is_short(phone: Phone) -> None:
    for name, most in (("state", 1024), ("login_hint", 256)):
        assert phone.push({name: "x" * most}).status_code == 201
        assert refused(phone.push({name: "x" * (most + 1)})) == (400, "invalid_request")


def test_revoking_any_token_ends_the_session(phone: Phone, committed: Session) -> None:
    for kind in ("access_token", "refresh_token"):
        tokens = phone.sign_in()
        form = {"client_id": phone.client_id, "token": tokens.body[kind], "token_type_hint": "anything"}
        assert phone.post("/oauth/revoke", form).status_code == 200
        assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert set(committed.scalars(select(AccessSession.end_reason))) == {"revoked"}


def test_a_token_of_another_app_cannot_be_revoked(phone: Phone, register: Callable[..., str]) -> None:
    tokens = phone.sign_in()
    other = register("wallet", redirect_uris=[REDIRECT_URI])
    form = {"client_id": other, "token": tokens.refresh_token}
    assert phone.post("/oauth/revoke", form).json["error"] == "invalid_grant"
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 200


def test_an_unknown_token_is_revoked_already(phone: Phone) -> None:
    assert phone.post("/oauth/revoke", {"client_id": phone.client_id, "token": "unknown"}).status_code == 200
