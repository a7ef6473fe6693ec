import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from notifications import inbox, outbox
from notifications.bell import Bell
from notifications.leases import LEASE
from notifications.models import OutboxRow
from notifications.relay import Chores
from notifications.surroundings import Surroundings
from notifications.telling import fan_out
from tests.integration.notifications.town import LOOPBACK, Town, until
from tokenization import cards
from tokenization.clock import SetClock
from wallet.payments.events import PaymentApproved


def kinds(town: Town, recipient_id: UUID) -> list[str]:
    with town.database.reading() as session:
        return [message.kind for message in reversed(inbox.page(session, recipient_id, 50))]


def waiting(town: Town) -> int:
    return town.waiting()


def claim(town: Town, limit: int = 100) -> Sequence[outbox.Waiting]:
    with town.transaction() as session:
        return outbox.claim(session, town.clock.now(), limit)


@contextmanager
def running_relay(town: Town) -> Iterator[None]:
    stop = Event()
    with town.relay() as relay:
        thread = Thread(target=relay.run, args=(stop,))
        thread.start()
        yield
        stop.set()
        outbox.wake(town.redis)
        thread.join()


@contextmanager
def broken_off(town: Town) -> Iterator[Session]:
    """A transaction that is not to be committed."""
    with suppress(RuntimeError), town.transaction() as session:
        yield session
        raise RuntimeError


def hears(listening: PubSub) -> bool:
    return until(lambda: listening.get_message(timeout=0.1) is not None)


def test_an_event_is_told_and_leaves_the_outbox(town: Town) -> None:
    card_id = town.card()
    town.block(card_id)
    assert waiting(town) == 1
    town.tell()
    assert kinds(town, town.holder_of(card_id)) == ["card.blocked"]
    assert waiting(town) == 0


def test_an_event_of_a_transaction_that_failed_is_never_told(town: Town) -> None:
    card_id = town.card()
    now = town.clock.now()
    with broken_off(town) as session:
        card = cards.lock(session, card_id)
        assert card is not None
        cards.block(session, card, reason="lost", by="cardholder", noticed_at=now, now=now)
    assert waiting(town) == 0


def test_what_concerns_nobody_costs_no_row(town: Town) -> None:
    card_id = town.card()
    town.pay(card_id, PaymentApproved, right_id=None)
    assert waiting(town) == 0


