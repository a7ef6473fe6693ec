"""Signing in with MitID: authorization code, PKCE, DPoP; and everything that must not work."""

import base64
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from tests.integration.access.acting import (
    ANNA,
    BO,
    NSIS,
    PUBLIC_URL,
    REDIRECT_URI,
    STRANGER,
    Phone,
    claims_in,
    parameters_in,
    tokens_in,
)
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.models import Cardholder
from wallet.access.mitid.reference_texts import REFERENCE_TEXTS
from wallet.access.models import OAuthClient
from wallet.access.step_up import PURPOSES
from wallet.database import Database
from wallet.services import Services


def test_a_cardholder_signs_in_and_is_let_in(phone: Phone, anna: UUID) -> None:
    tokens = phone.sign_in()
    assert tokens.body["token_type"] == "DPoP"
    answer = phone.call("GET", "/v1/me", tokens.access_token)
    assert answer.json == {"actor": f"cardholder:{ids.to_text('holder', anna)}", "client": phone.client_id}


def test_the_access_token_says_who_how_well_when_and_by_which_key(phone: Phone, anna: UUID) -> None:
    claims = claims_in(phone.sign_in(purpose="pin").access_token)
    assert (claims["iss"], claims["aud"], claims["scope"]) == (PUBLIC_URL, PUBLIC_URL, "wallet")
    assert claims["sub"] == ids.to_text("holder", anna)
    assert claims["client_id"] == phone.client_id
    assert claims["acr"] == f"{NSIS}Substantial"
    assert claims["auth_time"] == phone.seconds()
    assert claims["exp"] - claims["iat"] == 300
    assert claims["cnf"] == {"jkt": phone.key.thumbprint()}
    assert claims["purpose"] == "pin"
    assert claims["sid"].startswith("sess_")


def test_the_answer_carries_state_and_issuer(phone: Phone) -> None:
    answer = phone.answer(state="a state of 'mine' & more")
    assert answer["state"] == "a state of 'mine' & more"
    assert answer["iss"] == PUBLIC_URL


def test_the_first_sign_in_links_the_person_by_cpr_number(phone: Phone, anna: UUID, committed: Session) -> None:
    phone.sign_in()
    assert committed.get_one(Cardholder, anna).mitid_uuid == ANNA.mitid_uuid


def test_a_linked_cardholder_is_never_linked_anew(phone: Phone, anna: UUID, database: Database) -> None:
    with database.transaction("test") as session:
        session.get_one(Cardholder, anna).mitid_uuid = BO.mitid_uuid
    assert phone.answer()["error"] == "access_denied"


def test_a_stranger_hears_access_denied(phone: Phone) -> None:
    answer = phone.answer(login_hint=f"uuid:{STRANGER.mitid_uuid}")
    assert answer == {"error": "access_denied", "state": "state-1", "iss": PUBLIC_URL}


def test_somebody_who_says_no_at_mitid_goes_back_to_the_app(phone: Phone) -> None:
    answer = phone.answer(login_hint="uuid:nobody-has-this")
    assert answer["error"] == "access_denied"


def test_a_code_is_redeemed_once_and_the_second_time_ends_what_it_gave(phone: Phone) -> None:
    form = phone.code_form(phone.answer()["code"])
    tokens = tokens_in(phone.token(form))
    again = phone.token(form)
    assert (again.status_code, again.json["error"]) == (400, "invalid_grant")
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert phone.refresh(tokens.refresh_token).json["error"] == "invalid_grant"


def test_a_code_is_good_for_a_minute(phone: Phone, clock: SetClock) -> None:
    form = phone.code_form(phone.answer()["code"])
    clock.advance(timedelta(seconds=60))
    assert phone.token(form).json["error"] == "invalid_grant"


def test_a_code_needs_its_verifier(phone: Phone) -> None:
    assert phone.token(phone.code_form(phone.answer()["code"], code_verifier="x" * 43)).json["error"] == "invalid_grant"
    without = phone.code_form(phone.answer()["code"])
    del without["code_verifier"]
    assert phone.token(without).json["error"] == "invalid_request"


