"""A bank that lets the broker sign people in: what it sends, and what it reads out of the answers."""

import base64
import hashlib
import json
import re
import secrets
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from mobile_mock.broker import Broker, Client, Person

REDIRECT_URI = "http://127.0.0.1:8080/oauth/mitid/callback"
NSIS = "https://data.gov.dk/concept/core/nsis/"
STARTED = 1_795_305_600
SECRET = "a+secret: with signs"
KEY = ECKey.generate_key("P-256", {"kid": "bank-1"})
IDA = Person("0a9f6d2e-0001-4000-8000-000000000001", "Ida Eksempel", "0101851234", date(1985, 1, 1))
OLE = Person("0a9f6d2e-0002-4000-8000-000000000002", "Ole Eksempel", "0202805678", date(1980, 2, 2))
BANK = Client("bank", (REDIRECT_URI,), keys=KeySet([ECKey.import_key(KEY.as_dict(private=False))]))
SHOP = Client("shop", (REDIRECT_URI,), secret=SECRET, scopes=frozenset({"openid", "mitid"}))


class Clock:
    """Seconds since 1970 that stand still until a test moves them."""

    seconds = STARTED

    def __call__(self) -> float:
        return self.seconds


class SignIn:
    """One sign-in as the client `bank` does it: its parameters, and what it needs to remember of them."""

    def __init__(self, broker: Broker, browser: httpx.Client, **changes: str | None) -> None:
        self.broker = broker
        self.browser = browser
        self.verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "client_id": "bank",
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": "openid mitid",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "idp_values": "mitid",
            "login_hint": f"uuid:{IDA.mitid_uuid}",
            **changes,
        }
        self.parameters = {name: value for name, value in parameters.items() if value is not None}

    def ask(self) -> httpx.Response:
        return self.browser.get("/connect/authorize", params=self.parameters)

    def answer(self) -> dict[str, str]:
        return answer_in(self.ask())

    def code_form(self, code: str, **changes: str) -> dict[str, str]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return {**form, "code_verifier": self.verifier, **changes}

    def tokens(self) -> dict[str, Any]:
        response = redeem(self.browser, {**self.code_form(self.answer()["code"]), **assertion(self.broker)})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def claims(self) -> dict[str, Any]:
        keys = KeySet.import_key_set(self.browser.get("/.well-known/openid-configuration/jwks").json())
        return jwt.decode(self.tokens()["id_token"], keys, algorithms=["RS256"]).claims


def answer_in(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["location"])
    assert location._replace(query="").geturl() == REDIRECT_URI
    return {name: values[0] for name, values in parse_qs(location.query).items()}


def assertion(broker: Broker, key: ECKey = KEY, **changes: Any) -> dict[str, str]:
    claims = {"iss": "bank", "sub": "bank", "aud": broker.issuer, "iat": STARTED, "exp": STARTED + 60, **changes}
    claims.setdefault("jti", secrets.token_hex(8))
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": "bank-1"}, claims, key),
    }


def redeem(browser: httpx.Client, form: dict[str, str], **options: Any) -> httpx.Response:
    return browser.post("/connect/token", data=form, **options)


def idp_params(text: str, level: str = "Substantial") -> str:
    encoded = base64.b64encode(text.encode()).decode()
    return json.dumps({"mitid": {"reference_text": encoded, "loa_value": level.lower()}})


def key_on(page: httpx.Response) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def decide(browser: httpx.Client, page: httpx.Response, **choice: str) -> httpx.Response:
    form = {"key": key_on(page), "person": OLE.mitid_uuid, "level": "Substantial", "decision": "approve", **choice}
    return browser.post("/connect/approve", data=form)
