"""Our side of the MitID broker: an OpenID Connect client (authorization code, PKCE, nonce, `private_key_jwt`).

State and verifier live in the browser: a secret in its cookie, from which PKCE verifier and nonce are derived. So an
answer is of use only in the browser that asked (login CSRF), and Redis keeps nothing that redeems a code.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet

from wallet.access import step_up
from wallet.access.identity import Identity, SignInFailed, check_id_token, identify
from wallet.settings import Settings

CALLBACK_PATH: Final = "/oauth/mitid/callback"
ALGORITHMS: Final = ["RS256", "PS256", "ES256"]
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMEOUT_SECONDS: Final = 10
_ASSERTION_LIFETIME: Final = timedelta(minutes=1)
_DISCOVERY_KEPT_FOR: Final = timedelta(hours=1)
# An unknown kid makes us look for new keys, but a flood of forged ones doesn't make us flood the broker.
_KEYS_KEPT_FOR_AT_LEAST: Final = timedelta(seconds=30)
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
# What MitID shows, so that who approves knows what for. At most 130 characters.
REFERENCE_TEXTS: Final[Mapping[str | None, str]] = {
    None: "Log ind i din wallet",
    "provision": "Læg et kort på din telefon",
    "right": "Opret eller udvid en trækningsret til dit kort",
    "pair": "Luk en telefon ind på en trækningsret til dit kort",
    "pin": "Vælg ny PIN til kortet på din telefon",
    "resume": "Genåbn kortet på din telefon",
    "approve": "Godkend en betaling eller en højere grænse på en trækningsret",
}


class Broker:
    """The configured broker. No method may run while a transaction is open: they call the network.

    `key` is asked for what signs our assertions, each time: it rotates.
    """

    def __init__(self, settings: Settings, key: Callable[[], ECKey], http: httpx.Client) -> None:
        self._settings = settings
        self._key = key
        self._http = http
        self._discovered: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the broker sends the browser back to."""
        return self._settings.public_url + CALLBACK_PATH

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def authorization_url(
        self, *, state: str, secret: str, purpose: str | None, hint: str | None, now: datetime
    ) -> str:
        """Where the browser goes to sign in. Raises SignInFailed while the broker is away."""
        text = base64.b64encode(REFERENCE_TEXTS[purpose].encode()).decode()
        parameters = {
            "client_id": self._settings.broker_client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": f"openid mitid {self._settings.mitid_claims.cpr_scope}",
            "state": state,
            "nonce": _derived(secret, "nonce"),
            "code_challenge": _challenge(_derived(secret, "verifier")),
            "code_challenge_method": "S256",
            "prompt": "login",
            "idp_values": "mitid",
            "idp_params": json.dumps({"mitid": {"reference_text": text, "loa_value": step_up.SUBSTANTIAL}}),
            "language": "da",
            **({"login_hint": hint} if hint else {}),
        }
        endpoint: str = self._discovery(now)["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def code_in(self, answer: Mapping[str, str], now: datetime) -> str:
        """The code in the broker's answer. Raises SignInFailed for an error, or another issuer's answer (RFC 9207)."""
        promised = self._discovery(now).get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if promised else self._settings.broker_url) != self._settings.broker_url:
            raise SignInFailed("server_error", "the answer is not of the broker that was asked")
        if "error" in answer:
            # NEB: access_denied with mitid_user_aborted and the like; whatever else is no choice of the person.
            is_choice = answer["error"] in ("access_denied", "login_required", "interaction_required")
            raise SignInFailed("access_denied" if is_choice else "server_error", "the broker answered with an error")
        if not answer.get("code"):
            raise SignInFailed("server_error", "the answer holds no code")
        return answer["code"]

    def identity(self, code: str, secret: str, now: datetime) -> Identity:
        """Who signed in: redeem the code, check the ID token, ask userinfo. Raises SignInFailed."""
        tokens = self._redeem(code, secret, now)
        claims = self._id_token(tokens.get("id_token"), now)
        issuer, client_id = self._settings.broker_url, self._settings.broker_client_id
        check_id_token(claims, issuer=issuer, client_id=client_id, nonce=_derived(secret, "nonce"), now=now)
        headers = {"Authorization": f"Bearer {tokens.get('access_token')}"}
        userinfo = self._object("GET", self._discovery(now)["userinfo_endpoint"], headers=headers)
        return identify(claims, userinfo, self._settings.mitid_claims, now)

    def _redeem(self, code: str, secret: str, now: datetime) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self._settings.broker_client_id,
            "code_verifier": _derived(secret, "verifier"),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(now),
        }
        return self._object("POST", self._discovery(now)["token_endpoint"], data=form)

    def _assertion(self, now: datetime) -> str:
        """Who we are, for this broker only, once (RFC 7523)."""
        us, at = self._settings.broker_client_id, int(now.timestamp())
        lifetime = {"iat": at, "exp": at + _ASSERTION_LIFETIME.seconds}
        claims = {"iss": us, "sub": us, "aud": self._settings.broker_url, "jti": secrets.token_urlsafe(16), **lifetime}
        key = self._key()
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)

    def _id_token(self, text: object, now: datetime) -> dict[str, Any]:
        """The claims of an ID token that the broker signed. A kid that we don't know means that it has new keys."""
        if not isinstance(text, str):
            raise SignInFailed("server_error", "the broker gave no ID token")
        try:
            try:
                return jwt.decode(text, self._key_set(now), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                return jwt.decode(text, self._key_set(now, _KEYS_KEPT_FOR_AT_LEAST), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise SignInFailed("server_error", "the ID token is not signed by the broker") from error

    def _key_set(self, now: datetime, kept_for: timedelta = _DISCOVERY_KEPT_FOR) -> KeySet:
        if self._keys is None or now - self._keys[0] >= kept_for:
            jwks: Any = self._object("GET", self._discovery(now)["jwks_uri"])
            try:
                self._keys = now, KeySet.import_key_set(jwks)
            except (JoseError, LookupError, TypeError, ValueError) as error:
                raise SignInFailed("server_error", "the broker's keys cannot be read") from error
        return self._keys[1]

    def _discovery(self, now: datetime) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0; the issuer must be the one that was asked (section 4.3)."""
        if self._discovered is None or now - self._discovered[0] >= _DISCOVERY_KEPT_FOR:
            found = self._object("GET", f"{self._settings.broker_url}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.broker_url:
                raise SignInFailed("server_error", "the broker's metadata is another issuer's")
            if not all(self._is_safe(found.get(name)) for name in _ENDPOINTS):
                raise SignInFailed("server_error", "the broker's metadata lacks an endpoint, or has one without TLS")
            self._discovered = now, found
        return self._discovered[1]

    def _is_safe(self, url: object) -> bool:
        """TLS, as the broker itself has it: only a broker on plain HTTP (loopback) may name plain HTTP."""
        schemes = {"https", urlsplit(self._settings.broker_url).scheme}
        return isinstance(url, str) and urlsplit(url).scheme in schemes

    def _object(self, method: str, url: str, **content: Any) -> dict[str, Any]:
        """Ask the broker for a JSON object. What it said is never shown: it could hold a CPR number."""
        try:
            response = self._http.request(method, url, timeout=TIMEOUT_SECONDS, **content)
            answer = response.json() if response.status_code == 200 else None
        except httpx.HTTPError as error:
            raise SignInFailed("temporarily_unavailable", f"{type(error).__name__} at the broker") from error
        except ValueError as error:
            raise SignInFailed("server_error", "the broker's answer is not JSON") from error
        if not isinstance(answer, dict):
            error_code = "temporarily_unavailable" if response.status_code >= 500 else "server_error"
            raise SignInFailed(error_code, f"the broker answered {response.status_code} at {urlsplit(url).path}")
        return answer


def _derived(secret: str, name: str) -> str:
    """A value that only who has the secret can make: 43 characters, as PKCE wants (RFC 7636 section 4.1)."""
    return _base64url(sha256(f"{name} {secret}".encode()).digest())


def _challenge(verifier: str) -> str:
    return _base64url(sha256(verifier.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