def test_a_code_needs_its_redirect_uri(phone: Phone) -> None:
    form = phone.code_form(phone.answer()["code"], redirect_uri=REDIRECT_URI + "/")
    assert phone.token(form).json["error"] == "invalid_grant"


def test_a_code_is_for_the_app_that_asked(phone: Phone, register: Callable[..., str]) -> None:
    form = phone.code_form(phone.answer()["code"])
    phone.client_id = register("wallet", redirect_uris=[REDIRECT_URI])
    assert phone.token(form).json["error"] == "invalid_grant"


def test_a_code_that_was_bound_to_a_key_needs_that_key(phone: Phone) -> None:
    form = phone.code_form(phone.answer(dpop_jkt="k" * 43)["code"])
    assert phone.token(form).json["error"] == "invalid_grant"
    bound = phone.code_form(phone.answer(dpop_jkt=phone.key.thumbprint())["code"])
    assert phone.token(bound).status_code == 200


def test_a_phone_without_a_proof_gets_no_token_and_keeps_its_code(phone: Phone) -> None:
    form = phone.code_form(phone.answer()["code"])
    answer = phone.post("/oauth/token", {"client_id": phone.client_id, **form})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_dpop_proof")
    assert phone.token(form).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "network"}, "invalid_scope"),
        ({"scope": "wallet network"}, "invalid_scope"),
        ({"purpose": "anything"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
)
def test_a_wrong_request_goes_back_to_the_app(phone: Phone, changes: dict[str, str | None], error: str) -> None:
    response = phone.authorize(**changes)
    assert response.status_code == 302
    answer = parameters_in(response.headers["Location"])
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "state-1", PUBLIC_URL)
    assert response.headers["Location"].startswith(REDIRECT_URI + "?")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": None},
        {"redirect_uri": "https://wallet.example/signed-in/"},
        {"redirect_uri": "https://wallet.example/signed-in?x=1"},
        {"redirect_uri": "https://wallet.example.evil.example/signed-in"},
        {"redirect_uri": 'https://wallet.example/"<script>'},
        {"client_id": "unknown"},
        {"client_id": None},
        {"response_type": "æøå"},
    ],
)
def test_a_request_that_cannot_be_trusted_is_never_redirected(phone: Phone, changes: dict[str, str | None]) -> None:
    response = phone.authorize(**changes)
    assert (response.status_code, response.content_type) == (400, "application/json")
    assert "Location" not in response.headers


def test_a_parameter_twice_is_refused(phone: Phone) -> None:
    query = [*phone.request().items(), ("state", "state-2")]
    assert phone.ask(query).json["error"] == "invalid_request"


@pytest.mark.parametrize("purpose", [None, *sorted(PURPOSES)])
def test_mitid_is_asked_to_sign_in_anew_and_shows_what_for(phone: Phone, purpose: str | None) -> None:
    asked = parameters_in(phone.authorize(purpose=purpose).headers["Location"])
    assert (asked["prompt"], asked["idp_values"], asked["code_challenge_method"]) == ("login", "mitid", "S256")
    assert asked["redirect_uri"] == f"{PUBLIC_URL}/oauth/mitid/callback"
    assert asked["state"] != "state-1"
    shown = json.loads(asked["idp_params"])["mitid"]
    assert shown["loa_value"] == "substantial"
    assert base64.b64decode(shown["reference_text"]).decode() == REFERENCE_TEXTS[purpose]


def test_an_answer_of_mitid_counts_only_in_the_browser_that_asked(phone: Phone) -> None:
    address = phone.at_broker(phone.authorize())
    phone.http.delete_cookie("sign-in")
    response = phone.back(address)
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert "Location" not in response.headers


def test_an_answer_of_mitid_counts_once(phone: Phone) -> None:
    address = phone.at_broker(phone.authorize())
    assert "code" in parameters_in(phone.back(address).headers["Location"])
    assert phone.back(address).status_code == 400


def test_an_answer_of_another_issuer_is_refused(phone: Phone) -> None:
    address = phone.at_broker(phone.authorize())
    mixed_up = address.rsplit("&iss=", 1)[0] + "&iss=https%3A%2F%2Fother.example"
    assert parameters_in(phone.back(mixed_up).headers["Location"])["error"] == "server_error"


