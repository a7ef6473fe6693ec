"""The token and userinfo endpoints of the mock MitID broker: who gets what for which code."""

import base64
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from mobile_mock.broker import Broker
from tests.integration.broker.asking import (
    BANK,
    IDA,
    SECRET,
    STARTED,
    Clock,
    SignIn,
    assertion,
    redeem,
)


def test_the_subject_is_another_one_at_another_client(broker: Broker, browser: httpx.Client) -> None:
    broker.add_client(replace(BANK, client_id="other-bank"))
    here = SignIn(broker, browser)
    there = SignIn(broker, browser, client_id="other-bank")
    form = {**there.code_form(there.answer()["code"]), **assertion(broker, iss="other-bank", sub="other-bank")}
    token = redeem(browser, form).json()["access_token"]
    elsewhere = browser.get("/connect/userinfo", headers={"Authorization": f"Bearer {token}"}).json()["sub"]
    assert here.claims()["sub"] == here.claims()["sub"] != elsewhere


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "a" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:8080/elsewhere"},
        {"code": "made-up"},
    ],
)
def test_a_code_is_worth_nothing_with_the_wrong_things(
    broker: Broker, browser: httpx.Client, change: dict[str, str]
) -> None:
    sign_in = SignIn(broker, browser)
    form = {**sign_in.code_form(sign_in.answer()["code"]), **change, **assertion(broker)}
    response = redeem(browser, form)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_a_code_belongs_to_the_client_it_was_made_for(broker: Broker, browser: httpx.Client) -> None:
    sign_in = SignIn(broker, browser)
    form = sign_in.code_form(sign_in.answer()["code"], client_id="shop", client_secret=SECRET)
    assert redeem(browser, form).json()["error"] == "invalid_grant"


def test_a_code_lives_sixty_seconds(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    sign_in = SignIn(broker, browser)
    code = sign_in.answer()["code"]
    clock.seconds += 60
    form = {**sign_in.code_form(code), **assertion(broker, exp=clock.seconds + 60)}
    assert redeem(browser, form).json()["error"] == "invalid_grant"


def test_a_reused_code_gives_nothing_and_ends_what_it_gave(broker: Broker, browser: httpx.Client) -> None:
    sign_in = SignIn(broker, browser)
    form = sign_in.code_form(sign_in.answer()["code"])
    tokens = redeem(browser, {**form, **assertion(broker)}).json()
    assert redeem(browser, {**form, **assertion(broker)}).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/connect/userinfo", headers=bearer).status_code == 401


def test_two_at_once_with_one_code_get_one_token(broker: Broker, browser: httpx.Client) -> None:
    sign_in = SignIn(broker, browser)
    form = sign_in.code_form(sign_in.answer()["code"])
    barrier, statuses = threading.Barrier(2), []

    def race() -> None:
        with httpx.Client(base_url=broker.issuer) as client:
            barrier.wait()
            statuses.append(redeem(client, {**form, **assertion(broker)}).status_code)

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400]


def test_only_the_code_grant_is_known(broker: Broker, browser: httpx.Client) -> None:
    response = redeem(browser, {"grant_type": "client_credentials", **assertion(broker)})
    assert response.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "change",
    [
        {"exp": STARTED},
        {"exp": STARTED + 7200},
        {"exp": None},
        {"exp": True},
        {"aud": "https://somebody-else.example"},
        {"aud": None},
        {"iss": "shop"},
        {"sub": "shop"},
        {"jti": None},
        {"jti": ""},
    ],
)
def test_an_assertion_that_is_wrong_authenticates_nobody(
    broker: Broker, browser: httpx.Client, change: dict[str, Any]
) -> None:
    sign_in = SignIn(broker, browser)
    response = redeem(browser, {**sign_in.code_form(sign_in.answer()["code"]), **assertion(broker, **change)})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_an_assertion_signed_by_another_key_authenticates_nobody(broker: Broker, browser: httpx.Client) -> None:
    forged = assertion(broker, ECKey.generate_key("P-256", {"kid": "bank-1"}))
    assert redeem(browser, {"grant_type": "authorization_code", **forged}).status_code == 401


