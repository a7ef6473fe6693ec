from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from notifications import sms_queue
from notifications.leases import LEASE
from notifications.models import SmsMessage
from notifications.sms import HttpGateway, SmsFailed, SmsRefused
from notifications.sms_queue import Outcome
from tests.integration.access.dripping import dripping
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import MOBILE, Town
from tokenization.clock import SetClock
from tokenization.models import PartyKey
from tokenization.secret import Secret

CODE = Secret("Your code is 481516.")


@pytest.fixture
def gateway(receiver: Receiver) -> Iterator[HttpGateway]:
    with HttpGateway(receiver.url, Secret("gateway-key")) as gateway:
        yield gateway


@pytest.fixture
def blocked(town: Town) -> UUID:
    """A cardholder who is to be told by SMS that the card is blocked."""
    card_id = town.card()
    town.block(card_id)
    with town.transaction() as session:
        town.fan_out_all(session)
    return town.holder_of(card_id)


def state(town: Town) -> tuple[str, int]:
    with town.database.reading() as session:
        message = session.scalars(select(SmsMessage)).one()
        return message.state, message.attempts


def test_the_gateway_gets_number_text_and_reference(receiver: Receiver, gateway: HttpGateway) -> None:
    gateway.send(Secret(MOBILE), CODE, "ref-1")
    [request] = receiver.requests
    assert request.body == {"to": MOBILE, "text": CODE.reveal(), "reference": "ref-1"}
    assert request.headers["authorization"] == "Bearer gateway-key"


@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 429, 500, 503])
def test_what_any_message_would_meet_is_the_gateways_failure(
    receiver: Receiver, gateway: HttpGateway, status: int
) -> None:
    receiver.answers = [status]
    with pytest.raises(SmsFailed, match=str(status)):
        gateway.send(Secret(MOBILE), CODE, "ref-1")


@pytest.mark.parametrize("status", [400, 409, 422])
def test_what_is_about_one_message_is_that_messages_failure(
    receiver: Receiver, gateway: HttpGateway, status: int
) -> None:
    receiver.answers = [status]
    with pytest.raises(SmsRefused, match=str(status)):
        gateway.send(Secret(MOBILE), CODE, "ref-1")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/sms", "https://127.0.0.1:99999"])
def test_a_gateway_that_is_away_is_a_failure_that_names_no_number(url: str) -> None:
    with HttpGateway(url) as gateway, pytest.raises(SmsFailed) as failed:
        gateway.send(Secret(MOBILE), CODE, "ref-1")
    assert MOBILE not in str(failed.value)


def test_a_gateway_that_drips_is_cut_off_when_its_time_is_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nX: "
    with (
        dripping(head, b"x", 0.01) as address,
        HttpGateway(f"http://{address}", timeout_seconds=0.3) as gateway,
        pytest.raises(SmsFailed, match="Timeout"),
    ):
        gateway.send(Secret("+4500000001"), Secret("text"), "reference")


@pytest.mark.parametrize("more", [b"x" * 8000, b"1;" + b"x" * 4000 + b"\r\nx\r\n"], ids=["a body", "chunks"])
def test_a_gateway_that_has_taken_it_may_talk_on_but_nobody_listens(more: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if more[0] == ord("x") else b"Transfer-Encoding: chunked\r\n\r\n")
    with dripping(head, more, 0) as address, HttpGateway(f"http://{address}") as gateway:
        gateway.send(Secret("+4500000001"), Secret("text"), "reference")


def test_a_gateway_that_comes_to_no_answer_is_heard_no_further_than_its_limit() -> None:
    with (
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0) as address,
        HttpGateway(f"http://{address}") as gateway,
        pytest.raises(SmsFailed, match="ReadError"),
    ):
        gateway.send(Secret("+4500000001"), Secret("text"), "reference")


def test_a_gateway_that_fails_gets_the_same_message_again(
    town: Town, receiver: Receiver, gateway: HttpGateway, clock: SetClock, blocked: UUID
) -> None:
    receiver.answers = [503]
    town.sms_sender = gateway
    with capture_logs() as logged:
        town.tell()
    assert state(town) == ("waiting", 1)
    assert [(line["event"], line["error"]) for line in logged] == [("sms_not_taken", "status 503")]
    clock.advance(timedelta(seconds=4))
    town.tell()
    assert len(receiver.requests) == 1
    clock.advance(timedelta(seconds=2))
    town.tell()
    assert state(town) == ("sent", 2)
    assert receiver.requests[0].body == receiver.requests[1].body


def test_a_gateway_that_is_down_for_a_day_loses_nothing(
    town: Town, receiver: Receiver, gateway: HttpGateway, clock: SetClock, blocked: UUID
) -> None:
    town.sms_sender = gateway
    back, receiver.answers = clock.now() + timedelta(hours=24), [503] * 100
    while clock.now() < back:
        town.tell()
        clock.advance(timedelta(minutes=90))
    receiver.answers = []
    clock.advance(timedelta(minutes=75))
    town.tell()
    assert state(town)[0] == "sent"


def test_what_a_dead_relay_had_taken_is_sent_when_the_lease_is_over(town: Town, clock: SetClock, blocked: UUID) -> None:
    with town.transaction() as session:
        [claimed] = sms_queue.claim(session, town.vault, clock.now(), 10)
        assert claimed.recipient_id == blocked
    town.tell()
    assert state(town) == ("waiting", 0)
    clock.advance(LEASE + timedelta(seconds=1))
    town.tell()
    assert state(town) == ("sent", 1)


def test_a_relay_whose_lease_ran_out_writes_nothing_down(town: Town, clock: SetClock, blocked: UUID) -> None:
    with town.transaction() as session:
        [stale] = sms_queue.claim(session, town.vault, clock.now(), 10)
    clock.advance(LEASE + timedelta(seconds=1))
    town.tell()
    with town.transaction() as session:
        sms_queue.settle(session, stale, Outcome(None, "timed out", away=True), clock.now(), 0.0)
    assert state(town) == ("sent", 1)


def test_to_somebody_who_was_erased_nothing_is_sent(town: Town, blocked: UUID) -> None:
    with town.transaction() as session:
        session.execute(delete(PartyKey).where(PartyKey.party_id == blocked))
    town.tell()
    assert state(town)[0] == "no_number"


def test_a_number_that_this_host_cannot_open_yet_is_tried_again(town: Town, clock: SetClock, blocked: UUID) -> None:
    """Its copy of the key ring is older: the text must not be lost for that."""
    with town.transaction() as session:
        session.execute(update(PartyKey).where(PartyKey.party_id == blocked).values(kek_version=9))
    town.tell()
    assert state(town) == ("waiting", 1)
    with town.transaction() as session:
        session.execute(update(PartyKey).where(PartyKey.party_id == blocked).values(kek_version=1))
    clock.advance(timedelta(hours=1))
    town.tell()
    assert state(town) == ("sent", 2)
