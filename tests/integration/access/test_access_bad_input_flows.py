"""Sign-ins bent by somebody in between: redirects, codes, answers of other brokers, other browsers, odd requests."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from tests.integration.access.acting import (
    ASSERTION_TYPE,
    BO,
    DEVICE_GRANT,
    PUBLIC_URL,
    REDIRECT_URI,
    Answer,
    Machine,
    Phone,
    parameters_in,
    tokens_in,
)
from tokenization import cardholders
from tokenization.clock import SetClock
from tokenization.vault import Vault
from wallet.access.models import OAuthClient
from wallet.database import Database

HOST = REDIRECT_URI.removeprefix("https://").partition("/")[0]
# None of them is what the app registered, character by character (RFC 9700 section 4.1.3).
REDIRECTS = {
    "a slash more": f"{REDIRECT_URI}/",
    "a slash less": REDIRECT_URI.replace("/signed-in", ""),
    "a query": f"{REDIRECT_URI}?a=1",
    "an empty query": f"{REDIRECT_URI}?",
    "a fragment": f"{REDIRECT_URI}#a",
    "an empty fragment": f"{REDIRECT_URI}#",
    "the path in capitals": REDIRECT_URI.replace("signed-in", "Signed-In"),
    "the host in capitals": REDIRECT_URI.replace(HOST, HOST.upper()),
    "the scheme in capitals": REDIRECT_URI.replace("https", "HTTPS"),
    "no TLS": REDIRECT_URI.replace("https", "http"),
    "a scheme of their own": REDIRECT_URI.replace("https", "wallet"),
    "a script": "javascript:alert(1)//wallet.example/signed-in",
    "the port that goes without saying": REDIRECT_URI.replace(HOST, f"{HOST}:443"),
    "another port": REDIRECT_URI.replace(HOST, f"{HOST}:8443"),
    "a letter percent-encoded": REDIRECT_URI.replace("signed", "%73igned"),
    "a slash percent-encoded": REDIRECT_URI.replace("/signed", "%2Fsigned"),
    "a zero byte percent-encoded": f"{REDIRECT_URI}%00",
    "a user": REDIRECT_URI.replace("https://", "https://evil@"),
    "us as the user": f"https://{HOST}@evil.example/signed-in",
    "a detour": REDIRECT_URI.replace("signed-in", "other/../signed-in"),
    "a way up": f"{REDIRECT_URI}/../evil",
    "two slashes": REDIRECT_URI.replace("/signed", "//signed"),
    "backslashes": f"https:\\\\{HOST}\\signed-in",
    "a backslash before their host": f"https://evil.example\\@{HOST}/signed-in",
    "a dot after the host": REDIRECT_URI.replace(HOST, f"{HOST}."),
    "a host that begins as ours": REDIRECT_URI.replace(HOST, f"{HOST}.evil.example"),
    "a host that ends as ours": REDIRECT_URI.replace(HOST, f"evil-{HOST}"),
    "a host below ours": REDIRECT_URI.replace(HOST, f"evil.{HOST}"),
    "a letter that looks like ours": REDIRECT_URI.replace("wallet", "w\u0430llet"),
    "full-width letters": REDIRECT_URI.replace("wallet", "ｗallet"),
    "punycode": REDIRECT_URI.replace("wallet", "xn--wllet-3ve"),
    "a space before": f" {REDIRECT_URI}",
    "a line break after": f"{REDIRECT_URI}\r\nSet-Cookie: a=1",
    "no scheme": REDIRECT_URI.removeprefix("https:"),
    "a path alone": "/signed-in",
    "two at once": f"{REDIRECT_URI} {REDIRECT_URI}",
    "nothing": "",
}
# What an app is told of at its address: so at no other.
ERRORS: dict[str, dict[str, str | None]] = {
    "a good request": {},
    "another scope": {"scope": "issuer"},
    "another response type": {"response_type": "token"},
    "no challenge": {"code_challenge": None},
    "a purpose that is none": {"purpose": "anything"},
}


def is_refused_here(answer: Answer) -> bool:
    """As JSON, without a word to whoever the request wanted told."""
    assert (answer.status_code, answer.content_type) == (400, "application/json"), answer.text
    return not {"Location", "Set-Cookie"} & set(answer.headers.keys()) and "error" in answer.json


@pytest.mark.parametrize("where", REDIRECTS)
def test_nobody_is_sent_where_the_app_did_not_say(phone: Phone, where: str) -> None:
    for wrong in ERRORS.values():
        assert is_refused_here(phone.authorize(redirect_uri=REDIRECTS[where], **wrong)), wrong
    pushed = phone.push({"redirect_uri": REDIRECTS[where]})
    assert is_refused_here(pushed)
    assert "request_uri" not in pushed.json


@pytest.mark.parametrize("where", ["a slash more", "a query", "the host in capitals", "a user", "nothing"])
def test_a_code_is_redeemed_with_the_address_that_it_was_sent_to(phone: Phone, where: str) -> None:
    form = phone.code_form(phone.answer()["code"], redirect_uri=REDIRECTS[where])
    assert phone.token(form).json["error"] in {"invalid_grant", "invalid_request"}
    assert phone.token({**form, "redirect_uri": REDIRECT_URI}).json["error"] == "invalid_grant"


def test_two_addresses_are_none(phone: Phone) -> None:
    for other in ("https://evil.example/", REDIRECT_URI):
        assert is_refused_here(phone.ask([*phone.request().items(), ("redirect_uri", other)]))


def test_the_state_is_given_back_and_breaks_nothing(phone: Phone) -> None:
    state = "a\r\nSet-Cookie: evil=1\r\n\r\n<script>&iss=https://evil.example#x"
    answer = phone.authorize(scope="issuer", state=state)
    assert answer.headers.getlist("Set-Cookie") == []
    assert parameters_in(answer.headers["Location"]) == {
        "error": "invalid_scope",
        "error_description": parameters_in(answer.headers["Location"])["error_description"],
        "state": state,
        "iss": PUBLIC_URL,
    }


@pytest.mark.parametrize(
    "verifier",
    [None, "", "short", "x" * 43, "x" * 129, "\u00f8" * 43, " " * 43, "challenge"],
    ids=["missing", "empty", "short", "another", "too long", "not ASCII", "blank", "the challenge itself"],
)
def test_a_code_with_another_verifier_is_refused_and_gone(phone: Phone, verifier: str | None) -> None:
    """A code that somebody guesses at is good for one guess."""
    form = phone.code_form(phone.answer()["code"])
    wrong = phone.request()["code_challenge"] if verifier == "challenge" else verifier
    bent = {name: value for name, value in {**form, "code_verifier": wrong}.items() if value is not None}
    answer = phone.token(bent)
    assert (answer.status_code, answer.json["error"] in {"invalid_grant", "invalid_request"}) == (400, True)
    if wrong:
        assert phone.token(form).json["error"] == "invalid_grant"


def test_a_stolen_code_is_of_no_use_in_another_app_or_on_another_phone(
    phone: Phone, register: Callable[..., str]
) -> None:
    thief = Phone(phone.http, phone.browser, phone.clock, register("wallet", redirect_uris=[REDIRECT_URI]))
    stolen = phone.answer()["code"]
    assert thief.token(thief.code_form(stolen)).json["error"] == "invalid_grant"
    bound = phone.answer(dpop_jkt=phone.key.thumbprint())["code"]
    thief.client_id, thief.verifier = phone.client_id, phone.verifier
    assert thief.token(thief.code_form(bound)).json["error"] == "invalid_grant"


def test_a_code_that_was_stolen_and_used_first_gives_the_thief_nothing_that_lasts(phone: Phone) -> None:
    """RFC 9700 section 4.5: whoever comes second, what the first got ends."""
    form = phone.code_form(phone.answer()["code"])
    thief = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    stolen = tokens_in(thief.token(form))
    assert phone.token(form).json["error"] == "invalid_grant"
    assert thief.call("GET", "/v1/me", stolen.access_token).status_code == 401
    assert thief.refresh(stolen.refresh_token).json["error"] == "invalid_grant"


OTHER = "https://other.example"


@pytest.mark.parametrize(
    "bend",
    [
        lambda address, iss: address.replace(iss, f"iss={OTHER}"),
        lambda address, iss: address.replace(iss, ""),
        lambda address, iss: address.replace(iss, "iss="),
        lambda address, iss: address.replace(iss, f"{iss}%2F"),
        lambda address, iss: address.replace(iss, iss.upper().replace("ISS=", "iss=")),
        lambda address, iss: f"{address}&iss={OTHER}",
    ],
    ids=["another", "missing", "empty", "a slash more", "in capitals", "twice"],
)
def test_an_answer_that_another_broker_may_have_given_signs_nobody_in(
    phone: Phone, bend: Callable[[str, str], str]
) -> None:
    """RFC 9207, also where the answer is a no: the right broker's answer does not count any more either."""
    for hint in (None, "uuid:nobody-has-this"):
        changes = {"login_hint": hint} if hint else {}
        address = phone.at_broker(phone.authorize(**changes))
        iss = next(part for part in address.partition("?")[2].split("&") if part.startswith("iss="))
        answer = phone.back(bend(address, iss))
        told = parameters_in(answer.headers["Location"])["error"] if answer.status_code == 302 else answer.json["error"]
        assert told in {"server_error", "invalid_request"}
        assert "code=" not in answer.headers.get("Location", "")


