"""Real PostgreSQL and Redis for the whole run: one of each per test worker, started here and ended here."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.payments.town import parts_over
from tests.schema import prepare
from tests.world import World
from tokenization.clock import SetClock, SystemClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet import embedded, people
from wallet.services import Services

SUNDAY = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
CONNECTED = {"options": "-c lock_timeout=5s -c timezone=UTC"}


@dataclass(frozen=True)
class Peopled:
    """A database with people in it, and what an outside program knows of them."""

    engine: Engine
    access: dict[str, Any]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """PostgreSQL and Redis of this worker."""
    with embedded.running(tmp_path_factory.mktemp("servers"), fast=True) as running:
        yield running


@pytest.fixture(scope="session")
def engine(servers: embedded.Servers) -> Iterator[Engine]:
    """An engine on a migrated, empty database."""
    engine = create_engine(servers.database_url, connect_args=CONNECTED)
    prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session in a transaction that is rolled back after the test."""
    with engine.connect() as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()


@pytest.fixture
def redis(servers: embedded.Servers) -> Iterator[Redis]:
    """An empty Redis."""
    client = Redis.from_url(servers.redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="session")
def ring_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a fresh key ring is."""
    folder: Path = tmp_path_factory.mktemp("ring") / "keys"
    ceremonies.create(folder, SystemClock().now())
    return folder


@pytest.fixture(scope="session")
def key_ring(ring_folder: Path) -> FileKeyRing:
    """That key ring."""
    return FileKeyRing(ring_folder, SystemClock())


@pytest.fixture(scope="session")
def vault(key_ring: FileKeyRing) -> Vault:
    """A vault over that ring."""
    return Vault(key_ring)


@pytest.fixture(scope="session")
def peopled(servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault) -> Iterator[Peopled]:
    """Another database, with everybody of `World` in it: to fill them in takes longer than most tests do."""
    engine = create_engine(embedded.create_database(servers.database_url, "peopled"), connect_args=CONNECTED)
    prepare(engine)
    with Redis.from_url(servers.redis_url) as redis:
        sessions = sessionmaker(engine, expire_on_commit=False)
        access = people.fill_in(parts_over(sessions, redis, key_ring, vault, SetClock(SUNDAY)))
    yield Peopled(engine, access)
    engine.dispose()
    embedded.drop_database(servers.database_url, "peopled")


@pytest.fixture
def clock() -> SetClock:
    """A Sunday in November, 11:15 in Copenhagen."""
    return SetClock(SUNDAY)


@pytest.fixture
def services(
    request: pytest.FixtureRequest, redis: Redis, key_ring: FileKeyRing, vault: Vault, clock: SetClock
) -> Iterator[Services]:
    """The parts, over one connection whose transaction is rolled back after the test; in a `world` with its people."""
    in_world = "world" in request.fixturenames
    engine = request.getfixturevalue("peopled").engine if in_world else request.getfixturevalue("engine")
    with engine.connect() as connection, connection.begin() as outer:
        sessions = sessionmaker(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        yield parts_over(sessions, redis, key_ring, vault, clock)
        outer.rollback()


@pytest.fixture
def world(services: Services, clock: SetClock, peopled: Peopled) -> World:
    """Anna, Bo, a wallet, a shop, an acquirer and the bank, around the real app."""
    return World(services, clock, deepcopy(peopled.access))
