"""One deadline for a whole call over HTTP: connecting, TLS, the answer's head and its body; and how long that may be.

The time-outs of httpcore, and of httpx above it, are for each step: one byte every 19 seconds would hold a thread for
days. And what they hand on of an answer is the least of it: `100 Continue`s and what a chunk says of itself may go on
and on. So what both of them stand on, the network backend, is ours. Only the system's resolver keeps its own time.
"""

import math
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpcore
import httpx

from notifications.addresses import resolve

Addresses = Callable[[str, int], Sequence[str]]
_FAILED: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


class AnswerTooLong(httpcore.ReadError):
    """There was more to read than we read."""


class Deadline(threading.local):
    """How long a call may take, and how many bytes its answer, head and all. Each thread has its own, so that threads
    can share connections.
    """

    def __init__(self, seconds: float, answer_limit: float = math.inf) -> None:
        self._seconds, self._answer_limit = seconds, answer_limit
        self._until = self._unread = 0.0

    def restart(self) -> None:
        """From here on, the next call of this thread."""
        self._until, self._unread = time.monotonic() + self._seconds, self._answer_limit

    def left(self, at_most: float | None = None) -> float:
        """Seconds. Raises httpcore.ReadTimeout when none are left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this call is over")
        return left if at_most is None else min(left, at_most)

    def to_read(self, at_most: int) -> int:
        """Bytes. Raises AnswerTooLong when none are left."""
        if self._unread <= 0:
            raise AnswerTooLong("the answer is too long")
        return int(min(self._unread, at_most))

    def was_read(self, length: int) -> None:
        """So many bytes less."""
        self._unread -= length


class TimedBackend(httpcore.NetworkBackend):
    """Turns a name into a connection to one of its addresses; the name stays in Host and in TLS.

    `before_first` is called when a connection is there, TLS and all, right before its first byte is written: whoever
    raises in it keeps everything to himself.
    """

    def __init__(
        self, deadline: Deadline, addresses: Addresses = resolve, before_first: Callable[[], None] = lambda: None
    ) -> None:
        self._deadline, self._addresses, self._network = deadline, addresses, httpcore.SyncBackend()
        self._before_first = before_first

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first address that takes us. One by one, as a name with many of them would multiply the time-out."""
        failure: Exception = httpcore.ConnectError("the host name does not resolve")
        for address in self._found(host, port):
            seconds = self._deadline.left(timeout)
            try:
                stream = self._network.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline, self._before_first)
        raise failure

    def _found(self, host: str, port: int) -> Sequence[str]:
        try:
            return self._addresses(host, port)
        except OSError as error:
            self._deadline.left()  # a resolver that hangs is a time-out too
            raise httpcore.ConnectError("the host name does not resolve") from error


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step has only what is left of the whole, in time and in bytes."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, before_first: Callable[[], None]) -> None:
        self._stream, self._deadline, self._before_first = stream, deadline, before_first
        self._is_new = True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(self._deadline.to_read(max_bytes), self._deadline.left(timeout))
        self._deadline.was_read(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._is_new:
            self._before_first()
            self._is_new = False
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(secure, self._deadline, self._before_first)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class TimedTransport(httpx.BaseTransport):
    """For an httpx.Client whose calls, each in one thread, take no longer than that, and read no more of an answer.
    It knows no proxies.
    """

    def __init__(self, seconds: float, answer_limit: float = math.inf) -> None:
        self._deadline = Deadline(seconds, answer_limit)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            # As many as httpx has; httpcore would have 10, and keep them for good.
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=TimedBackend(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx, which reads the body later, but in the same thread. Raises httpx.TransportError."""
        self._deadline.restart()
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers, content = request.headers.raw, request.read()
        asked = httpcore.Request(
            request.method, target, headers=headers, content=content, extensions=request.extensions
        )
        with _told_as_httpx():
            answer = self._pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _told_as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _told_as_httpx() -> Iterator[None]:
    """Errors of httpcore as those of httpx, which have the same names."""
    try:
        yield
    except AnswerTooLong as error:
        raise httpx.ReadError(str(error)) from error
    except _FAILED as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
