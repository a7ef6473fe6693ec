"""One webhook on its way: signed as Standard Webhooks says, sent to an address that the guard has let through.

httpcore, the transport beneath httpx, is used as it is: it knows no redirects, no proxies from the environment and no
cookies, and its network backend is the one place where a name becomes a connection.
"""

import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import httpcore
from standardwebhooks import Webhook

from notifications.addresses import AddressRefused, Destination, Guard, NotResolved
from notifications.deadline import AnswerTooLong, Deadline, TimedBackend
from tokenization.secret import Secret

TIMEOUT_SECONDS: Final = 20.0
ANSWER_LIMIT: Final = 64 * 1024

# What a failure is called where the receiver's owner can read it.
_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (NotResolved, "not_resolved"),
    (AddressRefused, "address_refused"),
    (httpcore.TimeoutException, "timed_out"),
    (AnswerTooLong, "answer_too_long"),
    (httpcore.NetworkError, "not_reached"),
    (httpcore.ProtocolError, "not_http"),
)
_FAILURES: Final = tuple(kind for kind, _ in _ERRORS)
_TLS_FAILED: Final = "tls_failed"
ERRORS: Final = frozenset({_TLS_FAILED, *(name for _, name in _ERRORS)})


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


class _Overtaken(Exception):
    """What the letter says stands no more."""


def _always() -> bool:
    return True


class Line(AbstractContextManager["Line"]):
    """A line to one endpoint, kept open between its letters. Not to be shared between endpoints or threads."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._guard = guard
        self._deadline = Deadline(timeout_seconds, ANSWER_LIMIT)
        self._tls = tls
        self._still_stands: Callable[[], bool] = _always
        self._backend = TimedBackend(self._deadline, self._checked, self._ask)
        self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=self._backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def post(self, letter: Letter, at: datetime, still_stands: Callable[[], bool] = _always) -> Answer | None:
        """Send a letter; all of it, from name to last byte, within the time-out. What the answer's head says counts.

        A receiver may let us wait that long for a connection, while what the letter says is taken back. So on a new one
        `still_stands` is asked before the first byte leaves; where it says no, none does, and the answer is None.
        """
        self._deadline.restart()
        self._still_stands = still_stands
        try:
            to = self._guard.check(letter.url)
            url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target)
            headers = [("host", to.authority), *signed_headers(letter, at)]
            with self._pool.stream("POST", url, headers=headers, content=letter.body.encode()) as response:
                _read_out(response.iter_stream())
                return Answer(status=response.status)
        except _Overtaken:
            return None
        except _FAILURES as error:
            return Answer(error=_name_of(error))

    def probe(self, url: str) -> str | None:
        """Look at an endpoint without sending anything: that its name resolves, somebody is there, and TLS is good.

        The name of what is wrong, or None; all of it within the time-out.
        """
        self._deadline.restart()
        try:
            self._connect(self._guard.check(url))
        except _FAILURES as error:
            return _name_of(error)
        return None

    def _connect(self, to: Destination) -> None:
        with closing(self._backend.connect_tcp(to.host, to.port)) as stream:
            if to.scheme == "https":
                stream.start_tls(self._tls, to.host).close()

    def _ask(self) -> None:
        if not self._still_stands():
            raise _Overtaken

    def _checked(self, host: str, port: int) -> list[str]:
        """The very address that the guard has let through, and no second look-up."""
        return [self._guard.address(host, port)]


def _name_of(error: Exception) -> str:
    if any(isinstance(met, ssl.SSLError) for met in error.args):  # httpcore hands on what it met
        return _TLS_FAILED
    return next(name for kind, name in _ERRORS if isinstance(error, kind))


def _read_out(chunks: Iterable[bytes]) -> None:
    # The status has said what came of it. What else it says is nobody's business, nor how that ends; read to its end,
    # where that is near, the line can be used again.
    with suppress(*_FAILURES):
        deque(chunks, maxlen=0)
