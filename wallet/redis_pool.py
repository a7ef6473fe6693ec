"""How this process talks to Redis: listeners apart from calls, and a Redis that hangs is left alone for a while.

What only listens (streams, the relay) keeps a connection for as long as it does, so it has one of its own. A call
borrows one for a round trip and waits a little where all are lent out.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from redis import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from wallet.settings import Settings

# Thousands of times what a round trip takes; and a block must not wait for Redis.
TIMEOUT_SECONDS: Final = 0.5
LEFT_ALONE_SECONDS: Final = 3.0
CONNECTIONS: Final = 50
WAIT_SECONDS: Final = 2.0
_LISTENERS: Final = 100_000  # no limit: each is held by a thread, and of those there are fewer
log = structlog.get_logger()


class Patience:
    """Whether to ask Redis now. After a time-out nobody does for a while: else each call would wait for its own.

    One slow answer is no reason: Redis is left alone only if it answered nobody while that call waited. Threads share
    this without a lock, as each attribute is set in one step.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self.lost_at = float("-inf")
        self._answered_at = float("-inf")

    def check(self) -> None:
        """Raises TimedOut, at once, while Redis is left alone."""
        if self.now() < self.lost_at + LEFT_ALONE_SECONDS:
            raise TimedOut("Redis did not answer a moment ago")

    def answered(self) -> None:
        """Somebody had an answer."""
        self._answered_at = self.now()

    def timed_out(self, asked_at: float) -> None:
        """Somebody had none, who asked at that time."""
        now = self.now()
        if self._answered_at < asked_at and now >= self.lost_at + LEFT_ALONE_SECONDS:
            self.lost_at = now
            log.warning("redis_left_alone", seconds=LEFT_ALONE_SECONDS)


class _Patient(AbstractConnection):
    """A connection that asks first whether to ask. Mixed into each kind that there is."""

    def __init__(self, *, patience: Patience, **details: Any) -> None:
        self._patience = patience
        self._connected_at = self._asked_at = float("-inf")
        super().__init__(**details)

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Where every use begins: one from before Redis was lost may lead nowhere, and is made anew."""
        self._patience.check()
        if self._connected_at <= self._patience.lost_at:
            self.disconnect()  # type: ignore[no-untyped-call]  # untyped there
        if self.is_connected:
            return
        began = self._connected_at = self._patience.now()
        try:
            super().connect_check_health(check_health, retry_socket_connect)
        except TimedOut:
            self._patience.timed_out(began)
            raise

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Ask."""
        self._patience.check()
        self._asked_at = self._patience.now()
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]  # untyped there

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Hear the answer; an error is one, too."""
        try:
            answer = super().read_response(*arguments, **options)
        except TimedOut:
            self._patience.timed_out(self._asked_at)
            raise
        self._patience.answered()
        return answer


class _Tcp(_Patient, Connection):
    pass


class _Tls(_Patient, SSLConnection):
    pass


class _Unix(_Patient, UnixDomainSocketConnection):
    pass


_BY_SCHEME: Final = {"redis": _Tcp, "rediss": _Tls, "unix": _Unix}


class _Client(Redis):
    def __init__(self, calls: ConnectionPool, listeners: ConnectionPool) -> None:
        super().__init__(connection_pool=calls)
        self._listeners = listeners

    def pubsub(self, **options: Any) -> PubSub:
        """Listen, on a connection of its own."""
        return PubSub(self._listeners, **options)


def connect_redis(settings: Settings, now: Callable[[], float] = monotonic) -> Redis:
    """Redis, for all threads of this process. One more try is for a connection that went stale, not for a time-out."""
    url = settings.redis_url.get_secret_value()
    details = {
        "connection_class": _BY_SCHEME.get(urlsplit(url).scheme, _Tcp),  # another scheme is refused by from_url
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 1, (ConnectionLost,)),
        "patience": Patience(now),
    }
    calls = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=WAIT_SECONDS, **details)
    return _Client(calls, ConnectionPool.from_url(url, max_connections=_LISTENERS, **details))
