"""Worlds that are not as `world` is: with real commits, or over parts that are away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from tests.schema import prepare
from tests.world import World
from tokenization.clock import SetClock
from wallet import embedded
from wallet.app import connect_redis
from wallet.database import Database, connect
from wallet.services import Services


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
