"""One webhook on its way: signed as Standard Webhooks says, sent to an address that the guard has let through.

httpcore, the transport beneath httpx, is used as it is: it knows no redirects, no proxies from the environment and no
cookies, and its network backend is the one place where a name becomes a connection.
"""

import ssl
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import httpcore
from standardwebhooks import Webhook

from notifications.addresses import AddressRefused, Guard
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
        self._deadline = _Deadline(timeout_seconds)
        self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=_GuardedBackend(guard, self._deadline))

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


def _read_some(chunks: Iterable[bytes]) -> None:
    # What it says is nobody's business; reading it to its end, where that is near, lets the line be used again.
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > ANSWER_LIMIT:
            return


class _Deadline:
    """httpcore's time-outs are per read: one byte every 19 seconds would hold a thread for days."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    def restart(self) -> None:
        self._until = time.monotonic() + self._seconds

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this webhook is over")
        return left


class _GuardedBackend(httpcore.NetworkBackend):
    """Turns a name into a connection to the very address that was checked; the name stays in Host and in TLS."""

    def __init__(self, guard: Guard, deadline: _Deadline) -> None:
        self._guard, self._deadline, self._network = guard, deadline, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = self._guard.address(host, port)
        stream = self._network.connect_tcp(address, port, self._deadline.left(), local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step has only what is left of the whole."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
