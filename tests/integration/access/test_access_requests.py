"""How requests to the authorisation server must be made, and what a standard client's parameters do here."""

from typing import Any

import pytest
from flask import Flask

from tests.integration.access.acting import PUBLIC_URL, REDIRECT_URI, Answer, Phone, claims_in, parameters_in, tokens_in
from wallet.access.oauth import blueprint

FORMS = ("/oauth/token", "/oauth/par", "/oauth/device_authorization", "/oauth/revoke")
PAGES = ("/oauth/authorize", "/oauth/mitid/callback", "/oauth/device", "/oauth/jwks")


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_taken_and_nothing_else(phone: Phone, path: str) -> None:
    form = {"client_id": phone.client_id, "grant_type": "refresh_token", "refresh_token": "any", "token": "any"}
    for sent in ({"json": form}, {"data": form, "content_type": "multipart/form-data"}):
        answer: Answer = phone.http.post(path, **sent)
        assert refused(answer) == (400, "invalid_request")
        assert "application/x-www-form-urlencoded" in answer.json["error_description"]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_may_say_that_it_is_in_utf8(phone: Phone, path: str) -> None:
    content_type = "application/x-www-form-urlencoded; charset=UTF-8"
    answer = phone.http.post(path, data=f"client_id={phone.client_id}", content_type=content_type)
    assert "must be application" not in answer.text


@pytest.mark.parametrize("path", FORMS)
def test_who_tries_a_password_hears_so_in_that_scheme(phone: Phone, path: str) -> None:
    answer = phone.http.post(path, data={"client_id": phone.client_id}, auth=(phone.client_id, "secret"))
    assert refused(answer) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", [*FORMS, *PAGES])
def test_another_method_is_answered_with_those_that_there_are(app: Flask, path: str) -> None:
    http: Any = app.test_client()
    wrong = ("GET", "HEAD", "PUT", "DELETE", "PATCH") if path in FORMS else ("POST", "PUT", "DELETE", "PATCH")
    for method in wrong:
        answer = http.open(path, method=method)
        assert answer.status_code == 405
        assert ("POST" if path in FORMS else "GET") in answer.headers["Allow"]


@pytest.mark.parametrize("path", FORMS)
def test_what_stands_in_the_address_of_a_form_does_not_count(phone: Phone, path: str) -> None:
    in_address = f"{path}?client_id={phone.client_id}&grant_type=refresh_token&refresh_token=any&token=any"
    assert refused(phone.http.post(in_address)) in {(400, "invalid_request"), (400, "invalid_client")}


def test_no_answer_with_a_token_is_kept_by_a_cache(phone: Phone) -> None:
    for answer in (phone.token(phone.code_form(phone.answer()["code"])), phone.push(), phone.token({})):
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_public_is_kept_for_minutes_and_its_failure_is_not(app: Flask) -> None:
    http: Any = app.test_client()
    assert http.get("/oauth/jwks").headers["Cache-Control"] == "max-age=300"
    del app.extensions[blueprint.EXTENSION]
    assert http.get("/oauth/jwks").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "login_required"),
    ],
)
def test_who_asks_for_another_kind_of_answer_is_told_so(phone: Phone, asked: dict[str, str | None], error: str) -> None:
    answer = parameters_in(phone.authorize(**asked).headers["Location"])
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "state-1", PUBLIC_URL)
    assert refused(phone.push(asked)) == (400, error)


@pytest.mark.parametrize(
    "request_uri", ["https://wallet.example/request.jwt", "urn:ietf:params:oauth:request_uri:", "file:///etc/passwd"]
)
def test_a_request_that_was_not_pushed_here_is_not_fetched(phone: Phone, request_uri: str) -> None:
    answer = phone.authorize(request_uri=request_uri)
    assert refused(answer) == (400, "invalid_request")
    assert "Location" not in answer.headers
    assert refused(phone.push({"request_uri": request_uri})) == (400, "invalid_request")


def test_a_client_that_follows_our_challenge_as_rfc_9470_says_is_let_through(phone: Phone) -> None:
    refused_at_first = phone.call("POST", "/v1/tokens", phone.sign_in().access_token)
    challenge = refused_at_first.headers["WWW-Authenticate"].removeprefix("DPoP ")
    wanted = dict(part.split("=", 1) for part in challenge.replace('"', "").split(", "))
    followed = {name: wanted[name] for name in ("acr_values", "max_age", "purpose")}
    tokens = phone.sign_in(**followed, prompt="login")
    assert claims_in(tokens.access_token)["acr"] == wanted["acr_values"]
    assert phone.call("POST", "/v1/tokens", tokens.access_token).json == {"purpose": "provision"}


def test_a_pushed_request_may_follow_the_challenge_too(phone: Phone) -> None:
    uri = phone.push({"max_age": "0", "acr_values": "any", "prompt": "login", "ui_locales": "da"}).json["request_uri"]
    sent = phone.ask({"client_id": phone.client_id, "request_uri": uri})
    code = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])["code"]
    tokens = tokens_in(phone.token(phone.code_form(code)))
    assert claims_in(tokens.access_token)["auth_time"] == phone.seconds()


def test_a_response_mode_that_we_answer_in_may_be_named(phone: Phone) -> None:
    sent = phone.authorize(response_mode="query")
    assert phone.back(phone.at_broker(sent)).headers["Location"].startswith(f"{REDIRECT_URI}?code=")
