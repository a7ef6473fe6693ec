"""How a client proves who it is at the token endpoint: a signed assertion (RFC 7523) or its secret (RFC 6749)."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError

from mobile_mock.broker.registry import Client
from mobile_mock.broker.requests import Refused
from mobile_mock.broker.shelf import Shelf

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ["ES256", "PS256", "RS256"]
ASSERTION_SECONDS_MAX = 3600


class ClientCheck:
    """Authenticates clients; remembers each assertion's `jti` for as long as the assertion could be used."""

    def __init__(self, clients: Mapping[str, Client], audiences: tuple[str, ...], now: Callable[[], float]) -> None:
        self._clients = clients
        self._audiences = audiences
        self._now = now
        self._seen = Shelf[bool](ASSERTION_SECONDS_MAX, now)

    def authenticate(self, form: Mapping[str, str], authorization: str | None) -> Client | Refused:
        """The client that sent this token request, by the one method that it used."""
        methods = (authorization is not None, "client_secret" in form, "client_assertion" in form)
        if sum(methods) != 1:
            return Refused("invalid_client", "exactly one way to authenticate the client is needed")
        if "client_assertion" in form:
            return self._by_assertion(form)
        return self._by_secret(*(_basic(authorization) if authorization else _post(form)))

    def _by_secret(self, client_id: str, secret: str) -> Client | Refused:
        client = self._clients.get(client_id)
        if client is None or client.secret is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            return Refused("invalid_client", "unknown client or wrong secret")
        return client

    def _by_assertion(self, form: Mapping[str, str]) -> Client | Refused:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return Refused("invalid_client", "client_assertion_type is not jwt-bearer")
        client = self._clients.get(form.get("client_id") or _unverified_subject(form["client_assertion"]))
        if client is None or client.keys is None:
            return Refused("invalid_client", "unknown client, or one without keys")
        try:
            claims = jwt.decode(form["client_assertion"], client.keys, algorithms=ASSERTION_ALGORITHMS).claims
        except (JoseError, ValueError):
            return Refused("invalid_client", "client_assertion: signature is not that of this client")
        problem = self._problem(claims, client)
        return Refused("invalid_client", f"client_assertion: {problem}") if problem else client

    def _problem(self, claims: Mapping[str, Any], client: Client) -> str | None:
        """What is wrong with an assertion whose signature holds (RFC 7523 section 3)."""
        if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
            return "iss and sub must be the client_id"
        if claims.get("aud") not in [*self._audiences, *([audience] for audience in self._audiences)]:
            return "aud is not this broker"
        now, expires = self._now(), claims.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return "exp is missing"
        if not now < expires <= now + ASSERTION_SECONDS_MAX:
            return "exp has passed or is too far away"
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            return "jti is missing"
        return None if self._seen.claim(f"{client.client_id} {jti}", True) else "jti was used before"


def _unverified_subject(assertion: str) -> str:
    """Whose keys to try. Nothing else is believed before the signature holds."""
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _basic(authorization: str) -> tuple[str, str]:
    """`client_secret_basic`: both halves are form-encoded first (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (unquote_plus(client_id), unquote_plus(secret)) if scheme.lower() == "basic" else ("", "")


def _post(form: Mapping[str, str]) -> tuple[str, str]:
    return form.get("client_id", ""), form["client_secret"]