@pytest.fixture
def victim(app: Flask, phone: Phone, database: Database, vault: Vault, clock: SetClock) -> Phone:
    """Bo, with the same app in a browser of his own."""
    with database.transaction("test") as session:
        cardholders.register(session, vault, name="Bo Eksempel", cpr=BO.cpr, mobile=None, now=clock.now())
    return Phone(app.test_client(), phone.browser, clock, phone.client_id)


def test_somebody_elses_sign_in_cannot_be_finished_in_my_browser(phone: Phone, victim: Phone) -> None:
    """Login CSRF (RFC 9700 section 4.7): without a cookie, with that of one's own sign-in, and with one made up."""
    assert is_refused_here(victim.back(phone.at_broker(phone.authorize())))
    victim.authorize()
    assert is_refused_here(victim.back(phone.at_broker(phone.authorize())))
    for cookie in ("", "x", "x" * 4000, "a;b=c", "\u00f8"):
        address = phone.at_broker(phone.authorize())
        victim.http.set_cookie("sign-in", cookie)
        assert is_refused_here(victim.back(address)), cookie


def test_a_stolen_answer_and_a_stolen_cookie_do_not_mix(phone: Phone, victim: Phone) -> None:
    """The code of one sign-in under the state of another: the verifier at the broker is the browser's."""
    theirs = parameters_in(victim.at_broker(victim.authorize(login_hint=f"uuid:{BO.mitid_uuid}")))
    mine = phone.at_broker(phone.authorize())
    answer = phone.back(mine.replace(parameters_in(mine)["code"], theirs["code"]))
    assert parameters_in(answer.headers["Location"])["error"] == "server_error"


