"""Phones and machines as they act towards the authorisation server, each step apart, so that a test can bend it."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import httpx
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey

from mobile_mock.broker import Person
from tokenization.clock import SetClock

# Werkzeug's TestResponse, whose `json` would have to be asked for None each time.
Answer: TypeAlias = Any

PUBLIC_URL = "http://127.0.0.1:8080"
REDIRECT_URI = "https://wallet.example/signed-in"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
NSIS = "https://data.gov.dk/concept/core/nsis/"
ANNA = Person("0a9f6d2e-0001-4000-8000-000000000001", "Anna Eksempel", "0101851234", date(1985, 1, 1))
BO = Person("0a9f6d2e-0002-4000-8000-000000000002", "Bo Eksempel", "0202805678", date(1980, 2, 2))
STRANGER = Person("0a9f6d2e-0003-4000-8000-000000000003", "Siv Eksempel", "0303755678", date(1975, 3, 3))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def challenge_of(verifier: str) -> str:
    return base64url(hashlib.sha256(verifier.encode()).digest())


def parameters_in(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@dataclass
class Tokens:
    """What the token endpoint gave."""

    access_token: str
    refresh_token: str
    body: dict[str, Any]


class Phone:
    """A phone with a key of its own; `browser` is where it meets the broker."""

    def __init__(self, http: FlaskClient, browser: httpx.Client, clock: SetClock, client_id: str) -> None:
        self.http = http
        self.browser = browser
        self.clock = clock
        self.client_id = client_id
        self.key = ECKey.generate_key("P-256")
        self.verifier = secrets.token_urlsafe(48)

    def proof(self, method: str, path: str, access_token: str | None = None, **changes: Any) -> str:
        """A DPoP proof; `header` and `key` bend more than claims."""
        public = self.key.as_dict(private=False)
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public, **changes.pop("header", {})}
        key = changes.pop("key", self.key)
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": PUBLIC_URL + path, "iat": self.seconds()}
        if access_token is not None:
            claims["ath"] = base64url(hashlib.sha256(access_token.encode()).digest())
        return jwt.encode(header, {**claims, **changes}, key)

    def seconds(self) -> int:
        return int(self.clock.now().timestamp())

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of an authorization request."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "wallet",
            "state": "state-1",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            "login_hint": f"uuid:{ANNA.mitid_uuid}",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def authorize(self, **changes: str | None) -> Answer:
        """The browser at our authorization endpoint."""
        return self.ask(self.request(**changes))

    def ask(self, query: dict[str, str] | list[tuple[str, str]]) -> Answer:
        """The same, with any query."""
        return self.http.get("/oauth/authorize", query_string=query)

    def at_broker(self, sent: Answer) -> str:
        """The browser goes on to the broker; where the broker sends it."""
        assert sent.status_code == 302, sent.text
        return str(self.browser.get(sent.headers["Location"]).headers["Location"])

    def back(self, address: str) -> Answer:
        """The browser comes back to us."""
        parts = urlsplit(address)
        return self.http.get(f"{parts.path}?{parts.query}")

    def answer(self, **changes: str | None) -> dict[str, str]:
        """The whole way: what the app gets at its redirect URI."""
        response = self.back(self.at_broker(self.authorize(**changes)))
        assert response.status_code == 302, response.text
        assert response.headers["Location"].startswith(REDIRECT_URI + "?")
        return parameters_in(response.headers["Location"])

    def post(self, path: str, form: dict[str, str], proof: str | None = None) -> Answer:
        """A form, with a proof or without."""
        return self.http.post(path, data=form, headers={"DPoP": proof} if proof else {})

    def push(self, changes: dict[str, str | None] | None = None, **bent: Any) -> Answer:
        """The pushed request endpoint, with a fresh proof; `changes` are of the request, `bent` is the proof."""
        return self.post("/oauth/par", self.request(**changes or {}), self.proof("POST", "/oauth/par", **bent))

    def token(self, form: dict[str, str], **changes: Any) -> Answer:
        """The token endpoint, with a fresh proof."""
        proof = self.proof("POST", "/oauth/token", **changes)
        return self.post("/oauth/token", {"client_id": self.client_id, **form}, proof)

    def code_form(self, code: str, **changes: str) -> dict[str, str]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return {**form, "code_verifier": self.verifier, **changes}

    def sign_in(self, **changes: str | None) -> Tokens:
        """From nothing to tokens."""
        return tokens_in(self.token(self.code_form(self.answer(**changes)["code"])))

    def refresh(self, refresh_token: str) -> Answer:
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def call(self, method: str, path: str, access_token: str, **changes: Any) -> Answer:
        """A resource, as this phone calls it; `scheme` bends the Authorization header."""
        scheme, proof = changes.pop("scheme", "DPoP"), changes.pop("proof", None)
        sent = {"Authorization": f"{scheme} {access_token}"}
        sent["DPoP"] = proof or self.proof(method, path, access_token, **changes)
        return self.http.open(path, method=method, headers=sent)

    def ask_to_pair(self, **changes: str) -> dict[str, Any]:
        """The device authorization answer, as a child's phone."""
        form = {"client_id": self.client_id, "scope": "child", "device_name": "Emils telefon"}
        response = self.post("/oauth/device_authorization", {**form, "dpop_jkt": self.key.thumbprint(), **changes})
        assert response.status_code == 200, response.text
        asked: dict[str, Any] = response.json
        return asked

    def poll(self, device_code: str) -> Answer:
        return self.token({"grant_type": DEVICE_GRANT, "device_code": device_code})


class Machine:
    """A machine with a registered key."""

    def __init__(self, http: FlaskClient, clock: SetClock, client_id: str, key: ECKey) -> None:
        self.http = http
        self.clock = clock
        self.client_id = client_id
        self.key = key

    def assertion(self, **changes: Any) -> str:
        """A client assertion; `header` and `key` bend more than claims."""
        header, key = {"alg": "ES256", **changes.pop("header", {})}, changes.pop("key", self.key)
        now = int(self.clock.now().timestamp())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": PUBLIC_URL, "iat": now, "exp": now + 60}
        claims = {**claims, "jti": secrets.token_urlsafe(16), **changes}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key)

    def token(self, assertion: str | None = None, **changes: str) -> Answer:
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, **changes}
        return self.http.post("/oauth/token", data={**form, "client_assertion": assertion or self.assertion()})

    def post(self, path: str, form: dict[str, str]) -> Answer:
        return self.http.post(path, data=form)

    def call(self, path: str, access_token: str, **headers: str) -> Answer:
        return self.http.get(path, headers={"Authorization": f"Bearer {access_token}", **headers})


def tokens_in(response: Answer) -> Tokens:
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json
    return Tokens(body["access_token"], body.get("refresh_token", ""), body)


def claims_in(access_token: str) -> dict[str, Any]:
    """What an access token says, unchecked."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(access_token.split(".")[1] + "=="))
    return claims
