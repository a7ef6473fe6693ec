"""What a bank or a merchant changes before any of a relay's steps: a letter goes where its secret belongs."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from threading import Event
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from standardwebhooks import WebhookVerificationError

from notifications import webhooks
from notifications.relay import Relay
from notifications.sending import Letter, Line
from notifications.surroundings import Surroundings
from tests.integration.notifications.receiver import Receiver, Request
from tests.integration.notifications.test_notifications_webhooks import endpoint_of, queue_test
from tests.integration.notifications.town import LOOPBACK, Town
from tokenization import ids
from tokenization.secret import Secret

STEPS: Final = 6  # transactions, at least, by which two letters are sent


@pytest.fixture
def elsewhere() -> Iterator[Receiver]:
    with Receiver() as elsewhere:
        yield elsewhere


def moves(town: Town, shop: UUID, elsewhere: Receiver) -> None:
    town.listen(shop, elsewhere.url)


def is_suspended(town: Town, shop: UUID, _: Receiver) -> None:
    town.set_status(shop, "suspended")


def rotates(town: Town, shop: UUID, _: Receiver) -> None:
    with town.transaction() as session:
        webhooks.rotate_secret(session, town.vault, shop, town.clock.now())


def is_disabled(town: Town, shop: UUID, _: Receiver) -> None:
    with town.transaction() as session:
        webhooks.get_endpoint(session, shop, lock=True).state = "disabled"


@contextmanager
def meddled(town: Town, nth: int, act: Callable[[], None]) -> Iterator[Relay]:
    """A relay that finds something changed at its nth transaction."""
    steps = count(1)

    @contextmanager
    def transaction() -> Iterator[Session]:
        if next(steps) == nth:
            act()
        with town.transaction() as session:
            yield session

    with Relay(Surroundings(transaction, town.redis, town.vault, town.clock, town.screen, LOOPBACK), 4) as relay:
        yield relay


def secrets_of(town: Town, shop: UUID) -> list[str]:
    with town.database.reading() as session:
        endpoint = webhooks.get_endpoint(session, shop)
        return [secret.reveal() for secret in webhooks.valid_secrets(session, town.vault, endpoint, town.clock.now())]


@pytest.mark.parametrize("act", [moves, is_suspended, rotates, is_disabled], ids=lambda act: act.__name__)
def test_whatever_changes_between_two_steps_a_letter_goes_where_its_secret_belongs_and_none_is_lost(
    town: Town, receiver: Receiver, elsewhere: Receiver, act: Callable[[Town, UUID, Receiver], None]
) -> None:
    for nth in count(1):
        shop = town.requestor()
        before = town.listen(shop, receiver.url)
        letters = {ids.to_text("dlv", queue_test(town, shop)) for _ in range(2)}
        happened = Event()

        def change(shop: UUID = shop, happened: Event = happened) -> None:
            act(town, shop, elsewhere)
            happened.set()

        with meddled(town, nth, change) as relay:
            relay.run_once()
        if not happened.is_set():
            break
        newest, *_ = secrets_of(town, shop)
        town.set_status(shop, "active")
        town.listen(shop, endpoint_of(town, shop).url)
        town.tell()
        here, there = taken(receiver, letters), taken(elsewhere, letters)
        assert {request.headers["webhook-id"] for request in here + there} == letters
        assert all(request.verifies_with(newest) for request in there)
        assert all(is_good(request, before) or is_good(request, newest) for request in here)
    assert nth > STEPS


def test_control_a_letter_that_is_signed_with_the_secret_of_before_alone_is_found(
    town: Town, elsewhere: Receiver, receiver: Receiver
) -> None:
    shop = town.requestor()
    before = town.listen(shop, receiver.url)
    newest = town.listen(shop, elsewhere.url)
    with Line(LOOPBACK, ssl.create_default_context()) as line:
        line.post(Letter("dlv_1", elsewhere.url, "{}", [Secret(before)]), datetime.now(UTC))
    [request] = elsewhere.requests
    assert is_good(request, before)
    assert not is_good(request, newest)


def taken(receiver: Receiver, letters: set[str]) -> list[Request]:
    return [request for request in receiver.requests if request.headers["webhook-id"] in letters]


def is_good(request: Request, secret: str) -> bool:
    with suppress(WebhookVerificationError):
        request.verifies_with(secret)
        return True
    return False
