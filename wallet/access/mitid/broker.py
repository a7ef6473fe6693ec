"""Our side of the MitID broker: an OpenID Connect client (authorization code, PKCE, nonce), in the broker's own words.

State and verifier live in the browser: a secret in its cookie, from which PKCE verifier and nonce are derived. So an
answer is of use only in the browser that asked (login CSRF), and Redis keeps nothing that redeems a code.
"""

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.util import urlsafe_b64encode

from wallet.access.mitid.identity import Identity, SignInFailed, check_id_token, identify
from wallet.access.mitid.provider import Provider
from wallet.access.mitid.reference_texts import ReferenceText
from wallet.settings import Settings

CALLBACK_PATH: Final = "/oauth/mitid/callback"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME: Final = timedelta(minutes=1)
# The person's own choice (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section 3.1.2.6), and the broker's trouble.
_DENIED: Final = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})
_AWAY: Final = "temporarily_unavailable"
_VISIBLE: Final = re.compile(r"[!-~]+")
# What the Danish brokers say in `error_description`. Only what stands here is repeated: who makes the answer up could
# else write in our log and journal.
_KNOWN_DESCRIPTIONS: Final = frozenset(
    {"mitid_user_aborted", "user_aborted", "mitid_core_client_error_user_abort", "mitid_timeout", "mitid_no_ctx"}
    | {"no_ctx", "mitid_cpr_match_failed", "mitid_identity_not_found", "login_required"}
)


class Broker:
    """The configured broker. No method may run while a transaction is open: they call the network.

    `key` is asked for what signs our assertions, each time: it rotates.
    """

    def __init__(self, settings: Settings, key: Callable[[], ECKey], http: httpx.Client) -> None:
        self._settings = settings
        self._dialect = settings.broker
        self._key = key
        self._http = http
        self._provider = Provider(settings, http)

    @property
    def redirect_uri(self) -> str:
        """Where the broker sends the browser back to."""
        return self._settings.public_url + CALLBACK_PATH

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def authorization_url(
        self, *, state: str, secret: str, shown: ReferenceText, hint: str | None, now: datetime
    ) -> str:
        """Where the browser goes to sign in. Raises SignInFailed while the broker is away."""
        text = base64.b64encode(shown.text.encode()).decode()
        parameters = {
            "client_id": self._settings.broker_client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": self._dialect.scope,
            "state": state,
            "nonce": _derived(secret, "nonce"),
            "code_challenge": _challenge(_derived(secret, "verifier")),
            "code_challenge_method": "S256",
            "prompt": "login",
            **self._dialect.request_parameters(text=text, hint=hint, language=shown.language),
        }
        endpoint: str = self._provider.metadata(now)["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def code_in(self, answer: Mapping[str, str], now: datetime) -> str:
        """The code in the broker's answer. Raises SignInFailed for an error, or another issuer's answer (RFC 9207)."""
        promised = self._provider.metadata(now).get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if promised else self._settings.broker_url) != self._settings.broker_url:
            raise SignInFailed("server_error", "the answer is not of the broker that was asked")
        if "error" in answer:
            raise _as_told(answer["error"], answer.get("error_description"))
        if not answer.get("code"):
            raise SignInFailed("server_error", "the answer holds no code")
        return answer["code"]

    def identity(self, code: str, secret: str, *, begun_at: datetime, now: datetime) -> Identity:
        """Who signed in, after `begun_at`: redeem the code, check the ID token, ask userinfo. Raises SignInFailed."""
        tokens = self._redeem(code, secret, now)
        claims = self._id_token(tokens.get("id_token"), now)
        issuer, client_id = self._settings.broker_url, self._settings.broker_client_id
        check_id_token(claims, issuer=issuer, client_id=client_id, nonce=_derived(secret, "nonce"), now=now)
        userinfo = self._userinfo(tokens, now) if self._dialect.userinfo else None
        return identify(claims, userinfo, self._dialect, begun_at=begun_at, now=now)

    def _redeem(self, code: str, secret: str, now: datetime) -> dict[str, Any]:
        client, headers = self._authentication(now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self._settings.broker_client_id,
            "code_verifier": _derived(secret, "verifier"),
        }
        return self._provider.ask("POST", "token_endpoint", now, data=form | client, headers=headers)

    def _userinfo(self, tokens: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        token, is_bearer = tokens.get("access_token"), str(tokens.get("token_type")).lower() == "bearer"
        if not is_bearer or not isinstance(token, str) or not _VISIBLE.fullmatch(token):
            raise SignInFailed("server_error", "the broker gave no Bearer token to ask userinfo with")
        return self._provider.ask("GET", "userinfo_endpoint", now, headers={"Authorization": f"Bearer {token}"})

    def _authentication(self, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """Who we are, as form fields and headers (OpenID Connect Core 1.0 section 9)."""
        client_id, secret = self._settings.broker_client_id, self._settings.broker_client_secret
        if self._dialect.client_authentication == "private_key_jwt" or secret is None:
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(now)}, {}
        if self._dialect.client_authentication == "client_secret_post":
            return {"client_secret": secret.get_secret_value()}, {}
        # Both halves are form-encoded first (RFC 6749 section 2.3.1).
        both = f"{quote_plus(client_id)}:{quote_plus(secret.get_secret_value())}"
        return {}, {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}

    def _assertion(self, now: datetime) -> str:
        """A signed word for this broker only, once (RFC 7523)."""
        us, at = self._settings.broker_client_id, int(now.timestamp())
        lifetime = {"iat": at, "exp": at + _ASSERTION_LIFETIME.seconds}
        claims = {"iss": us, "sub": us, "aud": self._settings.broker_url, "jti": secrets.token_urlsafe(16), **lifetime}
        key = self._key()
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)

    def _id_token(self, text: object, now: datetime) -> dict[str, Any]:
        """The claims of an ID token that the broker signed. One that no key fits may mean that it has new keys."""
        if not isinstance(text, str):
            raise SignInFailed("server_error", "the broker gave no ID token")
        found = self._signed(text, self._provider.keys(now)) or self._signed(text, self._provider.keys(now, anew=True))
        if found is None:
            raise SignInFailed("server_error", "the ID token is not signed by the broker")
        return found

    def _signed(self, text: str, keys: KeySet) -> dict[str, Any] | None:
        """The claims, if one of these keys made the signature; never one that the token brings along."""
        try:
            return jwt.decode(text, keys, algorithms=self._dialect.algorithms).claims
        except (JoseError, ValueError, RecursionError):
            return None


def _as_told(error: str, description: str | None) -> SignInFailed:
    """The broker's own error, as the app hears of it: the person's choice, something that will pass, or a fault."""
    code = "access_denied" if error in _DENIED else _AWAY if error == _AWAY else "server_error"
    why = description if description in _KNOWN_DESCRIPTIONS else "for a reason that is not repeated"
    return SignInFailed(code, f"the broker answered with an error: {code}, {why}")


def _derived(secret: str, name: str) -> str:
    """A value that only who has the secret can make: 43 characters, as PKCE wants (RFC 7636 section 4.1)."""
    return urlsafe_b64encode(sha256(f"{name} {secret}".encode()).digest()).decode()


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode()
