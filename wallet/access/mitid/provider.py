"""The broker as an OpenID Provider over HTTP: its metadata and keys, kept for a while; its answers, within limits."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from wallet.access.mitid.dialects import is_private
from wallet.access.mitid.identity import SignInFailed
from wallet.access.public_keys import PRIVATE
from wallet.settings import Settings

ANSWER_BYTES_MAX: Final = 256 * 1024
_KEPT_FOR: Final = timedelta(hours=1)
# A token that no key fits makes us look for new keys, but a flood of such tokens doesn't make us flood the broker.
_KEYS_KEPT_FOR_AT_LEAST: Final = timedelta(seconds=30)
# After a time-out, so long nobody else waits for one: a broker that hangs would take thread after thread.
_LEFT_ALONE_FOR: Final = timedelta(seconds=5)
_CONNECT_SECONDS: Final = 3
# A sign-in that waits for what another asks the broker holds a thread as well.
_WAIT_SECONDS_MAX: Final = 3
_MODULUS_CHARACTERS_MIN: Final = 342  # 2048 bits in base64url: a shorter RSA key is a weak one
# A compressed answer could be small on the line and huge in memory.
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
T = TypeVar("T")


class _Kept(Generic[T]):
    """A value that one thread fetches, while the others make do with the last one, or wait where there is none."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._lock = Lock()
        self._found: tuple[datetime, T] | None = None

    def get(self, now: datetime, kept_for: timedelta, fetch: Callable[[], T], *, wait: bool = False) -> T:
        """The value, fetched anew where it is that old; `wait`: the last one won't do.

        Raises what `fetch` raises, and SignInFailed when another thread fetches for too long.
        """
        last = None if wait else self._found
        if not self._lock.acquire(timeout=self._wait_seconds if last is None else 0):
            if last is None:
                raise SignInFailed("temporarily_unavailable", "another sign-in still waits for the broker")
            return last[1]
        try:
            if self._found is None or now - self._found[0] >= kept_for:
                self._found = now, fetch()
            return self._found[1]
        finally:
            self._lock.release()


class Provider:
    """The configured provider. Every method may call the network, and raises SignInFailed.

    `http` ends a call that takes longer than `broker.timeout_seconds` (`notifications.deadline.TimedTransport`).
    """

    def __init__(self, settings: Settings, http: httpx.Client) -> None:
        self._settings = settings
        self._http = http
        wait_seconds = min(2 * settings.broker.timeout_seconds, _WAIT_SECONDS_MAX)  # to fetch keys may take two calls
        self._metadata = _Kept[dict[str, Any]](wait_seconds)
        self._keys = _Kept[KeySet](wait_seconds)
        self._left_alone_until: datetime | None = None

    def metadata(self, now: datetime) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0."""
        return self._metadata.get(now, _KEPT_FOR, lambda: self._discover(now))

    def keys(self, now: datetime, *, anew: bool = False) -> KeySet:
        """Its public keys; `anew`: because none of those that we know fits."""
        kept_for = _KEYS_KEPT_FOR_AT_LEAST if anew else _KEPT_FOR
        return self._keys.get(now, kept_for, lambda: _key_set(self.ask("GET", "jwks_uri", now)), wait=anew)

    def ask(self, method: str, endpoint: str, now: datetime, **content: Any) -> dict[str, Any]:
        """The JSON object that one of its endpoints answers (`endpoint`: the name in its metadata)."""
        return self._object(method, self.metadata(now)[endpoint], now, **content)

    def _discover(self, now: datetime) -> dict[str, Any]:
        issuer = self._settings.broker_url
        found = self._object("GET", f"{issuer.removesuffix('/')}/.well-known/openid-configuration", now)
        if found.get("issuer") != issuer:  # section 4.3
            raise SignInFailed("server_error", "the broker's metadata is another issuer's")
        needed = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
        if self._settings.broker.userinfo:
            needed.append("userinfo_endpoint")
        if not all(self._is_safe(found.get(name)) for name in needed):
            raise SignInFailed("server_error", "the broker's metadata lacks an endpoint, or has one without TLS")
        return found

    def _is_safe(self, url: object) -> bool:
        """On any host, as OpenID Connect allows it, but over TLS: only a broker of this machine may do without."""
        schemes = {"https", urlsplit(self._settings.broker_url).scheme}
        return isinstance(url, str) and is_private(url) and urlsplit(url).scheme in schemes

    def _object(self, method: str, url: str, now: datetime, **content: Any) -> dict[str, Any]:
        """Ask for a JSON object. What was said instead is never shown: it could hold a CPR number."""
        status, body = self._answer(method, url, now, **content)
        try:
            answer = json.loads(body) if status == 200 else None
        except (ValueError, RecursionError) as error:
            raise SignInFailed("server_error", "the broker's answer is not JSON") from error
        if not isinstance(answer, dict):
            error_code = "temporarily_unavailable" if status >= 500 else "server_error"
            raise SignInFailed(error_code, f"the broker answered {status} at {urlsplit(url).path}")
        return answer

    def _answer(self, method: str, url: str, now: datetime, **content: Any) -> tuple[int, bytes]:
        if self._left_alone_until is not None and now < self._left_alone_until:
            raise SignInFailed("temporarily_unavailable", "the broker did not answer a moment ago")
        try:
            return self._read(method, url, **content)
        except httpx.TimeoutException as error:
            seconds = timedelta(seconds=self._settings.broker.timeout_seconds)
            self._left_alone_until = now + seconds + _LEFT_ALONE_FOR
            raise SignInFailed("temporarily_unavailable", f"{type(error).__name__} at the broker") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise SignInFailed("temporarily_unavailable", f"{type(error).__name__} at the broker") from error

    def _read(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> tuple[int, bytes]:
        """Status and body; redirects are not followed."""
        seconds = self._settings.broker.timeout_seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        sent, body = {**_HEADERS, **(headers or {})}, bytearray()
        with self._http.stream(
            method, url, headers=sent, timeout=timeout, follow_redirects=False, **content
        ) as response:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise SignInFailed("server_error", "the broker's answer is too long")
            return response.status_code, bytes(body)


def _key_set(jwks: Mapping[str, Any]) -> KeySet:
    """The keys of a JWKS that can verify a signature. What we don't understand is left out (RFC 7517 section 5)."""
    found = jwks.get("keys")
    if not isinstance(found, list):
        raise SignInFailed("server_error", "the broker's keys cannot be read")
    if any(isinstance(jwk, dict) and PRIVATE & jwk.keys() for jwk in found):
        raise SignInFailed("server_error", "the broker shows a secret key, so anybody could sign as it does")
    return KeySet([key for key in map(_key, found) if key is not None])


def _key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict):
        return None
    if jwk.get("kty") == "RSA" and len(str(jwk.get("n"))) < _MODULUS_CHARACTERS_MIN:
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, LookupError, TypeError, ValueError):
        return None