def test_two_relays_at_once_tell_everybody_once(town: Town) -> None:
    card_ids = [town.card(cpr=f"010170010{n}") for n in range(8)]
    for card_id in card_ids:
        town.block(card_id)
    with town.relay() as one, town.relay() as other:
        work = [Thread(target=relay.run_once) for relay in (one, other)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
    assert [kinds(town, town.holder_of(card_id)) for card_id in card_ids] == [["card.blocked"]] * 8
    assert waiting(town) == 0


def test_what_one_relay_holds_no_other_takes(town: Town) -> None:
    town.block(town.card())
    assert len(claim(town)) == 1
    assert claim(town) == []


def test_what_a_dead_relay_held_is_told_by_another_when_the_lease_is_over(town: Town, clock: SetClock) -> None:
    card_id = town.card()
    town.block(card_id)
    claim(town)
    town.tell()
    assert kinds(town, town.holder_of(card_id)) == []
    clock.advance(LEASE + timedelta(seconds=1))
    town.tell()
    assert kinds(town, town.holder_of(card_id)) == ["card.blocked"]


def test_a_relay_that_wakes_too_late_tells_nobody_twice(town: Town, clock: SetClock) -> None:
    card_id = town.card()
    town.block(card_id)
    [stale] = claim(town)
    clock.advance(LEASE + timedelta(seconds=1))
    town.tell()
    with town.transaction() as session:
        assert fan_out(session, stale, clock.now()) == frozenset()
    assert kinds(town, town.holder_of(card_id)) == ["card.blocked"]


def test_a_fan_out_that_breaks_off_has_told_nobody(town: Town) -> None:
    card_id = town.card()
    town.block(card_id)
    [event] = claim(town)
    with broken_off(town) as session:
        fan_out(session, event, town.clock.now())
    assert waiting(town) == 1
    assert kinds(town, town.holder_of(card_id)) == []


def test_an_event_that_cannot_be_told_does_not_stop_the_others(town: Town) -> None:
    broken, whole = town.card(cpr="0101700101"), town.card(cpr="0101700102")
    town.block(broken)
    town.block(whole)
    with town.transaction() as session:
        row = session.scalars(select(OutboxRow).where(OutboxRow.card_id == broken)).one()
        row.payload = {}
    town.tell()
    assert kinds(town, town.holder_of(whole)) == ["card.blocked"]
    assert waiting(town) == 1


def test_a_running_relay_is_woken_by_a_commit(town: Town) -> None:
    card_id = town.card()
    listening = town.redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis
    listening.subscribe(inbox.channel(town.holder_of(card_id)))
    with running_relay(town):
        town.block(card_id)
        assert hears(listening)
    assert kinds(town, town.holder_of(card_id)) == ["card.blocked"]
    listening.close()


def test_a_running_relay_works_without_redis(town: Town) -> None:
    card_id = town.card()
    town.redis = Redis(unix_socket_path="/nonexistent/redis.sock", retry=Retry(NoBackoff(), 0))
    with running_relay(town):
        town.block(card_id)
        assert until(lambda: kinds(town, town.holder_of(card_id)) == ["card.blocked"])


def test_the_bell_rings_before_its_time_is_up(redis: Redis) -> None:
    with closing(Bell(redis)) as bell:
        bell.wait(Event(), 5)
        outbox.wake(redis)
        began = time.monotonic()
        bell.wait(Event(), 30)
        assert time.monotonic() - began < 10


def test_many_rings_are_one(redis: Redis) -> None:
    with closing(Bell(redis)) as bell:
        bell.wait(Event(), 5)
        for _ in range(5):
            outbox.wake(redis)
        bell.wait(Event(), 5)
        began = time.monotonic()
        bell.wait(Event(), 0.2)
        assert time.monotonic() - began > 0.15


def test_the_depth_tells_how_much_waits_and_since_when(town: Town) -> None:
    card_id = town.card()
    town.block(card_id)
    with town.database.reading() as session:
        assert outbox.depth(session) == outbox.Depth(1, town.clock.now())


def test_a_person_is_told_once_even_if_an_event_came_twice(town: Town) -> None:
    card_id = town.card()
    town.block(card_id)
    [event] = claim(town)
    for _ in range(2):
        with town.transaction() as session:
            fan_out(session, event, town.clock.now())
        with town.transaction() as session:
            session.add(
                OutboxRow(
                    card_id=event.card_id,
                    seq=event.seq,
                    event_id=event.event_id,
                    type=event.type,
                    payload=event.payload,
                    at=event.at,
                    leased_until=event.leased_until,
                )
            )
    assert kinds(town, town.holder_of(card_id)) == ["card.blocked"]


def test_a_chore_whose_database_is_away_says_so_once_and_says_when_it_is_back(town: Town, clock: SetClock) -> None:
    is_away = Event()
    is_away.set()

    def chore(*_: object) -> int:
        if is_away.is_set():
            raise OperationalError("SELECT", {}, Exception())
        return 0

    around = Surroundings(town.transaction, town.redis, town.vault, clock, town.screen, LOOPBACK, [chore])
    chores = Chores(around)
    with capture_logs() as logged:
        for _ in range(3):
            chores.turn()
            with suppress(OperationalError):
                chores.finish()
            clock.advance(timedelta(minutes=2))
        is_away.clear()
        chores.turn()
        chores.close()
    assert [(line["event"], line["stage"]) for line in logged] == [
        ("relay_without_database", __name__),
        ("relay_has_database_again", __name__),
    ]