def test_an_assertion_works_once(broker: Broker, browser: httpx.Client) -> None:
    once = assertion(broker)
    first, second = SignIn(broker, browser), SignIn(broker, browser)
    assert redeem(browser, {**first.code_form(first.answer()["code"]), **once}).status_code == 200
    assert redeem(browser, {**second.code_form(second.answer()["code"]), **once}).status_code == 401


@pytest.mark.parametrize("audience", ["{issuer}", "{issuer}/connect/token"])
def test_an_assertion_may_name_the_issuer_or_the_token_endpoint(
    broker: Broker, browser: httpx.Client, audience: str
) -> None:
    sign_in = SignIn(broker, browser)
    proof = assertion(broker, aud=audience.format(issuer=broker.issuer))
    assert redeem(browser, {**sign_in.code_form(sign_in.answer()["code"]), **proof}).status_code == 200


def shop_sign_in(broker: Broker, browser: httpx.Client) -> dict[str, str]:
    sign_in = SignIn(broker, browser, client_id="shop")
    return sign_in.code_form(sign_in.answer()["code"])


def test_a_client_with_a_secret_may_send_it_in_the_form(broker: Broker, browser: httpx.Client) -> None:
    form = {**shop_sign_in(broker, browser), "client_id": "shop", "client_secret": SECRET}
    assert redeem(browser, form).status_code == 200


def test_a_client_with_a_secret_may_send_it_in_the_header(broker: Broker, browser: httpx.Client) -> None:
    credentials = base64.b64encode(b"shop:a%2Bsecret%3A+with+signs").decode()
    form, header = shop_sign_in(broker, browser), {"Authorization": f"Basic {credentials}"}
    assert redeem(browser, form, headers=header).status_code == 200


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ({"client_id": "shop", "client_secret": "wrong"}, None),
        ({"client_id": "bank", "client_secret": SECRET}, None),
        ({"client_id": "stranger", "client_secret": SECRET}, None),
        ({"client_id": "shop"}, None),
        ({"client_id": "shop", "client_secret": SECRET}, "Basic c2hvcDp4"),
        ({}, "Basic not-base64"),
        ({}, "Bearer c2hvcDp4"),
    ],
)
def test_a_client_that_proves_nothing_gets_nothing(
    browser: httpx.Client, form: dict[str, str], header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    response = redeem(browser, {"grant_type": "authorization_code", **form}, headers=headers)
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers


def userinfo(browser: httpx.Client, tokens: dict[str, Any]) -> dict[str, Any]:
    response = browser.get("/connect/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    claims: dict[str, Any] = response.json()
    return claims


def test_userinfo_has_the_cpr_number_where_it_was_asked_for(broker: Broker, browser: httpx.Client) -> None:
    claims = userinfo(browser, SignIn(broker, browser, scope="openid mitid ssn").tokens())
    assert (claims["dk.cpr"], claims["mitid.uuid"]) == (IDA.cpr, IDA.mitid_uuid)


def test_userinfo_has_no_cpr_number_where_nobody_asked(broker: Broker, browser: httpx.Client) -> None:
    assert "dk.cpr" not in userinfo(browser, SignIn(broker, browser).tokens())


def test_userinfo_wants_an_access_token(browser: httpx.Client) -> None:
    assert browser.get("/connect/userinfo").headers["WWW-Authenticate"] == "Bearer"
    wrong = browser.get("/connect/userinfo", headers={"Authorization": "Bearer made-up"})
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_an_access_token_ends(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    tokens = SignIn(broker, browser).tokens()
    clock.seconds += 300
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/connect/userinfo", headers=bearer).status_code == 401
