"""The feed has everything: who was away for a month goes on from its cursor, and nothing appears behind it."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from uuid import UUID

from sqlalchemy import func, select

from notifications.models import Delivery
from tests.integration.notifications.feeds import codes, last4s, read, told
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization import long_blocks
from tokenization.clock import SetClock

MONTH = timedelta(days=30)


def test_a_merchant_that_was_down_for_a_month_catches_up_from_its_cursor(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    """Its endpoint is disabled after five days, it is suspended for a while, and then all of it is there."""
    receiver.always = 500
    town.listen(shop, receiver.url)
    cards = [town.card(cpr=f"010170010{n}") for n in range(5)]
    kept = [town.on_file(card_id, shop) for card_id in cards]
    town.replace(cards[0])
    town.tell()
    cursor = read(town, shop).last_seq
    happens: list[Callable[[], None]] = [
        lambda: town.replace(cards[0]),
        lambda: town.block(cards[1]),
        lambda: town.choose(cards[2], kept[2], False),
        lambda: town.set_status(shop, "suspended"),
        lambda: town.replace(cards[3]),
        lambda: town.set_status(shop, "active"),
        lambda: town.close(cards[4]),
        lambda: town.replace(cards[3]),
    ]
    for each in happens:
        each()
        town.tell()
        clock.advance(MONTH / len(happens))
        long_blocks.run(town.transaction, clock.now())
    town.tell()
    with town.database.reading() as session:
        assert session.scalar(select(func.count()).where(Delivery.state.in_(["delivered", "pending"]))) == 0
    pages = []
    for _ in range(4):
        pages.append(read(town, shop, after=cursor, limit=2))
        cursor = pages[-1].last_seq
    assert [codes(page) for page in pages] == [["A", "O"], ["A", "Q"], ["C", "A"], []]
    assert [page.more for page in pages] == [True, True, False, False]
    assert cursor == 7


def test_nothing_appears_behind_a_cursor_while_relays_write_at_once(town: Town, shop: UUID) -> None:
    cards = [town.card(cpr=f"01017001{n:02}") for n in range(16)]
    for card_id in cards:
        town.on_file(card_id, shop)
    town.tell_all()
    for card_id in cards:
        town.replace(card_id)
    seen: list[int] = []
    relays = [Thread(target=work, args=(town,)) for _ in range(4)]
    reader = Thread(target=follow, args=(town, shop, seen, over := Event()))
    for thread in (reader, *relays):
        thread.start()
    for thread in relays:
        thread.join()
    over.set()
    reader.join()
    assert seen == list(range(1, len(cards) + 1))


def work(town: Town) -> None:
    """Tell as long as anything waits; what another relay has leased is its own to tell."""
    while town.waiting():
        town.tell()


def follow(town: Town, shop: UUID, seen: list[int], over: Event) -> None:
    """Read on and on from where the page before ended, as a merchant does; note what was new."""
    last_look = False
    while not last_look:
        last_look = over.is_set()
        page = read(town, shop, after=seen[-1] if seen else 0, limit=3)
        seen.extend(page.received)
        last_look = last_look and not page.more


def test_two_who_read_the_same_feed_at_once_both_get_it(town: Town, shop: UUID, card_id: UUID) -> None:
    for _ in range(20):
        town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    found: list[int] = []
    readers = [Thread(target=lambda: found.append(len(read(town, shop).bodies))) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [20] * 6


def test_a_closure_waits_for_no_retry_of_what_was_before(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [500]
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.close(card_id)
    clock.advance(timedelta(seconds=30))
    town.tell()
    clock.advance(timedelta(days=1))
    town.tell()
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A", "C"]
    versions = [request.body["data"]["version"] for request in receiver.requests]
    assert versions == sorted(set(versions))


def test_who_missed_a_card_is_sent_from_which_one_that_it_has_had(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    """The feed has both steps; of the webhooks only the last arrives, and goes from what the merchant has."""
    receiver.answers = [500]
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.replace(card_id)
    clock.advance(timedelta(seconds=30))
    steps = [(data["previous"]["last4"], data["current"]["last4"]) for data in told(town, shop)]
    first, second, third = last4s(town, card_id)
    assert steps == [(first, second), (second, third)]
    sent = receiver.requests[-1].body["data"]
    assert (sent["previous"]["last4"], sent["current"]["last4"]) == (first, third)


def test_what_a_newer_version_has_replaced_is_not_sent_when_it_is_asked_for_again(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID
) -> None:
    """The first was delivered, so nothing replaced it in the queue; it is told in the feed, and sent no more."""
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    for _ in range(2):
        town.replace(card_id)
        town.tell()
    with town.transaction() as session:
        first = session.scalars(select(Delivery).order_by(Delivery.seq)).first()
        assert first is not None
        first.state, first.finished_at = "pending", None
    town.tell()
    assert [request.body["data"]["current"]["last4"] for request in receiver.requests] == last4s(town, card_id)[1:]
    assert [data["current"]["last4"] for data in told(town, shop)] == last4s(town, card_id)[1:]