def test_an_answer_without_the_promised_issuer_is_refused(phone: Phone) -> None:
    address = phone.at_broker(phone.authorize()).rsplit("&iss=", 1)[0]
    assert parameters_in(phone.back(address).headers["Location"])["error"] == "server_error"


def test_a_code_of_another_sign_in_does_not_fit_this_browser(phone: Phone) -> None:
    stolen = parameters_in(phone.at_broker(phone.authorize()))["code"]
    mine = phone.at_broker(phone.authorize())
    swapped = mine.replace(parameters_in(mine)["code"], stolen)
    assert parameters_in(phone.back(swapped).headers["Location"])["error"] == "server_error"


def test_a_sign_in_that_took_too_long_is_begun_anew(phone: Phone, clock: SetClock) -> None:
    address = phone.at_broker(phone.authorize())
    clock.advance(timedelta(minutes=10))
    assert phone.back(address).status_code == 400


@pytest.mark.parametrize("level", ["Low", "Substantial", "High"])
def test_only_substantial_or_better_is_let_in(phone: Phone, level: str) -> None:
    page = phone.browser.get(phone.authorize(login_hint=None).headers["Location"])
    key = page.text.split('name="key" value="')[1].split('"')[0]
    form = {"key": key, "decision": "approve", "person": ANNA.mitid_uuid, "level": level}
    approved = phone.browser.post(page.url.join("/connect/approve"), data=form)
    answer = parameters_in(phone.back(approved.headers["Location"]).headers["Location"])
    assert answer.get("error") == ("access_denied" if level == "Low" else None)


def test_somebody_who_aborts_at_mitid_is_denied(phone: Phone) -> None:
    page = phone.browser.get(phone.authorize(login_hint=None).headers["Location"])
    key = page.text.split('name="key" value="')[1].split('"')[0]
    aborted = phone.browser.post(page.url.join("/connect/approve"), data={"key": key, "decision": "abort"})
    answer = parameters_in(phone.back(aborted.headers["Location"]).headers["Location"])
    assert answer["error"] == "access_denied"


def test_a_broker_that_is_away_is_told_to_the_app(phone: Phone, services: Services) -> None:
    services.settings.broker_url = "http://127.0.0.1:9"
    answer = parameters_in(phone.authorize().headers["Location"])
    assert answer["error"] == "temporarily_unavailable"


def test_a_revoked_app_gets_nothing(phone: Phone, database: Database) -> None:
    form = phone.code_form(phone.answer()["code"])
    with database.transaction("test") as session:
        session.get_one(OAuthClient, phone.client_id).status = "revoked"
    assert phone.token(form).json["error"] == "invalid_client"
    assert phone.authorize().status_code == 400


def test_no_answer_may_be_cached_or_leave_in_a_referer(phone: Phone) -> None:
    for response in (phone.authorize(), phone.token({"grant_type": "nothing"})):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"


def test_no_secret_of_a_sign_in_stands_in_redis(phone: Phone, redis: Redis) -> None:
    sent = phone.authorize()
    code = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])["code"]
    kept = b" ".join([key + b" " + (redis.get(key) or b"") for key in redis.scan_iter("*")])
    state = parameters_in(sent.headers["Location"])["state"]
    for secret in (code, state, phone.verifier, ANNA.cpr):
        assert secret.encode() not in kept


def test_no_token_is_written_to_a_log_at_any_level(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = phone.sign_in()
    refreshed = tokens_in(phone.refresh(tokens.refresh_token))
    for secret in (
        tokens.access_token,
        tokens.refresh_token,
        refreshed.access_token,
        refreshed.refresh_token,
        ANNA.cpr,
    ):
        assert secret not in caplog.text


@pytest.mark.parametrize("linked_to", [None, STRANGER.mitid_uuid], ids=["nobody", "somebody else"])
def test_a_code_of_before_the_bank_took_the_link_away_gives_nothing(
    phone: Phone, anna: UUID, database: Database, linked_to: str | None
) -> None:
    code = phone.answer()["code"]
    with database.transaction("test") as session:
        session.get_one(Cardholder, anna).mitid_uuid = linked_to
    assert phone.token(phone.code_form(code)).json["error"] == "invalid_grant"
