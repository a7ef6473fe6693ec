"""A MitID broker of our own that lies, turns its keys or breaks: in this process, by HTTP messages."""

import secrets
from pathlib import Path
from typing import Any

import httpx
from flask import Flask, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from pydantic import SecretStr

from tests.integration.access.acting import ANNA, NSIS, parameters_in
from tokenization.clock import SetClock
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import Identity
from wallet.access.mitid.reference_texts import of_purpose
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
        self.key_set: dict[str, Any] = {}
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
        app.add_url_rule("/elsewhere", view_func=lambda: redirect("/userinfo"), methods=["GET", "POST"])
        app.before_request(lambda: self.asked.append(request.path))
        return app

    def discovery(self) -> ResponseReturnValue:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        places = {name: f"{ISSUER}/{path}" for name, path in {**names, "jwks_uri": "jwks"}.items()}
        return jsonify({**places, **self.metadata})

    def jwks(self) -> ResponseReturnValue:
        return jsonify(self.key_set or KeySet(list(self.published)).as_dict(private=False))

    def token(self) -> ResponseReturnValue:
        self.form, self.authorization = dict(request.form), request.headers.get("Authorization")
        id_token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, self.said(), self.key)
        return jsonify({"access_token": "opaque", "token_type": "Bearer", "id_token": id_token, **self.tokens})

    def said(self) -> dict[str, Any]:
        """The claims of the ID token."""
        now = int(self.clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": "tegnebog", "sub": "s", "iat": now, "exp": now + 300, "nonce": self.nonce}
        person = {"idp": "mitid", "identity_type": "private", "loa": f"{NSIS}High", "mitid.uuid": ANNA.mitid_uuid}
        return {**claims, **person, "auth_time": str(now), **self.claims}

    def person(self) -> ResponseReturnValue:
        return jsonify({"sub": "s", "dk.cpr": ANNA.cpr, **self.userinfo})


def client(transport: httpx.BaseTransport, **changes: Any) -> Broker:
    """Our client of whatever answers there."""
    unused = SecretStr("unused")
    given = {"database_url": unused, "redis_url": unused, "key_ring": Path("unused"), "broker_url": ISSUER, **changes}
    return Broker(Settings(**given), lambda: OUR_KEY, httpx.Client(transport=transport))


def connected(lying: LyingBroker, **changes: Any) -> Broker:
    """Our client of that broker, before it has asked anything."""
    return client(httpx.WSGITransport(app=lying.app()), **changes)


def begin(broker: Broker, lying: LyingBroker) -> dict[str, str]:
    """Send somebody to the broker; with what."""
    shown, now = of_purpose(None), lying.clock.now()
    asked = parameters_in(broker.authorization_url(state="s", secret=SECRET, shown=shown, hint=None, now=now))
    lying.nonce = asked["nonce"]
    lying.asked.clear()
    return asked


def who(broker: Broker, clock: SetClock, secret: str = SECRET) -> Identity:
    """Who comes back, at once."""
    return broker.identity("code", secret, begun_at=clock.now(), now=clock.now())
