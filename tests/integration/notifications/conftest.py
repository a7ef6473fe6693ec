"""A real database that really commits, emptied after each test; a clock at the true time, so that signatures verify."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.orm import sessionmaker

from notifications import outbox
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock
from tokenization.models import Base
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
        tables = ", ".join(table.fullname for table in Base.metadata.sorted_tables)
        connection.execute(text(f"TRUNCATE {tables}"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