@pytest.mark.parametrize("state", ["", "unknown", "a\x00b", "\u00f8", "x" * 4000, "*", "../sign-in"], ids=ascii)
def test_a_state_of_nobodys_sends_nobody_anywhere(phone: Phone, state: str) -> None:
    phone.authorize()
    query = {"state": state, "code": "c", "iss": "i", "redirect_uri": REDIRECT_URI}
    assert is_refused_here(phone.http.get("/oauth/mitid/callback", query_string=query))


ENDPOINTS = ("/oauth/token", "/oauth/par", "/oauth/revoke", "/oauth/device_authorization")
FORM = "application/x-www-form-urlencoded"
FILE = b'--b\r\nContent-Disposition: form-data; name="client_id"; filename="x"\r\n\r\nx\r\n--b--\r\n'
ODD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "JSON": {"json": {"client_id": "x", "grant_type": "client_credentials"}},
    "a client with a zero byte": {"data": {"client_id": "a\x00b"}},
    "a client of half a character": {
        "data": b"client_id=%ed%a0%80",
        "content_type": FORM,
    },
    "bytes that are no text": {"data": b"client_id=%ff%fe&%00=1", "content_type": FORM},
    "a client that is SQL": {"data": {"client_id": "' OR 1=1 --"}},
    "a client twice": {"data": {"client_id": ["a", "b"]}},
    "a client without end": {"data": {"client_id": "x" * 5000}},
    "many parameters": {"data": {f"p{number}": "x" for number in range(1500)}},
    "a file": {"data": FILE, "content_type": "multipart/form-data; boundary=b"},
    "a password": {"headers": {"Authorization": "Basic aXNzdWVyOmlzc3Vlcg=="}},
    "a password that is none": {"headers": {"Authorization": "Basic !!!"}},
    "an assertion of another type": {"data": {"client_assertion_type": "evil", "client_assertion": "a.b.c"}},
    "an assertion that is none": {"data": {"client_assertion_type": ASSERTION_TYPE, "client_assertion": ".."}},
    "a body without end": {"data": {"client_id": "x", "junk": "x" * 100_000}},
    "a long header": {"headers": {"DPoP": "x" * 100_000}},
    "another header": {"headers": {"Authorization": "x" * 100_000, "Host": "evil.example"}},
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("how", ODD)
def test_an_odd_request_is_refused_in_the_words_of_oauth(app: Flask, path: str, how: str) -> None:
    answer = app.test_client().post(path, **ODD[how])
    assert answer.status_code in {400, 401, 413}, answer.text
    if answer.status_code != 413:
        assert answer.get_json()["error"] in {
            "invalid_request",
            "invalid_client",
            "invalid_dpop_proof",
            "unsupported_grant_type",
        }
    assert "evil" not in answer.text


