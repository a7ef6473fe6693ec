from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from notifications import backoff, deliveries, outbox, webhooks
from notifications.addresses import Guard
from notifications.leases import LEASE
from notifications.models import Delivery, WebhookEndpoint
from notifications.sending import Answer
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town, until
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.errors import IllegalMove, Invalid, NotFound
from tokenization.models import Requestor


def sent(town: Town, requestor_id: UUID) -> list[Delivery]:
    """Its deliveries, oldest first."""
    with town.database.reading() as session:
        found = session.scalars(
            select(Delivery).where(Delivery.requestor_id == requestor_id).order_by(Delivery.delivery_id)
        )
        return list(found)


def states(town: Town, requestor_id: UUID) -> list[str]:
    return [delivery.state for delivery in sent(town, requestor_id)]


def queue_test(town: Town, requestor_id: UUID) -> UUID:
    with town.transaction() as session:
        return webhooks.send_test(session, requestor_id, town.clock.now()).delivery_id


def endpoint_of(town: Town, requestor_id: UUID) -> WebhookEndpoint:
    with town.database.reading() as session:
        endpoint = webhooks.get_endpoint(session, requestor_id)
        session.expunge_all()
        return endpoint


@contextmanager
def working(town: Town) -> Iterator[None]:
    """A relay at work on one turn, which ends with the block."""
    with town.relay() as relay:
        thread = Thread(target=relay.run_once)
        thread.start()
        yield
        thread.join()


def test_a_replacement_reaches_the_shop_signed(town: Town, receiver: Receiver, shop: UUID, card_id: UUID) -> None:
    secret = town.listen(shop, receiver.url)
    credential_id = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    [request] = receiver.requests
    body = request.verifies_with(secret)
    assert body["type"] == "credential.updated"
    assert body["data"]["credential_id"] == ids.to_text("cred", credential_id)
    assert request.headers["content-type"] == "application/json"
    assert states(town, shop) == ["delivered"]


