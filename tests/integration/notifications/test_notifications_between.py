"""What changes while a letter is on its way, and what the clock does meanwhile."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import sessionmaker
from structlog.testing import capture_logs

from notifications import deliveries, inbox, outbox, webhooks
from notifications.leases import LEASE
from notifications.models import Delivery, Feed
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.test_notifications_webhooks import endpoint_of, queue_test, states, working
from tests.integration.notifications.town import Town, until
from tokenization.clock import SetClock
from wallet.database import Database


@pytest.fixture
def elsewhere() -> Iterator[Receiver]:
    with Receiver() as elsewhere:
        yield elsewhere


@pytest.mark.parametrize("answer", [410, 500, 204])
def test_what_an_endpoint_says_that_was_set_anew_meanwhile_is_not_held_against_the_new_one(
    town: Town, receiver: Receiver, elsewhere: Receiver, shop: UUID, answer: int
) -> None:
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    receiver.always = answer
    receiver.hold.clear()
    with working(town):
        assert receiver.arrived.wait(10)
        secret = town.listen(shop, elsewhere.url)
        receiver.hold.set()
    endpoint = endpoint_of(town, shop)
    assert (endpoint.state, endpoint.failing_since) == ("enabled", None)
    queue_test(town, shop)
    town.tell()
    assert elsewhere.requests
    assert all(request.verifies_with(secret) for request in elsewhere.requests)


@pytest.mark.parametrize("held_by", ["a lane", "an event"])
def test_a_lease_that_was_taken_while_the_clock_was_an_hour_ahead_holds_nothing_up_when_it_is_set_right(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock, held_by: str
) -> None:
    card_id = town.card()
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.tell_all()
    town.replace(card_id)
    if held_by == "a lane":
        with town.transaction() as session:
            town.fan_out_all(session)
    clock.advance(timedelta(hours=1))
    with town.transaction() as session:  # by a relay that dies with them
        if held_by == "a lane":
            [lease] = deliveries.claim(session, clock.now(), 10, failing=False)
            assert deliveries.next_job(session, town.vault, lease, clock.now()) is not None
        else:
            assert outbox.claim(session, clock.now(), 10)
    clock.advance(timedelta(hours=-1))
    clock.advance(2 * LEASE)
    town.tell()
    assert states(town, shop) == ["delivered"]


@pytest.fixture
def impatient(town: Town, engine: Engine) -> Iterator[Town]:
    """The town, for who waits for a lock no longer than a moment."""
    hasty = create_engine(engine.url, connect_args={"options": "-c lock_timeout=200ms -c timezone=UTC"})
    yield replace(town, database=Database(sessionmaker(hasty), town.vault.ring, lambda: outbox.wake(town.redis)))
    hasty.dispose()


def test_people_hear_of_what_is_held_up_for_a_shop_and_the_shop_hears_of_it_later(
    town: Town, receiver: Receiver, shop: UUID
) -> None:
    card_id = town.card()
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.tell_all()
    town.replace(card_id)
    with town.transaction() as session:
        session.scalars(select(Feed).where(Feed.requestor_id == shop).with_for_update()).one()
        town.tell()
        assert newest_kind(town, card_id) == "card.replaced"
        assert receiver.requests == []
    town.tell_all()
    assert newest_kind(town, card_id) == "card.replaced"
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A"]


def newest_kind(town: Town, card_id: UUID) -> str:
    with town.database.reading() as session:
        [newest, before] = inbox.page(session, town.holder_of(card_id), 2)
    assert newest.kind != before.kind
    return newest.kind


def test_an_event_whose_shops_are_held_by_somebody_holds_up_no_other(
    town: Town, impatient: Town, shop: UUID, clock: SetClock
) -> None:
    held, free = town.card(cpr="0101700101"), town.card(cpr="0101700102")
    town.on_file(held, shop)
    town.tell_all()
    town.replace(held)
    clock.advance(timedelta(seconds=1))
    town.block(free)
    with town.transaction() as session, capture_logs():
        session.scalars(select(Feed).where(Feed.requestor_id == shop).with_for_update()).one()
        with impatient.relay() as relay, at_work(relay):
            assert until(lambda: town.waiting() == 1, 20)


@contextmanager
def crowded() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A receiver that takes no call for a while: its URL; how to let all in and hear what the last of them says."""
    with ExitStack() as held, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(2):  # all that a queue of that length holds
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)

        def let_in() -> bytes:
            listening.settimeout(10)
            for _ in range(2):
                listening.accept()[0].close()
            call, _ = listening.accept()
            with call:
                call.settimeout(10)
                return call.recv(65_536)

        yield f"http://127.0.0.1:{address[1]}/hooks", let_in


@pytest.mark.parametrize(("taken_back", "said"), [(True, b""), (False, b"POST")])
def test_what_is_taken_back_while_a_receiver_keeps_us_waiting_is_not_said(
    town: Town, shop: UUID, taken_back: bool, said: bytes
) -> None:
    card_id = town.card()
    with crowded() as (url, let_in):
        town.listen(shop, url)
        with town.transaction() as session:
            webhooks.checked(session, shop, url, None, town.clock.now())
        credential_id = town.on_file(card_id, shop)
        town.tell_all()
        town.replace(card_id)
        thread = Thread(target=town.tell)
        thread.start()
        assert until(lambda: is_under_way(town, shop))
        if taken_back:
            town.choose(card_id, credential_id, automatic_update=False)
        heard = let_in()
        thread.join()
    assert heard[:4] == said


def is_under_way(town: Town, shop: UUID) -> bool:
    with town.database.reading() as session:
        return session.scalar(select(Delivery.leased_until).where(Delivery.requestor_id == shop)) is not None
