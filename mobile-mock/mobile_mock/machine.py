"""A program that calls the service on behalf of a company: client credentials with `private_key_jwt`."""

import secrets
import time
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from mobile_mock.oauth import Refusal, SignInFailed, Tokens, discover, tokens_in

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
TIMEOUT_SECONDS = 30


class Machine:
    """One machine client. `actor` names the member of staff, which the issuer's calls need (`X-Actor`)."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        private_jwk: dict[str, Any],
        scope: str,
        *,
        actor: str | None = None,
        observe: Callable[[httpx.Response], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = base_url
        self.client_id = client_id
        self.scope = scope
        self._key = ECKey.import_key(private_jwk)
        self._actor = {"X-Actor": actor} if actor else {}
        self._http = httpx.Client(event_hooks={"response": [observe]} if observe else {}, timeout=TIMEOUT_SECONDS)
        self._now = now
        self._tokens: Tokens | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The authorisation server's metadata."""
        return discover(self._http, self.base_url)

    def access_token(self) -> str:
        """An access token that is still good: the last one, or a new one. SignInFailed where none is given."""
        if self._tokens is None or not self._tokens.usable(self._now()):
            self._tokens = self._fetch()
        return self._tokens.access_token

    def request(
        self, method: str, path: str, json: Any = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call the service; `path` may carry a query."""
        sent = {"Authorization": f"Bearer {self.access_token()}", **self._actor, **(headers or {})}
        content = {} if json is None else {"json": json}
        return self._http.request(method, self.base_url + path, headers=sent, **content)

    def _fetch(self) -> Tokens:
        form = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        answer = tokens_in(self._http.post(self.metadata["token_endpoint"], data=form), self._now())
        if isinstance(answer, Refusal):
            raise SignInFailed(f"{answer.error}: {answer.description}")
        return answer

    def _assertion(self) -> str:
        """RFC 7523 section 3. The audience is the issuer, so that no other server can use what it receives."""
        now = int(self._now())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.metadata["issuer"],
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)
