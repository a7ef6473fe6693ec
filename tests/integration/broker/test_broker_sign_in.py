"""The mock MitID broker over HTTP on loopback, asked as a bank's own service would ask it."""

import re
from datetime import date

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from mobile_mock.broker import FAILURES, Broker, Person, Quirks
from tests.integration.broker.asking import (
    IDA,
    NSIS,
    OLE,
    REDIRECT_URI,
    Clock,
    SignIn,
    answer_in,
    assertion,
    decide,
    idp_params,
    key_on,
    redeem,
)


def test_discovery_names_endpoints_under_the_issuer(broker: Broker, browser: httpx.Client) -> None:
    metadata = browser.get("/.well-known/openid-configuration").json()
    assert metadata["issuer"] == broker.issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert all(metadata[name].startswith(broker.issuer) for name in metadata if name.endswith("_endpoint"))


def test_the_published_keys_hold_no_private_part(browser: httpx.Client) -> None:
    (key,) = browser.get("/.well-known/openid-configuration/jwks").json()["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_hinted_sign_in_gives_a_signed_id_token(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    claims = SignIn(broker, browser).claims()
    assert uuid_shaped(claims.pop("sub"))
    assert claims == {
        "iss": broker.issuer,
        "aud": "bank",
        "iat": clock.seconds,
        "exp": clock.seconds + 300,
        "auth_time": clock.seconds,
        "nonce": "nonce-1",
        "acr": NSIS + "Substantial",
        "loa": NSIS + "Substantial",
        "ial": NSIS + "Substantial",
        "aal": NSIS + "Substantial",
        "session_expiry": clock.seconds + 3600,
        "amr": ["code_app"],
        "idp": "mitid",
        "identity_type": "private",
        "mitid.uuid": IDA.mitid_uuid,
        "mitid.identity_name": "Ida Eksempel",
        "mitid.date_of_birth": "1985-01-01",
    }


def uuid_shaped(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def test_the_answer_carries_state_and_issuer(broker: Broker, browser: httpx.Client) -> None:
    answer = SignIn(broker, browser).answer()
    assert (answer["state"], answer["iss"]) == ("state-1", broker.issuer)


def test_somebody_added_later_can_sign_in(broker: Broker, browser: httpx.Client) -> None:
    eva = Person("0a9f6d2e-0003-4000-8000-000000000003", "Eva Eksempel", "0303901111", date(1990, 3, 3))
    broker.add_person(eva)
    assert SignIn(broker, browser, login_hint=f"uuid:{eva.mitid_uuid}").claims()["mitid.identity_name"] == eva.name


def test_an_unknown_person_is_denied(broker: Broker, browser: httpx.Client) -> None:
    answer = SignIn(broker, browser, login_hint="uuid:nobody").answer()
    assert (answer["error"], answer["error_description"]) == ("access_denied", "mitid_identity_not_found")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "stranger"}, "unauthorized_client"),
        ({"redirect_uri": REDIRECT_URI + "/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "mitid"}, "invalid_scope"),
        ({"scope": "openid everything"}, "invalid_scope"),
        ({"client_id": "shop", "scope": "openid ssn"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"prompt": "maybe"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
        ({"idp_values": "nemid"}, "invalid_request"),
        ({"idp_params": "[]"}, "invalid_request"),
        ({"idp_params": "{"}, "invalid_request"),
        ({"idp_params": '{"mitid": {"reference_text": "not base64!"}}'}, "invalid_request"),
        ({"idp_params": idp_params("x" * 131)}, "invalid_request"),
        ({"idp_params": '{"mitid": {"loa_value": "https://data.gov.dk/concept/core/nsis/High"}}'}, "invalid_request"),
        ({"idp_params": '{"mitid": {"loa_value": ["high"]}}'}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_answered_with_a_page_and_never_redirected(
    broker: Broker, browser: httpx.Client, change: dict[str, str | None], error: str
) -> None:
    response = SignIn(broker, browser, **change).ask()
    assert response.status_code == 400
    assert f"<h2>{error}</h2>" in response.text


def test_a_parameter_that_stands_twice_is_refused(broker: Broker, browser: httpx.Client) -> None:
    twice = httpx.QueryParams(SignIn(broker, browser).parameters).add("redirect_uri", "http://127.0.0.1:9/elsewhere")
    assert browser.get("/connect/authorize", params=twice).status_code == 400


def test_the_page_shows_people_text_and_level_without_any_script(broker: Broker, browser: httpx.Client) -> None:
    page = SignIn(broker, browser, login_hint=None, idp_params=idp_params("Tilføj <Visa> på mobil", "High")).ask()
    assert page.status_code == 200
    assert "Tilføj &lt;Visa&gt; på mobil" in page.text
    assert all(person.name in page.text for person in (IDA, OLE))
    assert 'value="High" checked' in page.text
    assert not re.search(r"<script|<style|style=|\son[a-z]+=", page.text)
    assert "default-src 'none'; style-src 'self'" in page.headers["content-security-policy"]


def test_the_page_never_shows_a_cpr_number(broker: Broker, browser: httpx.Client) -> None:
    page = SignIn(broker, browser, login_hint=None).ask()
    assert not any(person.cpr in page.text for person in (IDA, OLE))


def test_the_style_sheet_of_the_page_is_served(browser: httpx.Client) -> None:
    assert browser.get("/static/broker.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("level", ["Low", "Substantial", "High"])
def test_the_level_is_the_one_reached_not_the_one_asked_for(broker: Broker, browser: httpx.Client, level: str) -> None:
    sign_in = SignIn(broker, browser, login_hint=None, idp_params=idp_params("x", "High"))
    code = answer_in(decide(browser, sign_in.ask(), level=level))["code"]
    tokens = redeem(browser, {**sign_in.code_form(code), **assertion(broker)}).json()
    keys = KeySet.import_key_set(browser.get("/.well-known/openid-configuration/jwks").json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["loa"] == claims["acr"] == NSIS + level
    assert claims["mitid.uuid"] == OLE.mitid_uuid


def test_a_hinted_sign_in_reaches_substantial_whatever_was_asked_for(broker: Broker, browser: httpx.Client) -> None:
    assert SignIn(broker, browser, idp_params=idp_params("x", "High")).claims()["loa"] == NSIS + "Substantial"


def test_whoever_aborts_is_sent_back_with_the_brokers_own_words(broker: Broker, browser: httpx.Client) -> None:
    answer = answer_in(decide(browser, SignIn(broker, browser, login_hint=None).ask(), decision="abort"))
    assert (answer["error"], answer["error_description"]) == ("access_denied", "mitid_user_aborted")
    assert answer["state"] == "state-1"


@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_goes_wrong_is_told_in_the_brokers_own_words(
    broker: Broker, browser: httpx.Client, failure: str
) -> None:
    answer = answer_in(decide(browser, SignIn(broker, browser, login_hint=None).ask(), decision=failure))
    assert (answer["error"], answer["error_description"]) == ("access_denied", failure)


def test_a_broker_may_take_a_session_up_again_whatever_was_asked(
    broker: Broker, browser: httpx.Client, clock: Clock, quirks: Quirks
) -> None:
    SignIn(broker, browser).answer()
    quirks.takes_sessions_up_again = True
    clock.seconds += 10
    assert SignIn(broker, browser, login_hint=None, prompt="login").claims()["auth_time"] == clock.seconds - 10


def test_a_broker_may_write_numbers_as_texts(
    broker: Broker, browser: httpx.Client, clock: Clock, quirks: Quirks
) -> None:
    quirks.numbers_as_texts = True
    claims = SignIn(broker, browser).claims()
    assert (claims["auth_time"], claims["exp"]) == (str(clock.seconds), str(clock.seconds + 300))


def test_a_new_key_signs_and_the_old_one_stays_published_until_it_is_withdrawn(
    broker: Broker, browser: httpx.Client
) -> None:
    def kids() -> list[str]:
        return [key["kid"] for key in browser.get("/.well-known/openid-configuration/jwks").json()["keys"]]

    (first,) = kids()
    broker.rotate_key()
    second, kept = kids()
    assert kept == first
    assert SignIn(broker, browser).claims()["aud"] == "bank"
    broker.rotate_key(withdraw=True)
    assert len(kids()) == 1
    assert not {first, second} & set(kids())


def test_a_page_is_answered_once(broker: Broker, browser: httpx.Client) -> None:
    page = SignIn(broker, browser, login_hint=None).ask()
    decide(browser, page)
    assert decide(browser, page).status_code == 400


def test_a_page_waits_ten_minutes(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    page = SignIn(broker, browser, login_hint=None).ask()
    clock.seconds += 600
    assert decide(browser, page).status_code == 400


def test_a_session_is_reused_in_silence_with_its_old_time_and_level(
    broker: Broker, browser: httpx.Client, clock: Clock
) -> None:
    decide(browser, SignIn(broker, browser, login_hint=None).ask(), level="Low")
    signed_in_at = clock.seconds
    clock.seconds += 10
    claims = SignIn(broker, browser, login_hint=None, idp_params=idp_params("x", "High")).claims()
    assert (claims["auth_time"], claims["loa"]) == (signed_in_at, NSIS + "Low")


@pytest.mark.parametrize("change", [{"prompt": "login"}, {"max_age": "9"}, {"client_id": "shop"}])
def test_a_session_is_not_reused_when_it_does_not_fit(
    broker: Broker, browser: httpx.Client, clock: Clock, change: dict[str, str]
) -> None:
    SignIn(broker, browser).answer()
    clock.seconds += 10
    assert key_on(SignIn(broker, browser, login_hint=None, **change).ask())


def test_prompt_login_with_a_hint_signs_in_anew(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    SignIn(broker, browser).answer()
    clock.seconds += 10
    sign_in = SignIn(broker, browser, prompt="login")
    assert sign_in.claims()["auth_time"] == clock.seconds


def test_a_hint_for_somebody_else_does_not_reuse_the_session(broker: Broker, browser: httpx.Client) -> None:
    SignIn(broker, browser).answer()
    assert SignIn(broker, browser, login_hint=f"uuid:{OLE.mitid_uuid}").claims()["mitid.uuid"] == OLE.mitid_uuid


def test_a_session_ends(broker: Broker, browser: httpx.Client, clock: Clock) -> None:
    SignIn(broker, browser).answer()
    clock.seconds += 3600
    assert key_on(SignIn(broker, browser, login_hint=None).ask())


def test_prompt_none_without_a_session_needs_a_sign_in(broker: Broker, browser: httpx.Client) -> None:
    assert SignIn(broker, browser, prompt="none").answer()["error"] == "login_required"


def test_prompt_none_with_a_session_asks_nobody(broker: Broker, browser: httpx.Client) -> None:
    SignIn(broker, browser).answer()
    assert "code" in SignIn(broker, browser, login_hint=None, prompt="none").answer()


def test_nothing_is_kept_by_a_cache(broker: Broker, browser: httpx.Client) -> None:
    assert SignIn(broker, browser).ask().headers["Cache-Control"] == "no-store"
