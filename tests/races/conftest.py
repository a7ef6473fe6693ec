"""An arena: a database of its own for each race, with real commits, and everybody in it ready to pay."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import cast

import httpx
import pytest
from redis import Redis
from sqlalchemy.orm import sessionmaker

from tests.books import assert_books_balance
from tests.integration.payments.scene import Scene
from tests.integration.payments.town import Town, parts_over
from tests.races.arena import connect
from tests.schema import prepare
from tests.world import World
from tokenization.clock import SetClock
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet import embedded
from wallet.access import guard
from wallet.app import create_app
from wallet.services import Services

SUNDAY = datetime(2026, 11, 1, 10, 15, tzinfo=UTC)
TEMPLATE = "arena"
_NUMBERS = count()


def _move(world: World, parts: Services) -> None:
    """Let everybody in a world go on over other parts."""
    world.parts, world.clock = parts, cast(SetClock, parts.clock)
    world.app = create_app(parts)
    world.tokens = world.app.extensions[guard.EXTENSION]
    world.http = httpx.Client(transport=httpx.WSGITransport(app=world.app), base_url=parts.settings.public_url)


@pytest.fixture(scope="package")
def town(servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault) -> Iterator[Town]:
    """Everybody, in a database that the others are copied from."""
    engine = connect(embedded.create_database(servers.database_url, TEMPLATE))
    prepare(engine)
    with Redis.from_url(servers.redis_url) as redis:
        clock, sessions = SetClock(SUNDAY), sessionmaker(engine, expire_on_commit=False)
        town = Town(World(parts_over(sessions, redis, key_ring, vault, clock), clock))
        engine.dispose()
        yield town
    embedded.drop_database(servers.database_url, TEMPLATE)


@pytest.fixture
def unchecked(town: Town, servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault) -> Iterator[Scene]:
    """A scene in a database of its own, whose books nobody checks."""
    name = f"{TEMPLATE}_{next(_NUMBERS)}"
    engine = connect(embedded.create_database(servers.database_url, name, template=TEMPLATE))
    with Redis.from_url(servers.redis_url) as redis:
        redis.flushall()  # or what the races before did would count for how often Anna may knock
        sessions = sessionmaker(engine, expire_on_commit=False)
        _move(town.world, parts_over(sessions, redis, key_ring, vault, SetClock(SUNDAY)))
        yield Scene(town)
    engine.dispose()
    embedded.drop_database(servers.database_url, name)


@pytest.fixture
def world(unchecked: Scene) -> World:
    """Everybody, over a database with real commits."""
    return unchecked.world


@pytest.fixture
def scene(unchecked: Scene) -> Iterator[Scene]:
    """A scene after which the books balance."""
    yield unchecked
    with unchecked.world.parts.database.reading() as session:
        assert_books_balance(session, unchecked.opened_with)