@pytest.fixture
def revoke(database: Database) -> Callable[[str], None]:
    """Puts a client out, for good."""

    def revoke(client_id: str) -> None:
        with database.transaction("test") as session:
            session.get_one(OAuthClient, client_id).status = "revoked"

    return revoke


def test_the_sessions_and_codes_of_a_revoked_client_are_of_no_use(phone: Phone, revoke: Callable[[str], None]) -> None:
    tokens, form = phone.sign_in(), phone.code_form(phone.answer()["code"])
    request_uri = phone.push().json["request_uri"]
    begun = phone.at_broker(phone.authorize())
    revoke(phone.client_id)
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert phone.refresh(tokens.refresh_token).json["error"] == "invalid_client"
    assert phone.token(form).json["error"] == "invalid_client"
    assert phone.push().json["error"] == "invalid_client"
    assert is_refused_here(phone.ask({"client_id": phone.client_id, "request_uri": request_uri}))
    assert is_refused_here(phone.back(begun))


def test_the_device_codes_and_assertions_of_a_revoked_client_are_of_no_use(
    child_phone: Phone, machine: Callable[[str], Machine], revoke: Callable[[str], None]
) -> None:
    code, bank = child_phone.ask_to_pair()["device_code"], machine("issuer")
    token = bank.token().json["access_token"]
    for client_id in (child_phone.client_id, bank.client_id):
        revoke(client_id)
    assert child_phone.poll(code).json["error"] == "invalid_client"
    assert bank.token().json["error"] == "invalid_client"
    assert bank.call("/v1/issuer", token, **{"X-Actor": "Mette"}).status_code == 401


def test_a_device_code_is_of_no_use_to_who_did_not_ask(
    child_phone: Phone, register: Callable[..., str], anna: UUID
) -> None:
    code = child_phone.ask_to_pair()["device_code"]
    other = Phone(child_phone.http, child_phone.browser, child_phone.clock, register("child"))
    other.key = child_phone.key
    assert other.poll(code).json["error"] == "unauthorized_client"
    for guess in ("", "x", code[:-1], code.upper(), "a\x00b", "x" * 5000):
        form = {"grant_type": DEVICE_GRANT, "device_code": guess}
        assert child_phone.token(form).json["error"] in {"expired_token", "invalid_request", "invalid_grant"}
