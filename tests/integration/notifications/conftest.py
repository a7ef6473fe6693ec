"""A real database that really commits, emptied after each test; a clock at the true time, so that signatures verify."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.orm import sessionmaker

from notifications import outbox
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock
from tokenization.models import Base, Policy
from tokenization.vault import Vault
from wallet.database import Database


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def town(engine: Engine, redis: Redis, vault: Vault, clock: SetClock) -> Iterator[Town]:
    database = Database(sessionmaker(engine), vault.ring, lambda: outbox.wake(redis))
    yield Town(database, redis, vault, clock)
    with engine.begin() as connection:
        # The policies came with the migrations, and are there for every test.
        tables = [table.fullname for table in Base.metadata.sorted_tables if table is not Policy.__table__]
        connection.execute(text(f"TRUNCATE {', '.join(tables)}"))


@pytest.fixture
def shop(town: Town) -> UUID:
    return town.requestor()


@pytest.fixture
def card_id(town: Town) -> UUID:
    return town.card()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def texts() -> Iterator[Receiver]:
    """A gateway for text messages."""
    with Receiver() as texts:
        yield texts
