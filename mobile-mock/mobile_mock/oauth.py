"""The client's side of OAuth: metadata, PKCE, tokens and refusals."""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from mobile_mock.answers import UnexpectedAnswer, object_in, problem_code
from mobile_mock.dpop import base64url

# A token this close to its end is not sent any more.
MARGIN_SECONDS = 10


@dataclass(frozen=True)
class Refusal:
    """An OAuth error (RFC 6749 section 5.2), such as `authorization_pending`."""

    error: str
    description: str = ""


class SignInFailed(Exception):
    """The authorization ended without a code, or with an answer that is not to be trusted."""


@dataclass(frozen=True)
class Tokens:
    """What the token endpoint gave. `expires_at` is in seconds since 1970."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float

    @classmethod
    def of(cls, answer: dict[str, Any], now: float, refresh_token: str | None = None) -> Self:
        """Read a token answer; a refresh token that is not replaced stays."""
        return cls(answer["access_token"], answer.get("refresh_token", refresh_token), now + answer["expires_in"])

    def usable(self, now: float) -> bool:
        """Whether the access token will still be good when it arrives."""
        return now < self.expires_at - MARGIN_SECONDS


def discover(http: httpx.Client, base_url: str) -> dict[str, Any]:
    """The authorisation server's metadata (RFC 8414), as long as it is about this very server."""
    metadata = object_in(http.get(f"{base_url}/.well-known/oauth-authorization-server"))
    if metadata["issuer"] != base_url:
        raise SignInFailed("the metadata is another issuer's (RFC 8414 section 3.3)")
    return metadata


def pkce() -> tuple[str, str]:
    """A fresh `(verifier, S256 challenge)` (RFC 7636)."""
    verifier = secrets.token_urlsafe(48)
    return verifier, challenge_of(verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def purpose_asked(response: httpx.Response) -> str:
    """What a 401 wants somebody to sign in for (RFC 9470): `purpose` of its challenge. UnexpectedAnswer without one."""
    found = re.search(
        r'insufficient_user_authentication.* purpose="([^"]+)"', response.headers.get("WWW-Authenticate", "")
    )
    if found is None:
        raise UnexpectedAnswer(response)
    return found[1]


def shown_by_mitid(url: str) -> str:
    """The text that MitID is asked to show, in an address on the way there; nothing where it is another address."""
    asked = json.loads(parse_qs(urlsplit(url).query).get("idp_params", ["{}"])[0])
    return base64.b64decode(asked.get("mitid", {}).get("reference_text", "")).decode()


def tokens_in(response: httpx.Response, now: float, refresh_token: str | None = None) -> Tokens | Refusal:
    """The tokens of an answer, or the OAuth error that stands there instead."""
    if response.status_code == 200:
        return Tokens.of(object_in(response), now, refresh_token)
    if not problem_code(response):
        raise UnexpectedAnswer(response)
    return Refusal(problem_code(response), str(response.json().get("error_description", "")))
