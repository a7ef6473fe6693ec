"""Our client of the MitID broker, and what it believes."""

import base64
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.access.acting import ANNA, NSIS
from tests.integration.access.lying import ISSUER, OUR_KEY, LyingBroker, begin, connected, who
from tokenization.clock import SetClock
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import SignInFailed
from wallet.access.mitid.reference_texts import REFERENCE_TEXTS
from wallet.access.step_up import PURPOSES


@pytest.fixture
def broker(lying: LyingBroker) -> Iterator[Broker]:
    broker = connected(lying)
    begin(broker, lying)
    yield broker
    broker.close()


def test_an_honest_broker_is_believed(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    identity = who(broker, clock)
    assert identity.mitid_uuid == ANNA.mitid_uuid
    assert identity.auth_time == clock.now()
    assert lying.asked == ["/token", "/jwks", "/userinfo"]


def test_we_say_who_we_are_with_a_signed_assertion_for_this_broker(
    broker: Broker, lying: LyingBroker, clock: SetClock
) -> None:
    who(broker, clock)
    claims = jwt.decode(lying.form["client_assertion"], OUR_KEY, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("tegnebog", "tegnebog", ISSUER)
    assert claims["exp"] - claims["iat"] == 60
    assert "client_secret" not in lying.form


@pytest.mark.parametrize(
    ("claims", "userinfo", "error"),
    [
        ({"aud": ["tegnebog", "other"]}, {}, "server_error"),
        ({"iss": "https://other.example"}, {}, "server_error"),
        ({"nonce": "another"}, {}, "server_error"),
        ({"loa": f"{NSIS}Low"}, {"loa": f"{NSIS}High"}, "access_denied"),
        ({"auth_time": 1}, {}, "access_denied"),
        ({}, {"sub": "somebody else"}, "server_error"),
    ],
)
def test_a_lie_is_not_believed(
    broker: Broker, lying: LyingBroker, clock: SetClock, claims: dict[str, Any], userinfo: dict[str, Any], error: str
) -> None:
    lying.claims, lying.userinfo = claims, userinfo
    with pytest.raises(SignInFailed) as failed:
        who(broker, clock)
    assert failed.value.error == error


def test_the_nonce_of_another_browser_does_not_fit(broker: Broker, clock: SetClock) -> None:
    with pytest.raises(SignInFailed, match="nonce"):
        who(broker, clock, secrets.token_urlsafe(32))


def test_new_keys_of_the_broker_are_fetched_when_a_kid_is_unknown(
    broker: Broker, lying: LyingBroker, clock: SetClock
) -> None:
    who(broker, clock)
    lying.key = ECKey.generate_key("P-256", auto_kid=True)
    lying.published.append(lying.key)
    clock.advance(timedelta(seconds=30))
    assert who(broker, clock).mitid_uuid == ANNA.mitid_uuid


def test_forged_kids_do_not_make_us_flood_the_broker(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.key = ECKey.generate_key("P-256", auto_kid=True)
    for _ in range(3):
        with pytest.raises(SignInFailed, match="not signed by the broker"):
            who(broker, clock)
    assert lying.asked.count("/jwks") == 1


def test_a_key_under_a_known_kid_must_be_that_key(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.key = ECKey.generate_key("P-256", {"kid": str(lying.key.kid)})
    with pytest.raises(SignInFailed, match="not signed by the broker"):
        who(broker, clock)


def test_metadata_of_another_issuer_is_refused(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["issuer"] = "https://other.example"
    clock.advance(timedelta(hours=1))
    with pytest.raises(SignInFailed, match="another issuer"):
        who(broker, clock)


def test_an_endpoint_without_tls_is_refused(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["token_endpoint"] = "http://broker.example/token"
    clock.advance(timedelta(hours=1))
    with pytest.raises(SignInFailed, match="without TLS"):
        who(broker, clock)


def test_a_broken_broker_says_so_and_nothing_of_what_it_said(
    broker: Broker, lying: LyingBroker, clock: SetClock
) -> None:
    lying.metadata["token_endpoint"] = f"{ISSUER}/nowhere"
    clock.advance(timedelta(hours=1))
    with pytest.raises(SignInFailed, match="the broker answered 404 at /nowhere"):
        who(broker, clock)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": "access_denied", "error_description": "mitid_user_aborted", "iss": ISSUER}, "access_denied"),
        ({"error": "login_required", "code": "c", "iss": ISSUER}, "access_denied"),
        ({"error": "temporarily_unavailable", "iss": ISSUER}, "temporarily_unavailable"),
        ({"error": "server_error", "iss": ISSUER}, "server_error"),
        ({"error": "", "code": "c", "iss": ISSUER}, "server_error"),
        ({"error": "access_denied", "iss": "https://other.example"}, "server_error"),
        ({"code": "c"}, "server_error"),
        ({"iss": ISSUER}, "server_error"),
    ],
)
def test_an_answer_without_a_good_code_is_a_failure(
    broker: Broker, clock: SetClock, answer: dict[str, str], error: str
) -> None:
    with pytest.raises(SignInFailed) as failed:
        broker.code_in(answer, clock.now())
    assert failed.value.error == error


def test_the_brokers_own_word_is_kept_where_it_is_one_that_we_know(broker: Broker, clock: SetClock) -> None:
    for description, shown in (("mitid_timeout", "mitid_timeout"), ("0101851234", "not repeated")):
        with pytest.raises(SignInFailed, match=shown):
            broker.code_in({"error": "access_denied", "error_description": description, "iss": ISSUER}, clock.now())


def test_a_broker_that_promises_no_issuer_may_leave_it_out(broker: Broker, lying: LyingBroker, clock: SetClock) -> None:
    del lying.metadata["authorization_response_iss_parameter_supported"]
    clock.advance(timedelta(hours=1))
    assert broker.code_in({"code": "c"}, clock.now()) == "c"


def test_mitid_shows_a_text_for_every_purpose_and_none_is_too_long() -> None:
    assert REFERENCE_TEXTS.keys() == PURPOSES | {None}
    assert all(0 < len(text) <= 130 for text in REFERENCE_TEXTS.values())


def test_a_client_with_a_secret_shows_it_in_the_header(lying: LyingBroker, clock: SetClock) -> None:
    method = {"client_authentication": "client_secret_basic"}
    broker = connected(lying, broker=method, broker_client_id="us & them", broker_client_secret="hush: æ+")
    begin(broker, lying)
    lying.claims["aud"] = "us & them"
    assert who(broker, clock).mitid_uuid == ANNA.mitid_uuid
    assert lying.authorization == f"Basic {base64.b64encode(b'us+%26+them:hush%3A+%C3%A6%2B').decode()}"
    assert not {"client_secret", "client_assertion"} & lying.form.keys()


def test_a_client_with_a_secret_may_show_it_in_the_form(lying: LyingBroker, clock: SetClock) -> None:
    method = {"client_authentication": "client_secret_post"}
    broker = connected(lying, broker=method, broker_client_secret="hush")
    begin(broker, lying)
    who(broker, clock)
    assert (lying.form["client_id"], lying.form["client_secret"]) == ("tegnebog", "hush")
    assert lying.authorization is None


def test_another_kind_of_broker_is_asked_in_its_own_words(lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["userinfo_endpoint"] = None
    broker = connected(lying, broker_kind="criipto", broker_client_secret="hush")
    asked = begin(broker, lying)
    assert asked["acr_values"] == "urn:grn:authn:dk:mitid:substantial"
    assert (asked["scope"], asked["prompt"], asked["code_challenge_method"]) == ("openid ssn", "login", "S256")
    text = asked["login_hint"].removeprefix("message:")
    assert base64.b64decode(text).decode() == REFERENCE_TEXTS[None]
    time = clock.now().isoformat().replace("+00:00", "Z")
    lying.claims = {"identityscheme": "dkmitid", "loA": "HIGH", "uuid": "u", "authenticationinstant": time}
    assert who(broker, clock).acr == f"{NSIS}High"
    assert lying.asked == ["/token", "/jwks"]


def test_an_issuer_may_end_with_a_slash(lying: LyingBroker, clock: SetClock) -> None:
    lying.metadata["issuer"] = f"{ISSUER}/"
    broker = connected(lying, broker_url=f"{ISSUER}/")
    assert broker.code_in({"code": "c", "iss": f"{ISSUER}/"}, clock.now()) == "c"


def test_an_algorithm_that_the_bank_does_not_want_is_refused(lying: LyingBroker, clock: SetClock) -> None:
    broker = connected(lying, broker={"algorithms": ["RS256"]})
    begin(broker, lying)
    with pytest.raises(SignInFailed, match="not signed by the broker"):
        who(broker, clock)
