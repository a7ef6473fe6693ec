"""A town that is made once, and put back after each test; the books must balance then."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker

from tests import rates
from tests.books import assert_books_balance
from tests.integration.payments.quarter import Quarter
from tests.integration.payments.scene import Scene
from tests.integration.payments.spoiling import Acquirer
from tests.integration.payments.town import Town, parts_over
from tests.policy.worlds import undone
from tests.world import World
from tokenization.clock import SetClock
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet import embedded

SUNDAY = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="package")
def connection(engine: Engine) -> Iterator[Connection]:
    """One connection, whose transaction is rolled back when the last test of this folder is done."""
    with engine.connect() as connection, connection.begin() as outer:
        yield connection
        outer.rollback()


@pytest.fixture(scope="package")
def rates_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rates are."""
    path: Path = tmp_path_factory.mktemp("rates") / "rates.csv"
    rates.write(path)
    return path


@pytest.fixture(scope="package")
def town(
    connection: Connection, servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault, rates_file: Path
) -> Iterator[Town]:
    """Everybody, ready to pay."""
    sessions = sessionmaker(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    with Redis.from_url(servers.redis_url) as redis:
        clock = SetClock(SUNDAY)
        yield Town(World(parts_over(sessions, redis, key_ring, vault, clock, rates_file=rates_file), clock))


@pytest.fixture
def unchecked(town: Town, connection: Connection) -> Iterator[Scene]:
    """A scene that nobody checks the books of."""
    town.world.clock.set(SUNDAY)
    savepoint = connection.begin_nested()
    scene = Scene(town)
    scene.rates()
    yield scene
    savepoint.rollback()


@pytest.fixture
def scene(unchecked: Scene, connection: Connection) -> Iterator[Scene]:
    """A scene after which the books balance."""
    yield unchecked
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        assert_books_balance(session, unchecked.opened_with)


@pytest.fixture(scope="module")
def quarter(town: Town, connection: Connection) -> Iterator[Quarter]:
    """A quarter of the town, made once."""
    town.world.clock.set(SUNDAY)
    with undone(connection):
        yield Quarter(Scene(town))


@pytest.fixture(scope="module")
def acquirer(town: Town, connection: Connection) -> Iterator[Acquirer]:
    """One for a whole module: nothing is left of what is refused, and the books balance in the end."""
    town.world.clock.set(SUNDAY)
    with undone(connection):
        acquirer = Acquirer(Scene(town))
        yield acquirer
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            assert_books_balance(session, acquirer.scene.opened_with)