def test_the_webhook_id_is_the_deliverys_and_stays_the_same(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    receiver.answers = [500]
    town.listen(shop, receiver.url)
    delivery_id = queue_test(town, shop)
    town.tell()
    clock.advance(timedelta(seconds=6))
    town.tell()
    first, second = (request.headers["webhook-id"] for request in receiver.requests)
    assert first == second == ids.to_text("dlv", delivery_id)


def test_a_test_says_only_that_it_is_one(town: Town, receiver: Receiver, shop: UUID) -> None:
    secret = town.listen(shop, receiver.url)
    queue_test(town, shop)
    town.tell()
    [request] = receiver.requests
    assert request.verifies_with(secret)["type"] == "webhook.test"


@pytest.mark.parametrize("status", [500, 503, 404, 401, 302, 307])
def test_any_answer_but_2xx_is_tried_again_after_five_seconds(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock, status: int
) -> None:
    receiver.answers = [status]
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    town.tell()
    [delivery] = sent(town, shop)
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("pending", 1, status)
    assert timedelta(seconds=5) <= delivery.next_attempt_at - clock.now() <= timedelta(seconds=6)
    clock.advance(timedelta(seconds=4))
    town.tell()
    assert len(receiver.requests) == 1
    clock.advance(timedelta(seconds=2))
    town.tell()
    assert states(town, shop) == ["delivered"]


def test_a_redirect_is_not_followed(town: Town, receiver: Receiver, shop: UUID) -> None:
    with Receiver() as elsewhere:
        receiver.answers, receiver.headers = [307], {"location": elsewhere.url}
        town.listen(shop, receiver.url)
        queue_test(town, shop)
        town.tell()
        assert elsewhere.requests == []
    assert states(town, shop) == ["pending"]


def test_410_ends_the_endpoint_and_all_that_waits(town: Town, receiver: Receiver, shop: UUID) -> None:
    receiver.answers = [410]
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    queue_test(town, shop)
    town.tell()
    assert endpoint_of(town, shop).state == "gone"
    assert states(town, shop) == ["failed", "failed"]
    assert len(receiver.requests) == 1


def test_an_endpoint_that_was_gone_listens_again_when_it_is_put_anew(
    town: Town, receiver: Receiver, shop: UUID
) -> None:
    receiver.answers = [410]
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    town.tell()
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    town.tell()
    assert states(town, shop) == ["failed", "delivered"]


def test_after_ten_attempts_it_has_failed(town: Town, receiver: Receiver, shop: UUID, clock: SetClock) -> None:
    receiver.answers = [500] * 20
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    for gap in [*backoff.WEBHOOKS[1:], timedelta(0), timedelta(0)]:
        town.tell()
        clock.advance(gap * (1 + backoff.JITTER))
    assert states(town, shop) == ["failed"]
    assert len(receiver.requests) == 10


def test_what_has_failed_can_be_sent_again(town: Town, receiver: Receiver, shop: UUID) -> None:
    receiver.answers = [410]
    town.listen(shop, receiver.url)
    delivery_id = queue_test(town, shop)
    town.tell()
    town.listen(shop, receiver.url)
    with town.transaction() as session:
        webhooks.retry(session, shop, delivery_id, town.clock.now())
    town.tell()
    assert states(town, shop) == ["delivered"]


def test_nobody_elses_delivery_can_be_sent_again(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, receiver.url)
    delivery_id = queue_test(town, shop)
    with town.database.reading() as session, pytest.raises(NotFound):
        webhooks.retry(session, ids.new_id(), delivery_id, town.clock.now())


def test_a_newer_update_replaces_one_that_was_not_delivered(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [500]
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(timedelta(seconds=1))
    town.close(card_id)
    town.tell()
    assert [request.body["data"]["code"] for request in receiver.requests] == ["A", "C"]
    assert states(town, shop) == ["superseded", "delivered"]
    clock.advance(timedelta(hours=1))
    town.tell()
    assert len(receiver.requests) == 2


def test_what_was_superseded_is_not_sent_again(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [500]
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(timedelta(seconds=1))
    town.close(card_id)
    town.tell()
    superseded = sent(town, shop)[0].delivery_id
    with town.database.reading() as session, pytest.raises(IllegalMove):
        webhooks.retry(session, shop, superseded, town.clock.now())


def test_while_a_secret_rotates_both_verify(town: Town, receiver: Receiver, shop: UUID, clock: SetClock) -> None:
    old = town.listen(shop, receiver.url)
    with town.transaction() as session:
        new = webhooks.rotate_secret(session, town.vault, shop, clock.now()).reveal()
    queue_test(town, shop)
    town.tell()
    [request] = receiver.requests
    assert request.verifies_with(old) == request.verifies_with(new)
    assert new != old


def test_a_day_after_the_rotation_the_old_secret_signs_no_more(town: Town, shop: UUID, clock: SetClock) -> None:
    old = town.listen(shop, "http://127.0.0.1:9/hooks")
    with town.transaction() as session:
        webhooks.rotate_secret(session, town.vault, shop, clock.now())
    later = clock.now() + timedelta(hours=24)
    with town.database.reading() as session:
        endpoint = webhooks.get_endpoint(session, shop)
        secrets = webhooks.valid_secrets(session, town.vault, endpoint, later)
    assert len(secrets) == 1
    assert secrets[0].reveal() != old


def test_the_secret_stands_nowhere_in_clear(town: Town, shop: UUID) -> None:
    secret = town.listen(shop, "http://127.0.0.1:9/hooks")
    assert secret.removeprefix("whsec_").encode() not in endpoint_of(town, shop).secret_sealed


def test_a_slow_endpoint_delays_no_other(town: Town, receiver: Receiver, shop: UUID) -> None:
    other = town.requestor(name="Bogbutikken")
    with Receiver() as slow:
        slow.hold.clear()
        town.listen(shop, slow.url)
        town.listen(other, receiver.url)
        queue_test(town, shop)
        queue_test(town, other)
        with working(town):
            assert slow.arrived.wait(10)
            assert until(lambda: states(town, other) == ["delivered"])
            assert states(town, shop) == ["pending"]
            slow.hold.set()


def test_one_letter_at_a_time_is_under_way_to_an_endpoint(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, receiver.url)
    for _ in range(4):
        queue_test(town, shop)
    receiver.hold.clear()
    with working(town):
        assert receiver.arrived.wait(10)
        with town.relay() as other:
            assert other.run_once() == 0
        receiver.hold.set()
    assert receiver.most_at_once == 1
    assert len(receiver.requests) == 4


def test_what_a_dead_relay_had_taken_is_sent_when_the_lease_is_over(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    with town.transaction() as session:
        assert len(deliveries.claim(session, clock.now(), 10, failing=False)) == 1
    town.tell()
    assert receiver.requests == []
    clock.advance(LEASE + timedelta(seconds=1))
    town.tell()
    assert len(receiver.requests) == 1


def test_a_lease_that_ran_out_is_not_renewed(town: Town, receiver: Receiver, shop: UUID, clock: SetClock) -> None:
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    with town.transaction() as session:
        [stale] = deliveries.claim(session, clock.now(), 10, failing=False)
    clock.advance(LEASE + timedelta(seconds=1))
    with town.transaction() as session:
        deliveries.claim(session, clock.now(), 10, failing=False)
        job = deliveries.next_job(session, town.vault, stale, clock.now())
        assert job is not None
        assert deliveries.settle(session, stale, job, Answer(status=204), clock.now(), 0.5) is None


def test_without_an_endpoint_nothing_waits_to_be_sent(town: Town, shop: UUID, card_id: UUID) -> None:
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    assert sent(town, shop) == []


def test_an_address_that_is_not_public_is_never_called(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    with town.relay(Guard()) as strict:
        strict.run_once()
    assert receiver.requests == []
    [delivery] = sent(town, shop)
    assert (delivery.state, delivery.last_error) == ("pending", "address_refused")


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("url", {"url": "http://shop.example/hooks"}),
        ("url", {"url": "https://10.0.0.1/hooks"}),
        ("update_format", {"update_format": "encrypted_card", "encryption_key": {"kty": "EC"}}),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_by_field(
    town: Town, shop: UUID, field: str, more: dict[str, Any]
) -> None:
    put = {"url": "https://shop.example/hooks", **more}
    with town.database.reading() as session:
        requestor = session.get_one(Requestor, shop)
        with pytest.raises(Invalid) as refused:
            webhooks.put_endpoint(session, town.vault, Guard(), requestor, now=town.clock.now(), **put)
    assert refused.value.field == field


def test_the_ids_of_deliveries_sort_as_they_were_made(town: Town, shop: UUID) -> None:
    town.listen(shop, "http://127.0.0.1:9/hooks")
    for n in range(3):
        card_id = town.card(cpr=f"010170010{n}")
        town.on_file(card_id, shop)
        town.replace(card_id)
        town.tell()
    assert [delivery.seq for delivery in sent(town, shop)] == [1, 2, 3]


def test_a_running_relay_sends_without_waiting_for_a_poll(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, receiver.url)
    stop = Event()
    with town.relay() as relay:
        thread = Thread(target=relay.run, args=(stop,))
        thread.start()
        queue_test(town, shop)
        outbox.wake(town.redis)
        assert until(lambda: states(town, shop) == ["delivered"])
        stop.set()
        outbox.wake(town.redis)
        thread.join()


# A requestor that is suspended


def test_a_suspended_shop_is_told_nothing_of_cards_until_it_is_back(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID
) -> None:
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.set_status(shop, "suspended")
    town.replace(card_id)
    town.tell()
    assert (receiver.requests, states(town, shop)) == ([], ["pending"])
    town.set_status(shop, "active")
    town.tell()
    assert ([each.body["data"]["code"] for each in receiver.requests], states(town, shop)) == (["A"], ["delivered"])


def test_a_shop_that_is_suspended_between_two_letters_gets_the_first_alone(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID
) -> None:
    town.listen(shop, receiver.url)
    for _ in range(2):
        town.on_file(card_id, shop)
    town.replace(card_id)
    receiver.hold.clear()
    with working(town):
        assert receiver.arrived.wait(10)
        town.set_status(shop, "suspended")
        receiver.hold.set()
    assert states(town, shop) == ["delivered", "pending"]


def test_a_suspended_wallet_is_told_that_its_phones_pay_nothing(town: Town, receiver: Receiver, card_id: UUID) -> None:
    wallet = town.requestor("wallet", "Lommen")
    town.phone_in_use(card_id, wallet)
    town.tell()
    town.listen(wallet, receiver.url)
    for status in ("suspended", "active"):
        town.set_status(wallet, status)
        town.tell()
    assert [each.body["data"]["because"] for each in receiver.requests] == ["requestor_suspended", None]


def test_a_delivery_that_worked_in_the_end_shows_no_error(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    town.listen(shop, "http://127.0.0.1:1/hooks")
    queue_test(town, shop)
    town.tell()
    assert the_delivery(town, shop) == ("pending", None, "not_reached")
    clock.advance(timedelta(seconds=7))
    town.listen(shop, receiver.url)
    town.tell()
    assert the_delivery(town, shop) == ("delivered", 204, None)


def the_delivery(town: Town, shop: UUID) -> tuple[str, int | None, str | None]:
    with town.database.reading() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.requestor_id == shop)).one()
        return delivery.state, delivery.last_status, delivery.last_error


@pytest.mark.parametrize(("away", "left"), [(timedelta(minutes=6), 0), (timedelta(minutes=4), 1)])
def test_what_waits_for_its_turn_goes_out_when_an_endpoint_is_back_that_was_away_for_long(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock, away: timedelta, left: int
) -> None:
    receiver.answers = [500] * 2
    town.listen(shop, receiver.url)
    queue_test(town, shop)
    town.tell()
    clock.advance(timedelta(seconds=7))
    town.tell()  # again in five minutes or six
    clock.advance(away - timedelta(seconds=7))
    with town.transaction() as session:
        later = update(Delivery).values(next_attempt_at=clock.now() + timedelta(hours=1))
        session.execute(later.where(Delivery.requestor_id == shop))
    queue_test(town, shop)
    town.tell()
    town.tell()
    assert states(town, shop).count("pending") == left
