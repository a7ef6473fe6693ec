"""A phone with a wallet app: its keys, its sign-in, and its calls to the service."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Event
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from joserfc.jwk import ECKey

from mobile_mock.answers import UnexpectedAnswer, list_in, object_in
from mobile_mock.dpop import DpopClient
from mobile_mock.oauth import (
    Refusal,
    SignInFailed,
    Tokens,
    discover,
    pkce,
    purpose_asked,
    shown_by_mitid,
    tokens_in,
)
from mobile_mock.phone_token import PhoneToken

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECTS_MAX = 10
TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.1

Observer = Callable[[httpx.Response], None]


@dataclass(frozen=True)
class Pairing:
    """A child's phone that asks to be let in (RFC 8628): a code to type, or to scan in an address, and two digits."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri_complete: str
    match: str
    interval_seconds: int


class Phone:
    """One phone. `observe` sees every answer; `now` gives seconds since 1970.

    `shown` is what MitID said last that somebody approves.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        redirect_uri: str = "",
        *,
        name: str = "Phone",
        observe: Observer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        hooks = {"response": [observe]} if observe else {}
        self.base_url = base_url
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.name = name
        self.encryption_key = ECKey.generate_key("P-256")
        self.mitid_uuid = ""
        self.shown = ""
        self.tokens: Tokens | None = None
        self._now = now
        self._http = httpx.Client(event_hooks=hooks, timeout=TIMEOUT_SECONDS)
        self._browser = httpx.Client(cookies=_loopback_cookies(), event_hooks=hooks, timeout=TIMEOUT_SECONDS)
        self._dpop = DpopClient(self._http, ECKey.generate_key("P-256"), now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
        self._browser.close()

    @property
    def thumbprint(self) -> str:
        """The DPoP key's thumbprint, which the service knows this phone by."""
        return self._dpop.thumbprint

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The authorisation server's metadata."""
        return discover(self._http, self.base_url)

    def sign_in(self, mitid_uuid: str, *, purpose: str | None = None, pushed: bool = True) -> None:
        """Sign in with MitID: authorization code, PKCE, DPoP; `pushed` sends the request by PAR first (RFC 9126), as
        does a bank that asks for it.

        SignInFailed where no code comes back, or one with the wrong `state` or `iss`.
        """
        pushed = pushed or self.metadata.get("require_pushed_authorization_requests", False)
        verifier, challenge = pkce()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "wallet",
            "state": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "dpop_jkt": self.thumbprint,
            "login_hint": f"uuid:{mitid_uuid}",
        }
        if purpose is not None:
            asked["purpose"] = purpose
        code = self._authorize(self._push(asked) if pushed else asked, asked["state"])
        form = {"code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        refusal = self._redeem("authorization_code", form)
        if refusal:
            raise SignInFailed(f"{refusal.error}: {refusal.description}")
        self.mitid_uuid = mitid_uuid

    def step_up(self, purpose: str, *, pushed: bool = False) -> None:
        """Approve one purpose with MitID, as whoever is signed in: `provision`, `right`, `pair`, `pin`, …"""
        self.sign_in(self.mitid_uuid, purpose=purpose, pushed=pushed)

    def refresh(self) -> Refusal | None:
        """Fetch a new access token; the refusal where the session has ended."""
        refresh_token = (self.tokens.refresh_token if self.tokens else None) or ""
        return self._redeem("refresh_token", {"refresh_token": refresh_token})

    def ask_to_pair(self, device_name: str) -> Pairing:
        """Begin the device grant, as a child's phone."""
        form = {"client_id": self.client_id, "scope": "child", "device_name": device_name, "dpop_jkt": self.thumbprint}
        answer = object_in(self._http.post(self.metadata["device_authorization_endpoint"], data=form))
        shown = {name: answer[name] for name in ("user_code", "verification_uri_complete", "match")}
        return Pairing(answer["device_code"], interval_seconds=answer.get("interval", 5), **shown)

    def finish_pairing(self, pairing: Pairing) -> Refusal | None:
        """Ask once whether the parent has let the phone in; if not, the refusal says why."""
        return self._redeem(DEVICE_GRANT, {"device_code": pairing.device_code})

    def wait_for_pairing(self, pairing: Pairing, timeout_seconds: float) -> Refusal | None:
        """Ask again at the pace that the service set, until it says yes or no or the time is up."""
        pause, deadline, pace = Event(), self._now() + timeout_seconds, float(pairing.interval_seconds)
        while True:
            refusal = self.finish_pairing(pairing)
            if refusal is None or refusal.error not in ("authorization_pending", "slow_down"):
                return refusal
            pace += 5 if refusal.error == "slow_down" else 0  # RFC 8628 section 3.5
            if self._now() + pace > deadline:
                return refusal
            pause.wait(pace)

    def request(
        self, method: str, path: str, json: Any = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call the service as whoever is signed in, with a fresh proof; `path` may carry a query."""
        if self.tokens is None:
            raise SignInFailed("nobody is signed in on this phone")
        if not self.tokens.usable(self._now()):
            self.refresh()
        content = {} if json is None else {"json": json}
        token = self.tokens.access_token
        return self._dpop.send(method, self.base_url + path, access_token=token, headers=headers, **content)

    def provision(
        self,
        *,
        card: dict[str, str] | None = None,
        known_card: dict[str, str] | None = None,
        drawing_right_id: str | None = None,
        scheme: str = "dankort",
    ) -> PhoneToken:
        """Put a card on this phone: the plastic typed in (`number`, `expiry`, `cvc`), a card that the service knows to
        be one's own (`card_id`, `cvc`), which must then be verified, or a drawing right.
        """
        ways: dict[str, Any] = {"card": card, "drawing_right_id": drawing_right_id, **(known_card or {})}
        source = {name: value for name, value in ways.items() if value is not None}
        response = self.request("POST", "/v1/tokens", {**source, "scheme": scheme, "device": self.device()})
        if response.status_code != 201:
            raise UnexpectedAnswer(response)
        return PhoneToken(self.request, object_in(response), self.encryption_key)

    def verify(self, token: PhoneToken) -> dict[str, Any]:
        """Verify a token by signing in for it, for which the first answer says the purpose; the token as it is then."""
        call = ("POST", f"/v1/tokens/{token.id}/verification", {"method": "mitid"})
        self.step_up(purpose_asked(self.request(*call)), pushed=True)
        return object_in(self.request(*call))

    def device(self) -> dict[str, Any]:
        """What the service is told of the phone when a token is made."""
        return {
            "name": self.name,
            "platform": "android",
            "encryption_key": self.encryption_key.as_dict(private=False),
            "provider_assertion": None,
        }

    def wait_for_message(
        self, kind: str, about: Callable[[dict[str, Any]], bool], timeout_seconds: float = 20
    ) -> dict[str, Any] | None:
        """The newest message of a kind that is `about` what is asked, as soon as the inbox has it; else None."""
        pause, deadline = Event(), self._now() + timeout_seconds
        while True:
            messages = list_in(self.request("GET", "/v1/inbox"))
            found = next((message for message in messages if message["kind"] == kind and about(message)), None)
            if found is not None or self._now() > deadline:
                return found
            pause.wait(POLL_SECONDS)

    def _push(self, asked: dict[str, str]) -> dict[str, str]:
        """With a proof: the code will be for this phone's key alone (RFC 9449 section 10.1)."""
        response = self._dpop.send("POST", self.metadata["pushed_authorization_request_endpoint"], data=asked)
        return {"client_id": self.client_id, "request_uri": object_in(response)["request_uri"]}

    def _authorize(self, query: dict[str, str], state: str) -> str:
        """Walk the browser through the redirects up to the app's own address, which nobody calls; the code there."""
        url = str(httpx.URL(self.metadata["authorization_endpoint"], params=query))
        for _ in range(REDIRECTS_MAX):
            response = self._browser.get(url)
            if not response.has_redirect_location:
                raise SignInFailed(f"the browser stopped at {urlsplit(url).path} with {response.status_code}")
            url = urljoin(url, response.headers["Location"])
            self.shown = shown_by_mitid(url) or self.shown
            if urlsplit(url)._replace(query="").geturl() == self.redirect_uri:
                return self._code_in(dict(parse_qsl(urlsplit(url).query)), state)
        raise SignInFailed("too many redirects")

    def _code_in(self, answer: dict[str, str], state: str) -> str:
        """RFC 6749 section 10.12 (`state`) and RFC 9207 (`iss`) before anything else is believed."""
        if answer.get("state") != state:
            raise SignInFailed("state is not the one that was sent")
        if answer.get("iss") != self.metadata["issuer"]:
            raise SignInFailed("iss is not the authorisation server's")
        if "code" not in answer:
            raise SignInFailed(f"{answer.get('error')}: {answer.get('error_description')}")
        return answer["code"]

    def _redeem(self, grant_type: str, form: dict[str, str]) -> Refusal | None:
        data = {"grant_type": grant_type, "client_id": self.client_id, **form}
        response = self._dpop.send("POST", self.metadata["token_endpoint"], data=data)
        answer = tokens_in(response, self._now(), form.get("refresh_token"))
        if isinstance(answer, Refusal):
            return answer
        self.tokens = answer
        return None


def _loopback_cookies() -> CookieJar:
    """Browsers send `Secure` cookies to loopback over plain HTTP too; Python's default policy does not."""
    return CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
