"""One webhook on its way: signed as Standard Webhooks says, sent to an address that the guard has let through.

httpcore, the transport beneath httpx, is used as it is: it knows no redirects, no proxies from the environment and no
cookies, and its network backend is the one place where a name becomes a connection.
"""

import ssl
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import httpcore
from standardwebhooks import Webhook

from notifications.addresses import AddressRefused, Guard
from notifications.deadline import Deadline, TimedBackend
from tokenization.secret import Secret

TIMEOUT_SECONDS: Final = 20.0
ANSWER_LIMIT: Final = 64 * 1024

# What a failure is called where the receiver's owner can read it.
_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AddressRefused, "address_refused"),
    (httpcore.TimeoutException, "timed_out"),
    (httpcore.NetworkError, "not_reached"),
    (httpcore.ProtocolError, "not_http"),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook as it will be sent: the body is signed under every secret that is valid now."""

    webhook_id: str
    url: str
    body: str
    secrets: Sequence[Secret[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: an HTTP status, or the name of the failure."""

    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """Any 2xx; a redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """410: the receiver wants no more."""
        return self.status == 410


def signed_headers(letter: Letter, at: datetime) -> list[tuple[str, str]]:
    """The headers of Standard Webhooks; `at` is the time of this attempt, UTC."""
    signatures = (Webhook(secret.reveal()).sign(letter.webhook_id, at, letter.body) for secret in letter.secrets)
    return [
        ("content-type", "application/json"),
        ("user-agent", "Tegnebog"),
        ("webhook-id", letter.webhook_id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]


class Line(AbstractContextManager["Line"]):
    """A line to one endpoint, kept open between its letters. Not to be shared between endpoints or threads."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._guard = guard
        self._deadline = Deadline(timeout_seconds)
        backend = TimedBackend(self._deadline, self._checked)
        self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def post(self, letter: Letter, at: datetime) -> Answer:
        """Send a letter; all of it, from name to last byte, within the time-out."""
        self._deadline.restart()
        headers = signed_headers(letter, at)
        try:
            self._guard.check(letter.url)
            with self._pool.stream("POST", letter.url, headers=headers, content=letter.body.encode()) as response:
                _read_some(response.iter_stream())
                return Answer(status=response.status)
        except tuple(kind for kind, _ in _ERRORS) as error:
            return Answer(error=next(name for kind, name in _ERRORS if isinstance(error, kind)))

    def _checked(self, host: str, port: int) -> list[str]:
        """The very address that the guard has let through, and no second look-up."""
        return [self._guard.address(host, port)]


def _read_some(chunks: Iterable[bytes]) -> None:
    # What it says is nobody's business; reading it to its end, where that is near, lets the line be used again.
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > ANSWER_LIMIT:
            return
