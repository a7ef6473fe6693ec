"""Endpoints and gateways that take a call and never answer: nobody else waits for them, and no connection does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, select, text, update
from sqlalchemy.orm import sessionmaker

from notifications import outbox
from notifications.models import WebhookEndpoint
from notifications.relay import THREADS, Relay
from notifications.sms import HttpGateway
from tests.integration.notifications.receiver import Receiver, Silence
from tests.integration.notifications.test_notifications_webhooks import queue_test, states
from tests.integration.notifications.town import Town, until
from tokenization.secret import Secret
from wallet.database import Database

SECONDS: Final = 12  # a call that is never answered takes 20
TOO_LONG: Final = 1.5  # for who waits for nobody
HELD: Final = text("SELECT FROM pg_stat_activity WHERE state LIKE 'idle in %' AND datname = current_database()")


@pytest.fixture
def healthy(town: Town, receiver: Receiver) -> list[UUID]:
    shops = [town.requestor(name=f"Healthy {n}") for n in range(3)]
    for shop in shops:
        town.listen(shop, receiver.url)
    return shops


@contextmanager
def at_work(*relays: Relay) -> Iterator[None]:
    """Relays that run until the end of the block."""
    stop = Event()
    threads = [Thread(target=relay.run, args=(stop,)) for relay in relays]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def hanging(town: Town, silence: Silence, count: int, *, known: bool) -> list[UUID]:
    """As many shops with a letter each, whose endpoint never answers; `known` to fail already, or not."""
    shops = [town.requestor(name=f"Hanging {n}") for n in range(count)]
    for shop in shops:
        town.listen(shop, silence.url)
        queue_test(town, shop)
    if known:
        with town.transaction() as session:
            these = update(WebhookEndpoint).where(WebhookEndpoint.requestor_id.in_(shops))
            session.execute(these.values(failing_since=town.clock.now(), checked_at=town.clock.now()))
    return shops


def gets_theirs(town: Town, shops: list[UUID], seconds: float = SECONDS) -> bool:
    """Whether letter after letter reaches each of them in time."""
    for _ in range(3):
        for shop in shops:
            queue_test(town, shop)
        outbox.wake(town.redis)
        if not until(lambda: all(set(states(town, shop)) == {"delivered"} for shop in shops), seconds):
            return False
    return True


@pytest.mark.parametrize(
    ("threads", "count", "known"),
    [(4, 1, False), (4, 20, True), (16, 20, True), (THREADS, 20, False)],
    ids=["one", "twenty-that-failed", "twenty-that-failed-and-more-threads", "twenty-at-once"],
)
def test_endpoints_that_hang_delay_no_other(
    town: Town, healthy: list[UUID], *, threads: int, count: int, known: bool
) -> None:
    with town.relay(threads=threads) as relay, Silence() as silence:
        shops = hanging(town, silence, count, known=known)
        with at_work(relay):
            assert until(lambda: silence.callers() > 0)
            assert gets_theirs(town, healthy)
            assert [states(town, shop) for shop in shops] == [["pending"]] * count


def test_control_a_relay_that_does_not_know_them_for_failing_waits_for_those_that_hang(
    town: Town, healthy: list[UUID]
) -> None:
    with town.relay(threads=4) as relay, Silence() as silence:
        hanging(town, silence, 20, known=False)
        with at_work(relay):
            assert until(lambda: silence.callers() >= 4)
            assert not gets_theirs(town, healthy, TOO_LONG)


# Connections


@pytest.fixture
def narrow(town: Town, engine: Engine) -> Iterator[Town]:
    """The town over a single connection."""
    options = {"options": "-c lock_timeout=5s -c timezone=UTC"}
    one = create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=5, connect_args=options)
    yield replace(town, database=Database(sessionmaker(one), town.vault.ring, lambda: None))
    one.dispose()


def is_held(town: Town) -> bool:
    """Whether somebody has a transaction open, and does nothing in it."""
    with town.database.reading() as session:
        return bool(session.execute(HELD).all())


@pytest.fixture
def gateway() -> Iterator[Silence]:
    with Silence() as gateway:
        yield gateway


def test_no_connection_is_held_while_an_endpoint_and_a_gateway_hang(narrow: Town, town: Town, gateway: Silence) -> None:
    with HttpGateway(gateway.url) as narrow.sms_sender, narrow.relay() as relay, Silence() as endpoint, at_work(relay):
        narrow.block(narrow.card())
        hanging(narrow, endpoint, 1, known=False)
        assert until(lambda: endpoint.callers() > 0 and gateway.callers() > 0)
        narrow.block(narrow.card(cpr="0101700102"))
        assert until(lambda: narrow.waiting() == 0)
        assert until(lambda: not is_held(town))
        gateway.close()


def test_control_who_sends_within_a_transaction_holds_a_connection(narrow: Town, town: Town) -> None:
    called, over = Event(), Event()

    class Holding:
        def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
            with narrow.transaction() as session:
                session.execute(select(1))
                called.set()
                over.wait(SECONDS)

    narrow.sms_sender = Holding()
    narrow.block(narrow.card())
    with narrow.relay() as relay, at_work(relay):
        assert called.wait(SECONDS)
        assert not until(lambda: not is_held(town), TOO_LONG)
        over.set()
