"""Texts on their way to a gateway that answers, fails, hangs or refuses one of them."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, text, update
from structlog.testing import capture_logs

from notifications import backlog, codes, sms_queue
from notifications.addresses import Guard
from notifications.backlog import Waiting
from notifications.models import SmsMessage
from notifications.sms import HttpGateway, NoGateway, SmsSender
from notifications.surroundings import Surroundings
from notifications.texting import THREADS, Texting
from tests.integration.notifications.receiver import Receiver, Request
from tests.integration.notifications.town import MOBILE, Town
from tokenization import ids, requestors
from tokenization.clock import SetClock
from tokenization.models import Cardholder, Requestor
from tokenization.secret import Secret

CONTACT = "+4520000077"
MINUTE = timedelta(minutes=1)


@dataclass
class Gateway(Receiver):
    """Answers each text as `by_text` says, else as `status`."""

    status: int = 204
    by_text: dict[str, int] = field(default_factory=dict)

    def take(self, request: Request) -> int:
        super().take(request)
        return self.by_text.get(request.body["text"], self.status)

    @property
    def texts(self) -> list[str]:
        """What came, in its order."""
        return [request.body["text"] for request in self.requests]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def texting(town: Town, gateway: Gateway) -> Iterator[Texting]:
    with HttpGateway(gateway.url, timeout_seconds=5) as sender, texting_by(town, sender) as texting:
        yield texting


@pytest.fixture
def anna(town: Town) -> UUID:
    return town.holder_of(town.card())


@contextmanager
def texting_by(town: Town, sender: SmsSender) -> Iterator[Texting]:
    texting = Texting(Surroundings(town.transaction, town.redis, town.vault, town.clock, sender, Guard()))
    yield texting
    texting.close()


def turn(texting: Texting) -> int:
    texting.turn()
    return texting.finish()


def queue(town: Town, recipient_id: UUID, *texts: str, kind: str = "card.replaced", **more: Any) -> None:
    now = town.clock.now()
    rows = [sms_queue.row(recipient_id, ids.new_id(), kind, each, at=now, now=now) | more for each in texts]
    with town.transaction() as session:
        session.execute(insert(SmsMessage), rows)


def queue_code(town: Town, holder_id: UUID, code: str, minutes: int = 10) -> None:
    with town.transaction() as session:
        holder = session.get_one(Cardholder, holder_id)
        about: dict[str, Any] = {"card": "0001", "device": "Anna's phone", "minutes": minutes, "now": town.clock.now()}
        codes.queue(session, town.vault, holder, Secret(code), **about)


def states(town: Town) -> Counter[str]:
    with town.database.reading() as session:
        return Counter(session.scalars(select(SmsMessage.state)))


def attempts(town: Town) -> int:
    with town.database.reading() as session:
        return session.scalars(select(func.sum(SmsMessage.attempts))).one()


def test_codes_go_first_then_blocks_and_security_then_the_rest(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock
) -> None:
    gateway.status = 503
    queue(town, anna, "first")
    turn(texting)  # the gateway is away for the moment, so that one thread tries the others
    gateway.status = 204
    queue(town, anna, "replaced")
    queue(town, anna, "blocked", kind="card.blocked")
    queue(town, anna, "suspended", kind="token.suspended")
    queue_code(town, anna, "481516")
    clock.advance(MINUTE)
    assert turn(texting) == 5
    assert re.match("481516 is your code", gateway.texts[1])
    assert gateway.texts[2:] == ["blocked", "suspended", "replaced", "first"]


def test_a_gateway_that_is_down_for_a_day_costs_a_try_after_each_rest_and_everything_goes_out_when_it_is_back(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock
) -> None:
    gateway.status = 503
    queue(town, anna, *(f"text {number}" for number in range(40)))
    first = turn(texting)
    assert 1 <= first <= THREADS
    for _ in range(24):
        assert turn(texting) == 0  # within the rest of the one before
        clock.advance(timedelta(hours=1))
        assert turn(texting) == 1
    assert attempts(town) == len(gateway.requests) == first + 24
    assert states(town) == {"waiting": 40}
    with town.database.reading() as session:
        assert backlog.texts(session) == Waiting(40, clock.now() - timedelta(days=1))
    gateway.status, gateway.requests[:] = 204, []
    clock.advance(MINUTE)
    assert turn(texting) == 40
    assert states(town) == {"sent": 40}
    assert sorted(gateway.texts) == sorted(f"text {number}" for number in range(40))


def test_a_code_that_is_no_good_any_more_is_never_sent_and_forgotten(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock
) -> None:
    gateway.status = 503
    queue_code(town, anna, "481516")
    queue(town, anna, "replaced")
    turn(texting)
    gateway.status, gateway.requests[:] = 204, []
    clock.advance(10 * MINUTE)
    with capture_logs() as logged:
        turn(texting)
    assert gateway.texts == ["replaced"]
    assert ("sms_expired", 1) in [(line["event"], line.get("count")) for line in logged]
    with town.database.reading() as session:
        code = session.scalars(select(SmsMessage).where(SmsMessage.kind == sms_queue.CODE)).one()
        assert (code.state, code.text, code.text_sealed) == ("expired", "", None)


def test_what_ends_between_two_turns_is_taken_by_no_thread(town: Town, anna: UUID, clock: SetClock) -> None:
    queue_code(town, anna, "481516")
    clock.advance(10 * MINUTE)
    with town.transaction() as session:
        assert sms_queue.claim(session, town.vault, clock.now(), 1) == []


def test_what_nobody_could_be_told_for_a_day_and_a_half_is_told_no_more(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock
) -> None:
    queue(town, anna, "blocked", kind="card.blocked")
    clock.advance(timedelta(hours=36))
    turn(texting)
    assert (states(town), gateway.texts) == ({"expired": 1}, [])


def test_a_gateway_that_hangs_is_given_up_and_left_alone(
    town: Town, gateway: Gateway, anna: UUID, clock: SetClock
) -> None:
    queue(town, anna, *(f"text {number}" for number in range(20)))
    gateway.hold.clear()
    with HttpGateway(gateway.url, timeout_seconds=0.2) as sender, texting_by(town, sender) as texting:
        assert turn(texting) <= THREADS
        tried = len(gateway.requests)
        assert turn(texting) == 0
        gateway.hold.set()
        clock.advance(timedelta(seconds=5))
        turn(texting)
        clock.advance(MINUTE)  # what was tried is due again
        turn(texting)
    assert states(town) == {"sent": 20}
    assert attempts(town) == len(gateway.requests) == 20 + tried


@pytest.mark.parametrize("status", [400, 422])
def test_a_message_that_the_gateway_refuses_holds_up_no_other(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock, status: int
) -> None:
    gateway.by_text["refused"] = status
    queue(town, anna, "refused", kind="card.blocked")
    queue(town, anna, *(f"text {number}" for number in range(9)))
    assert turn(texting) == 10
    assert states(town) == {"sent": 9, "waiting": 1}
    with town.database.reading() as session:
        assert session.scalars(select(SmsMessage.text).where(SmsMessage.put_off)).all() == ["refused"]
    while states(town)["waiting"]:
        clock.advance(timedelta(hours=6))
        turn(texting)
    with town.database.reading() as session:
        given_up = session.scalars(select(SmsMessage.last_error).where(SmsMessage.state == "expired")).one()
    assert given_up == f"status {status}"


def test_a_message_that_the_gateway_breaks_at_delays_the_others_by_its_rest_only(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID, clock: SetClock
) -> None:
    gateway.by_text["poison"] = 500
    queue(town, anna, "poison", kind="card.blocked")
    queue(town, anna, *(f"text {number}" for number in range(9)))
    turn(texting)
    clock.advance(timedelta(seconds=5))
    turn(texting)
    assert states(town) == {"sent": 9, "waiting": 1}


def test_a_message_is_never_twice_at_the_gateway_however_many_relays_there_are(
    town: Town, gateway: Gateway, anna: UUID
) -> None:
    queue(town, anna, *(f"text {number}" for number in range(40)))
    with HttpGateway(gateway.url) as sender, texting_by(town, sender) as one, texting_by(town, sender) as other:
        both = [threading.Thread(target=turn, args=(texting,)) for texting in (one, other)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    references = [request.body["reference"] for request in gateway.requests]
    assert len(references) == len(set(references)) == 40
    assert states(town) == {"sent": 40}


def test_while_the_gateway_is_spoken_to_no_transaction_is_open(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID
) -> None:
    queue(town, anna, *(f"text {number}" for number in range(8)))
    gateway.hold.clear()
    texting.turn()
    assert gateway.arrived.wait(10)
    with town.database.reading() as session:
        here = "datname = current_database() AND pid <> pg_backend_pid()"
        statement = f"SELECT count(*) FROM pg_stat_activity WHERE {here} AND state LIKE 'idle in%'"  # noqa: S608 - ours
        open_ = session.scalar(text(statement))
    gateway.hold.set()
    assert texting.finish() == 8
    assert open_ == 0


def test_a_relay_that_is_told_to_stop_finishes_what_is_under_way_and_holds_nothing(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID
) -> None:
    queue(town, anna, *(f"text {number}" for number in range(40)))
    gateway.hold.clear()
    texting.turn()
    assert gateway.arrived.wait(10)
    closing = threading.Thread(target=texting.close)
    closing.start()
    gateway.hold.set()
    closing.join()
    with town.database.reading() as session:
        assert not session.scalars(select(SmsMessage).where(SmsMessage.leased_until.is_not(None))).all()
    assert states(town)["sent"] == len(gateway.requests)
    assert states(town)["waiting"] > 0


def test_a_requestors_text_goes_to_who_looks_after_it(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID
) -> None:
    told, silent = town.requestor(), town.requestor(name="Bogbutikken")
    with town.transaction() as session:
        requestor = session.get_one(Requestor, told)
        contact = {"mobile": CONTACT, "language": "da"}
        requestors.set_contact(session, town.vault, requestor, contact, town.clock.now())
    for requestor_id in (told, silent):
        queue(town, requestor_id, "webhooks fail", kind="endpoint.failing", to="requestor")
    queue(town, anna, "replaced")
    turn(texting)
    assert {(request.body["to"], request.body["text"]) for request in gateway.requests} == {
        (CONTACT, "webhooks fail"),
        (MOBILE, "replaced"),
    }
    assert states(town) == {"sent": 2, "no_number": 1}


def test_a_code_that_the_version_before_queued_in_clear_is_sent_and_forgotten(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID
) -> None:
    queue(town, anna, "481516 is your code", kind=sms_queue.CODE)
    turn(texting)
    assert gateway.texts == ["481516 is your code"]
    with town.database.reading() as session:
        assert session.scalars(select(SmsMessage.text)).one() == ""


def test_a_sealed_text_opens_nowhere_but_in_its_place(
    town: Town, gateway: Gateway, texting: Texting, anna: UUID
) -> None:
    queue_code(town, anna, "481516")
    queue_code(town, anna, "234299")
    with town.transaction() as session:
        first, second = session.scalars(select(SmsMessage).order_by(SmsMessage.sms_id))
        moved = update(SmsMessage).where(SmsMessage.sms_id == second.sms_id)
        session.execute(moved.values(text_sealed=first.text_sealed))
    turn(texting)
    assert [re.findall("481516|234299", each) for each in gateway.texts] == [["481516"]]


def test_without_a_gateway_nothing_is_sent_and_the_log_says_so_without_the_text(town: Town, anna: UUID) -> None:
    queue_code(town, anna, "481516")
    queue(town, anna, "replaced")
    with texting_by(town, NoGateway()) as texting, capture_logs() as logged:
        assert turn(texting) == 2
    assert states(town) == {"no_gateway": 2}
    assert {(line["event"], line["error"]) for line in logged} == {("sms_not_taken", "no gateway is set")}
    assert not re.search(r"481516|replaced|\+45", str(logged))
