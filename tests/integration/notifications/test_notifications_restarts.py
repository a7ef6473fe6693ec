"""Redis and PostgreSQL that are killed under a running relay, and come back: servers of one's own, and real seconds."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker
from structlog.testing import capture_logs

from notifications import outbox
from notifications.leases import LEASE
from notifications.sms import HttpGateway
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.street import Street
from tests.integration.notifications.test_notifications_relay import kinds
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.town import Town, until
from tests.schema import prepare
from tokenization.clock import SetClock
from tokenization.vault import Vault
from wallet import embedded
from wallet.database import Database

BEFORE = 6  # webhooks, before PostgreSQL is killed
TIMES = 10  # leases, until all is told that somebody held then


@pytest.fixture
def lonely(town: Town, tmp_path: Path) -> Iterator[Town]:
    """The town, with a Redis in that folder that nobody has started."""
    sockets = tmp_path / "run" / "redis.sock"
    with Redis(unix_socket_path=str(sockets), retry=Retry(NoBackoff(), 0)) as redis:
        yield replace(town, redis=redis)


def blocked_and_told(town: Town, card_id: UUID) -> bool:
    town.block(card_id)
    outbox.wake(town.redis)
    return until(lambda: kinds(town, town.holder_of(card_id)) == ["card.blocked"])


def somebody_hears(redis: Redis) -> bool:
    with suppress(RedisError):
        return bool(redis.publish(outbox.CHANNEL, b""))
    return False


def test_a_relay_whose_redis_is_killed_looks_for_itself_and_hears_again_when_it_is_back(
    lonely: Town, tmp_path: Path
) -> None:
    before, without, after = (lonely.card(cpr=f"010170010{n}") for n in range(3))
    with lonely.relay() as relay, at_work(relay):
        with embedded.start_redis(tmp_path) as redis:
            assert until(lambda: somebody_hears(lonely.redis))
            assert blocked_and_told(lonely, before)
            redis.kill()
        assert not somebody_hears(lonely.redis)
        assert blocked_and_told(lonely, without)
        with embedded.start_redis(tmp_path):
            assert until(lambda: somebody_hears(lonely.redis))
            assert blocked_and_told(lonely, after)


@pytest.fixture
def mortal(town: Town, tmp_path: Path, vault: Vault, texts: Receiver) -> Iterator[Town]:
    """A town over a PostgreSQL in that folder, which is to be started before."""
    with embedded.start_postgres(tmp_path) as first:
        url = first.url
        engine = create_engine(url)
        prepare(engine)
        engine.dispose()
    with HttpGateway(texts.url) as gateway:
        database = Database(sessionmaker(engine), vault.ring, lambda: outbox.wake(town.redis))
        yield replace(town, database=database, sms_sender=gateway)
    engine.dispose()


def told_in_the_end(street: Street, clock: SetClock) -> bool:
    """What was held when PostgreSQL was killed is free after a lease."""
    for _ in range(TIMES):
        clock.advance(LEASE * 1.1)
        if until(lambda: is_quiet(street), 2):
            return True
    return False


def is_quiet(street: Street) -> bool:
    with suppress(OperationalError):  # the first to use a connection of before
        return street.is_quiet()
    return False


def test_a_relay_whose_postgresql_is_killed_goes_on_when_it_is_back_and_nothing_is_lost(
    mortal: Town, tmp_path: Path, receiver: Receiver, texts: Receiver, clock: SetClock
) -> None:
    with capture_logs() as logs, mortal.relay() as relay, embedded.start_postgres(tmp_path) as postgres:
        street = Street(mortal, receiver, texts, shops=2, cards=6)
        street.replace_all()
        with at_work(relay):
            assert receiver.gets(BEFORE)
            postgres.kill()
            assert until(lambda: "relay_without_database" in {entry["event"] for entry in logs})
            with embedded.start_postgres(tmp_path):
                assert until(lambda: "relay_has_database_again" in {entry["event"] for entry in logs})
                street_goes_on(street)
                assert told_in_the_end(street, clock)
                street.check()


def street_goes_on(street: Street) -> None:
    """All cards are replaced once more, by somebody who comes again when he is cut off."""
    for card_id in street.replaced:
        assert until(partial(replaced, street, card_id))


def replaced(street: Street, card_id: UUID) -> bool:
    with suppress(OperationalError):
        street.replace(card_id)
        return True
    return False
