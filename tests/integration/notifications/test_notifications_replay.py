"""Everything again since a time: what is queued, under which id, and what is not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from notifications import replay, webhooks
from notifications.models import Delivery
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock
from tokenization.errors import IllegalMove, Invalid, NotFound

MINUTE = timedelta(minutes=1)
ENTRIES = """
    INSERT INTO notifications.updates
        (requestor_id, seq, event_id, kind, card_id, subject_id, version, facts, at, number_given)
    SELECT :shop, nth, gen_random_uuid(), 'token.updated', gen_random_uuid(), gen_random_uuid(), 1, '{}', :at, false
    FROM generate_series(1, :count) AS nth
"""


@pytest.fixture
def credential_id(town: Town, shop: UUID, card_id: UUID) -> UUID:
    return town.on_file(card_id, shop)


def again(town: Town, requestor_id: UUID, since: datetime) -> int:
    with town.transaction() as session:
        return webhooks.replay_since(session, requestor_id, since, town.clock.now())


def sent(town: Town, requestor_id: UUID) -> list[Delivery]:
    with town.database.reading() as session:
        ours = select(Delivery).where(Delivery.requestor_id == requestor_id).order_by(Delivery.seq)
        return list(session.scalars(ours))


def states(town: Town, requestor_id: UUID) -> list[str]:
    return [delivery.state for delivery in sent(town, requestor_id)]


def renewed(town: Town, card_id: UUID) -> None:
    town.replace(card_id)
    town.tell()


def entries(town: Town, shop: UUID, count: int) -> None:
    """As many updates in its feed, of which no webhook was sent."""
    with town.transaction() as session:
        session.execute(text(ENTRIES), {"shop": shop, "count": count, "at": town.clock.now()})
        feed = "INSERT INTO notifications.feeds (requestor_id, last_seq) VALUES (:shop, :count)"
        session.execute(text(feed), {"shop": shop, "count": count})


def test_what_was_delivered_is_sent_again_under_the_same_webhook_id(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID
) -> None:
    secret = town.listen(shop, receiver.url)
    renewed(town, card_id)
    assert again(town, shop, town.clock.now()) == 1
    assert states(town, shop) == ["pending"]
    town.tell()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.verifies_with(secret) == second.verifies_with(secret)
    assert states(town, shop) == ["delivered"]


def test_what_happened_while_nobody_listened_is_sent_for_the_first_time(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID
) -> None:
    renewed(town, card_id)
    town.listen(shop, receiver.url)
    assert sent(town, shop) == []
    assert again(town, shop, town.clock.now()) == 1
    town.tell()
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A"]


def test_of_each_card_only_the_newest_is_sent(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID, clock: SetClock
) -> None:
    town.listen(shop, receiver.url)
    start = clock.now()
    for _ in range(3):
        renewed(town, card_id)
        clock.advance(MINUTE)
    town.close(card_id)
    town.tell()
    assert again(town, shop, start) == 1
    town.tell()
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A", "A", "A", "C", "C"]


def test_what_was_over_before_then_is_not(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID, clock: SetClock
) -> None:
    town.listen(shop, receiver.url)
    renewed(town, card_id)
    clock.advance(MINUTE)
    assert again(town, shop, clock.now()) == 0
    assert states(town, shop) == ["delivered"]


def test_what_happened_before_then_and_was_delivered_after_it_is_sent_again(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [503]
    town.listen(shop, receiver.url)
    renewed(town, card_id)
    clock.advance(MINUTE)
    town.tell()
    assert states(town, shop) == ["delivered"]
    assert again(town, shop, clock.now()) == 1


def test_what_failed_until_it_was_disabled_comes_when_it_is_set_again(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [410]
    town.listen(shop, receiver.url)
    start = clock.now()
    renewed(town, card_id)
    town.close(card_id)  # nothing is queued of it
    town.tell()
    town.listen(shop, receiver.url)
    assert again(town, shop, start) == 1
    town.tell()
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A", "C"]


def test_what_waits_for_its_next_attempt_is_sent_at_once_and_from_the_start_of_the_schedule(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [503] * 3
    town.listen(shop, receiver.url)
    start = clock.now()
    for _ in range(3):
        renewed(town, card_id) if not receiver.requests else town.tell()
        clock.advance(6 * MINUTE)
    [waiting] = sent(town, shop)
    assert (waiting.state, waiting.attempts) == ("pending", 3)
    assert again(town, shop, start) == 1
    [waiting] = sent(town, shop)
    assert (waiting.next_attempt_at, waiting.attempts) == (clock.now(), 0)


def test_a_year_of_updates_is_spread_over_time_and_reaches_nobody_else(town: Town, shop: UUID) -> None:
    other, count = town.requestor(name="Bogbutikken"), 2 * replay.A_SECOND + 1
    for each in (shop, other):
        entries(town, each, count)
        town.listen(each, "http://127.0.0.1:9/hooks")
    assert again(town, shop, datetime.min.replace(tzinfo=town.clock.now().tzinfo)) == count
    offsets = [(each.next_attempt_at - town.clock.now()).total_seconds() for each in sent(town, shop)]
    assert offsets == [0] * replay.A_SECOND + [1] * replay.A_SECOND + [2]
    assert sent(town, other) == []


def test_what_is_too_much_is_to_be_read(town: Town, shop: UUID) -> None:
    entries(town, shop, replay.AT_MOST + 1)
    town.listen(shop, "http://127.0.0.1:9/hooks")
    with pytest.raises(Invalid, match="read the feed") as refused:
        again(town, shop, town.clock.now())
    assert refused.value.field == "since"
    assert sent(town, shop) == []


def test_what_a_relay_holds_is_passed_over_and_nobody_waits(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID
) -> None:
    town.listen(shop, receiver.url)
    renewed(town, card_id)
    with town.transaction() as relay:
        relay.execute(select(Delivery.delivery_id).where(Delivery.requestor_id == shop).with_for_update()).all()
        assert again(town, shop, town.clock.now()) == 0


def one_again(session: Session, town: Town, shop: UUID) -> None:
    [delivery] = sent(town, shop)
    webhooks.retry(session, shop, delivery.delivery_id, town.clock.now())


def all_again(session: Session, town: Town, shop: UUID) -> None:
    assert webhooks.replay_since(session, shop, town.clock.now(), town.clock.now()) == 1


@pytest.mark.parametrize("ask", [one_again, all_again])
def test_what_is_asked_for_again_holds_up_nothing_new_and_is_not_sent_after_it(
    town: Town,
    receiver: Receiver,
    shop: UUID,
    card_id: UUID,
    credential_id: UUID,
    ask: Callable[[Session, Town, UUID], None],
) -> None:
    town.listen(shop, receiver.url)
    renewed(town, card_id)
    with town.transaction() as session:
        ask(session, town, shop)
        renewed(town, card_id)
    assert states(town, shop) == ["pending", "delivered"]
    town.tell_all()
    town.tell()
    assert states(town, shop) == ["superseded", "delivered"]
    assert len(receiver.requests) == 2


def test_of_two_at_once_one_is_told_so_at_once(town: Town, shop: UUID) -> None:
    other = town.requestor(name="Bogbutikken")
    for each in (shop, other):
        town.listen(each, "http://127.0.0.1:9/hooks")
    with town.transaction() as session:
        webhooks.replay_since(session, shop, town.clock.now(), town.clock.now())
        with pytest.raises(IllegalMove, match="is running"):
            again(town, shop, town.clock.now())
        assert again(town, other, town.clock.now()) == 0
    assert again(town, shop, town.clock.now()) == 0


def test_one_delivery_that_a_newer_update_replaced_is_not_sent_again(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, credential_id: UUID
) -> None:
    town.listen(shop, receiver.url)
    for _ in range(2):
        renewed(town, card_id)
    old, new = sent(town, shop)
    assert (old.state, new.state) == ("delivered", "delivered")
    with town.transaction() as session:
        with pytest.raises(IllegalMove):
            webhooks.retry(session, shop, old.delivery_id, town.clock.now())
        assert webhooks.retry(session, shop, new.delivery_id, town.clock.now()).state == "pending"


def test_a_time_to_come_is_none(town: Town, shop: UUID) -> None:
    town.listen(shop, "http://127.0.0.1:9/hooks")
    with pytest.raises(Invalid) as refused:
        again(town, shop, town.clock.now() + timedelta(seconds=1))
    assert refused.value.field == "since"


def test_without_an_endpoint_there_is_nothing_to_send_to(town: Town, shop: UUID) -> None:
    with pytest.raises(NotFound):
        again(town, shop, town.clock.now())
