"""Redis with many who listen, with more who ask than there are lines, and when it hangs."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TimedOut

from notifications import inbox, outbox
from tests.policy.worlds import over_redis
from tests.world import World
from tokenization.ids import new_id
from wallet import embedded
from wallet.redis_pool import CONNECTIONS, LEFT_ALONE_SECONDS, TIMEOUT_SECONDS, connect_redis
from wallet.services import Services

Connect = Callable[[str], Redis]
LOST = {"reason": "lost"}


class Ahead:
    """A monotonic clock that can be put forward."""

    seconds = 0.0

    def __call__(self) -> float:
        return monotonic() + self.seconds


@pytest.fixture
def ahead() -> Ahead:
    return Ahead()


@pytest.fixture
def connect(services: Services, ahead: Ahead) -> Iterator[Connect]:
    """Connects as the service does."""
    with ExitStack() as opened:

        def connect(url: str) -> Redis:
            settings = services.settings.model_copy(update={"redis_url": SecretStr(url)})
            client = connect_redis(settings, ahead)
            opened.callback(client.close)
            return client

        yield connect


@pytest.fixture
def client(connect: Connect, servers: embedded.Servers) -> Redis:
    """Of the Redis of all tests."""
    return connect(servers.redis_url)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[embedded.Server]:
    """A Redis that can be stopped."""
    with embedded.start_redis(tmp_path) as server:
        yield server


@contextmanager
def hanging(server: embedded.Server) -> Iterator[None]:
    """It takes connections, and answers nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def seconds_taken(ask: Callable[[], Any]) -> float:
    """How long somebody waits, whatever comes of it."""
    began = monotonic()
    with suppress(RedisError):
        ask()
    return monotonic() - began


def test_hundreds_who_listen_leave_the_lines_to_those_who_ask(client: Redis) -> None:
    with ExitStack() as listening:
        for _ in range(250):
            heard = listening.enter_context(client.pubsub())  # type: ignore[no-untyped-call]  # untyped there
            heard.subscribe(inbox.channel(new_id()))
        assert client.ping()


def test_who_stops_listening_gives_the_line_back(client: Redis) -> None:
    channel = inbox.channel(new_id())
    for _ in range(2):
        with client.pubsub() as heard:  # type: ignore[no-untyped-call]  # untyped there
            heard.subscribe(channel)
            assert heard.get_message(timeout=5)["type"] == "subscribe"
            assert client.pubsub_numsub(channel) == [(channel.encode(), 1)]


def test_who_finds_no_line_free_waits_for_one(client: Redis) -> None:
    pool, answers = client.connection_pool, list[Any]()
    lent = [pool.get_connection() for _ in range(CONNECTIONS)]
    asking = Thread(target=lambda: answers.append(client.ping()))
    asking.start()
    for connection in lent:
        pool.release(connection)
    asking.join()
    assert answers == [True]


def test_a_line_that_went_stale_is_made_anew(client: Redis, redis: Redis) -> None:
    mine = client.client_id()
    redis.client_kill_filter(_id=str(mine))
    assert client.client_id() != mine


def test_a_redis_that_hangs_is_waited_for_once(connect: Connect, server: embedded.Server) -> None:
    client = connect(server.url)
    client.ping()
    with hanging(server):
        with pytest.raises(TimedOut):
            client.ping()
        assert sum(seconds_taken(client.ping) for _ in range(100)) < 10 * TIMEOUT_SECONDS
        assert sum(seconds_taken(lambda: outbox.wake(client)) for _ in range(100)) < 10 * TIMEOUT_SECONDS
        with pytest.raises(TimedOut), client.pubsub() as heard:  # type: ignore[no-untyped-call]  # untyped there
            heard.subscribe("any")


def test_a_redis_that_hangs_before_anybody_asked_is_waited_for_once_too(
    connect: Connect, server: embedded.Server
) -> None:
    client = connect(server.url)
    with hanging(server):
        assert sum(seconds_taken(client.ping) for _ in range(100)) < 10 * TIMEOUT_SECONDS


def test_a_redis_that_goes_on_is_asked_again(connect: Connect, server: embedded.Server, ahead: Ahead) -> None:
    client = connect(server.url)
    with hanging(server), pytest.raises(TimedOut):
        client.ping()
    ahead.seconds += LEFT_ALONE_SECONDS
    assert client.ping()


def test_no_line_from_before_is_used_again(connect: Connect, server: embedded.Server, ahead: Ahead) -> None:
    client = connect(server.url)
    pool = client.connection_pool
    for connection in [pool.get_connection() for _ in range(5)]:
        pool.release(connection)
    newest = client.client_id()
    with hanging(server), pytest.raises(TimedOut):
        client.ping()
    ahead.seconds += LEFT_ALONE_SECONDS
    again = [pool.get_connection() for _ in range(5)]
    for connection in again:
        connection.send_command("CLIENT", "ID")  # type: ignore[no-untyped-call]  # untyped there
    assert min(connection.read_response() for connection in again) > newest
    for connection in again:
        pool.release(connection)


def test_one_slow_command_among_others_stops_nobody(client: Redis) -> None:
    pool = client.connection_pool
    slow = pool.get_connection()
    slow.send_command("BLPOP", "nothing", 0)  # type: ignore[no-untyped-call]  # untyped there
    client.ping()
    with pytest.raises(TimedOut):
        slow.read_response()
    pool.release(slow)
    assert client.ping()


def test_while_redis_hangs_a_card_is_blocked(world: World, server: embedded.Server) -> None:
    bo, issuer = world.phone("bo"), world.machine("issuer")
    path = f"/v1/cards/{world.person('bo')['card_id']}/block"
    over_redis(world, server.url)
    with hanging(server):
        began = monotonic()
        assert bo.request("POST", path, LOST).json()["status"] == "blocked"
        assert issuer.request("POST", path.replace("/v1/", "/v1/issuer/"), LOST).status_code == 200
        assert bo.request("GET", "/v1/inbox/stream").status_code == 503
        assert monotonic() - began < 3
