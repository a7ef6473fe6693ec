"""The lanes to an endpoint: how many letters are under way to it at once, over all relays."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from notifications import backoff, webhooks
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.test_notifications_webhooks import endpoint_of, queue_test, states
from tests.integration.notifications.town import Town, until
from tokenization.clock import SetClock

BACKLOG: Final = 100


@pytest.fixture
def shop(town: Town, receiver: Receiver) -> UUID:
    shop = town.requestor()
    town.listen(shop, receiver.url)
    return shop


def queue(town: Town, shop: UUID, count: int) -> None:
    with town.transaction() as session:
        for _ in range(count):
            webhooks.send_test(session, shop, town.clock.now())


def test_a_backlog_to_a_slow_endpoint_goes_by_several_lanes_and_by_no_more_than_four(
    town: Town, receiver: Receiver, shop: UUID
) -> None:
    receiver.seconds = 0.05
    queue(town, shop, BACKLOG)
    with town.relay() as one, town.relay() as other, at_work(one, other):
        assert until(lambda: states(town, shop) == ["delivered"] * BACKLOG, 60)
    assert 2 <= receiver.most_at_once <= webhooks.LANES
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == len(receiver.requests) == BACKLOG


def test_control_two_shops_at_one_receiver_get_more_letters_at_once(town: Town, receiver: Receiver, shop: UUID) -> None:
    receiver.seconds = 0.05
    other = town.requestor(name="Bogbutikken")
    town.listen(other, receiver.url)
    for each in (shop, other):
        queue(town, each, BACKLOG // 2)
    with town.relay(threads=16) as relay, at_work(relay):
        assert receiver.gets(BACKLOG)
    assert receiver.most_at_once > webhooks.LANES


def test_an_endpoint_that_fails_gets_a_letter_at_a_time(town: Town, receiver: Receiver, shop: UUID) -> None:
    queue_test(town, shop)
    receiver.always = 500
    town.tell()
    receiver.seconds = 0.02
    queue(town, shop, 20)
    with town.relay() as one, town.relay() as other, at_work(one, other):
        assert receiver.gets(20)
    assert receiver.most_at_once == 1


def test_an_endpoint_that_failed_is_told_what_is_new_at_once_then_rests_and_gets_all_when_it_is_back(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    receiver.always = 500
    queue(town, shop, 1)
    town.tell()
    queue(town, shop, 1)
    town.tell()
    assert len(receiver.requests) == 2  # after a first failure what is new is tried at once
    clock.advance(timedelta(seconds=10))
    queue(town, shop, 20)
    town.tell()
    assert len(receiver.requests) == 3  # it has failed for ten seconds, and rests as long again
    assert endpoint_of(town, shop).retry_at == clock.now() + timedelta(seconds=10)
    town.tell()
    assert len(receiver.requests) == 3
    receiver.always = 204
    clock.advance(backoff.WEBHOOKS[2] * (1 + backoff.JITTER))  # the first letter was tried twice
    with town.relay() as relay:
        while relay.run_once():
            pass
    assert states(town, shop) == ["delivered"] * 22
