"""Proof of possession (DPoP, RFC 9449): requests that only the holder of a key can make."""

import base64
import hashlib
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from mobile_mock.answers import problem_code


def base64url(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class DpopClient:
    """Sends requests with a fresh proof each, under the newest nonce that the server gave."""

    def __init__(self, http: httpx.Client, key: ECKey, now: Callable[[], float] = time.time) -> None:
        self._http = http
        self._key = key
        self._now = now
        self._nonce: str | None = None

    @property
    def thumbprint(self) -> str:
        """The key's SHA-256 thumbprint (RFC 7638), which tokens are bound to as `jkt`."""
        return self._key.thumbprint()

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """A proof for one request. `url` is absolute; its query and fragment are no part of `htu`."""
        claims: dict[str, Any] = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": urlsplit(url)._replace(query="", fragment="").geturl(),
            "iat": int(self._now()),
        }
        if access_token is not None:
            claims["ath"] = base64url(hashlib.sha256(access_token.encode()).digest())
        if self._nonce is not None:
            claims["nonce"] = self._nonce
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._key.as_dict(private=False)}
        return jwt.encode(header, claims, self._key)

    def send(
        self,
        method: str,
        url: str,
        *,
        access_token: str | None = None,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Send `content` (httpx's `json`, `data`, `params`); once more where the server asks for its nonce first."""
        response = self._send_once(method, url, access_token, headers or {}, content)
        if _wants_nonce(response) and "DPoP-Nonce" in response.headers:
            response = self._send_once(method, url, access_token, headers or {}, content)
        return response

    def _send_once(
        self, method: str, url: str, access_token: str | None, headers: dict[str, str], content: dict[str, Any]
    ) -> httpx.Response:
        bound = {"DPoP": self.proof(method, url, access_token)}
        if access_token is not None:
            bound["Authorization"] = f"DPoP {access_token}"
        response = self._http.request(method, url, headers={**headers, **bound}, **content)
        self._nonce = response.headers.get("DPoP-Nonce", self._nonce)
        return response


def _wants_nonce(response: httpx.Response) -> bool:
    """RFC 9449 sections 8 (authorisation server: 400) and 9 (resource server: 401)."""
    challenge = response.headers.get("WWW-Authenticate", "")
    return problem_code(response) == "use_dpop_nonce" or 'error="use_dpop_nonce"' in challenge
