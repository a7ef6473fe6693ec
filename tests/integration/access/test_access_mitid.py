"""Our client against a broker of our own that lies, turns its keys or breaks: in this process, by HTTP messages."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from pydantic import SecretStr

from tests.integration.access.acting import ANNA, NSIS, parameters_in
from tokenization.clock import SetClock
from wallet.access.identity import Identity, SignInFailed
from wallet.access.mitid import REFERENCE_TEXTS, Broker
from wallet.access.step_up import PURPOSES
from wallet.settings import Settings

ISSUER = "https://broker.example"
SECRET = secrets.token_urlsafe(32)
OUR_KEY = ECKey.generate_key("P-256")
OUR_KEY.ensure_kid()


class LyingBroker:
    """A broker whose every word can be bent."""

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.published = [self.key]
        self.metadata: dict[str, Any] = {"issuer": ISSUER, "authorization_response_iss_parameter_supported": True}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.asked: list[str] = []
        self.form: dict[str, str] = {}
        self.authorization: str | None = None
        self.tokens: dict[str, Any] = {}
        self.nonce = ""

    def app(self) -> Flask:
        app = Flask("broker")
        app.add_url_rule("/.well-known/openid-configuration", view_func=self.discovery)
        app.add_url_rule("/jwks", view_func=self.jwks)
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/userinfo", view_func=self.person)
        app.before_request(lambda: self.asked.append(request.path))
        return app

    def discovery(self) -> ResponseReturnValue:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        places = {name: f"{ISSUER}/{path}" for name, path in {**names, "jwks_uri": "jwks"}.items()}
        return jsonify({**places, **self.metadata})

    def jwks(self) -> ResponseReturnValue:
        return jsonify(KeySet(list(self.published)).as_dict(private=False))

    def token(self) -> ResponseReturnValue:
        self.form, self.authorization = dict(request.form), request.headers.get("Authorization")
        now = int(self.clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": "tegnebog", "sub": "s", "iat": now, "exp": now + 300, "nonce": self.nonce}
        person = {"idp": "mitid", "identity_type": "private", "loa": f"{NSIS}High", "mitid.uuid": ANNA.mitid_uuid}
        said = {**claims, **person, "auth_time": str(now), **self.claims}
        id_token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, said, self.key)
        return jsonify({"access_token": "opaque", "token_type": "Bearer", "id_token": id_token, **self.tokens})

    def person(self) -> ResponseReturnValue:
        return jsonify({"sub": "s", "dk.cpr": ANNA.cpr, **self.userinfo})


@pytest.fixture
def lying(clock: SetClock) -> LyingBroker:
    return LyingBroker(clock)


def connected(lying: LyingBroker, **changes: Any) -> Broker:
    """Our client of that broker, before it has asked anything."""
    unused = SecretStr("unused")
    given = {"database_url": unused, "redis_url": unused, "key_ring": Path("unused"), "broker_url": ISSUER, **changes}
    transport = httpx.WSGITransport(app=lying.app())
    return Broker(Settings(**given), lambda: OUR_KEY, httpx.Client(transport=transport))


def begin(broker: Broker, lying: LyingBroker) -> dict[str, str]:
    """Send somebody to the broker; with what."""
    now = lying.clock.now()
    asked = parameters_in(broker.authorization_url(state="s", secret=SECRET, purpose=None, hint=None, now=now))
    lying.nonce = asked["nonce"]
    lying.asked.clear()
    return asked


def who(broker: Broker, clock: SetClock, secret: str = SECRET) -> Identity:
    return broker.identity("code", secret, begun_at=clock.now(), now=clock.now())


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
