"""Worlds that are not as `world` is: for many tests, with real commits, or over parts that are away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr
from redis import Redis
from sqlalchemy import Connection, create_engine
from sqlalchemy.orm import sessionmaker

from tests.integration.payments.town import parts_over
from tests.schema import prepare
from tests.world import World
from tokenization.clock import SetClock
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet import embedded
from wallet.database import Database, connect
from wallet.redis_pool import connect_redis
from wallet.services import Services

SUNDAY: Final = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@contextmanager
def rolled_back(connection: Connection, redis: Redis, key_ring: FileKeyRing, vault: Vault) -> Iterator[World]:
    """A world for more than one test, over one connection whose transaction is rolled back in the end."""
    redis.flushall()
    with connection.begin() as outer:
        made = sessionmaker(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        clock = SetClock(SUNDAY)
        yield World(parts_over(made, redis, key_ring, vault, clock), clock)
        outer.rollback()


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """What is written here is rolled back."""
    with connection.begin_nested() as savepoint:
        yield
        savepoint.rollback()


@contextmanager
def committing(parts: Services, servers: embedded.Servers, name: str) -> Iterator[World]:
    """A world in a database of its own: real commits, a connection for each request, a lock time-out of a second."""
    url = embedded.create_database(servers.database_url, name)
    engine = create_engine(url, connect_args={"options": "-c lock_timeout=1s -c timezone=UTC"})
    prepare(engine)
    database = Database(sessionmaker(engine, expire_on_commit=False), parts.vault.ring, announce=lambda: None)
    clock = parts.clock
    assert isinstance(clock, SetClock)
    yield World(replace(parts, database=database), clock)
    engine.dispose()
    embedded.drop_database(servers.database_url, name)


@contextmanager
def over_database(world: World, url: str) -> Iterator[None]:
    """Let the world's app go on over another database."""
    settings = world.parts.settings.model_copy(update={"database_url": SecretStr(url), "lock_timeout_seconds": 1})
    engine = connect(settings)
    database = Database(sessionmaker(engine), world.parts.vault.ring, announce=lambda: None)
    world.app.extensions["tegnebog"] = replace(world.parts, database=database)
    yield
    engine.dispose()


def over_redis(world: World, url: str) -> None:
    """Let the world's app go on over another Redis."""
    settings = world.parts.settings.model_copy(update={"redis_url": SecretStr(url)})
    world.app.extensions["tegnebog"] = replace(world.parts, redis=connect_redis(settings))
