"""What waits, for metrics and operators: how much, since when, and whether it is the relay that lets it wait."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from notifications import backlog, sms_queue
from notifications.backlog import Waiting
from notifications.models import Delivery, OutboxRow, SmsMessage, WebhookEndpoint, WebhookLane
from tests.conftest import SUNDAY
from tokenization import ids, requestors

MINUTE = timedelta(minutes=1)


def event(session: Session, at: datetime, **more: Any) -> None:
    row = {"card_id": ids.new_id(), "seq": 1, "event_id": ids.new_id(), "type": "card.blocked", "payload": {}}
    session.add(OutboxRow(**row, at=at, attempts=0, **more))
    session.flush()


def endpoint(session: Session, kind: str = "merchant", *, status: str = "active", **more: Any) -> UUID:
    requestor = requestors.register(
        session, kind=kind, name="Filmfloden", merchant_ids=[], schemes=["dankort"], now=SUNDAY
    )
    requestor.status = status
    usual = {"endpoint_id": ids.new_id(), "url": "https://shop.example/hooks/s3cr3t", "update_format": "token"}
    secret = {"secret_sealed": b"", "encryption_key_approved": False, "created_at": SUNDAY, "changed_at": SUNDAY}
    session.flush()
    row = usual | secret | {"state": "enabled"} | more
    session.add(WebhookEndpoint(requestor_id=requestor.requestor_id, **row))
    session.flush()
    session.add(WebhookLane(requestor_id=requestor.requestor_id, lane=1))
    session.flush()
    return requestor.requestor_id


def delivery(session: Session, requestor_id: UUID, due_at: datetime, state: str = "pending") -> None:
    row = {"delivery_id": ids.new_id(), "kind": "webhook.test", "state": state, "created_at": SUNDAY}
    session.add(Delivery(requestor_id=requestor_id, **row, attempts=0, next_attempt_at=due_at))
    session.flush()


def text(session: Session, at: datetime, **more: Any) -> None:
    row = sms_queue.row(ids.new_id(), ids.new_id(), "card.blocked", "", at=at, now=at)
    session.add(SmsMessage(**row | {"attempts": 0} | more))
    session.flush()


def test_only_webhooks_that_are_due_wait(session: Session) -> None:
    shop = endpoint(session)
    for due_at in (SUNDAY - 3 * MINUTE, SUNDAY - MINUTE, SUNDAY + MINUTE):
        delivery(session, shop, due_at)
    delivery(session, shop, SUNDAY - 9 * MINUTE, "delivered")
    two = Waiting(2, SUNDAY - 3 * MINUTE)
    assert backlog.deliveries(session, SUNDAY)["enabled"] == two
    assert two.age(SUNDAY) == 3 * MINUTE
    assert Waiting().age(SUNDAY) == timedelta()


def test_a_text_waits_from_when_it_happened_whether_or_not_it_was_just_tried(session: Session) -> None:
    text(session, SUNDAY - 3 * MINUTE, next_attempt_at=SUNDAY + MINUTE)
    text(session, SUNDAY - MINUTE)
    text(session, SUNDAY - 7 * MINUTE, put_off=True)
    text(session, SUNDAY - 9 * MINUTE, state="sent")
    assert backlog.texts(session) == Waiting(2, SUNDAY - 3 * MINUTE)
    assert backlog.texts(session, put_off=True) == Waiting(1, SUNDAY - 7 * MINUTE)


def test_endpoints_stand_as_relays_see_them(session: Session) -> None:
    endpoint(session)
    endpoint(session, "wallet", status="suspended")  # which is told what becomes of its tokens all the same
    endpoint(session, failing_since=SUNDAY)
    endpoint(session, status="suspended", failing_since=SUNDAY)
    endpoint(session, state="disabled", failing_since=SUNDAY)
    endpoint(session, state="gone")
    assert backlog.endpoints(session) == {"enabled": 2, "failing": 1, "suspended": 1, "disabled": 1, "gone": 1}


def test_endpoints_are_listed_with_what_waits_for_them_the_longest_wait_first(session: Session) -> None:
    idle, busy = endpoint(session), endpoint(session)
    delivery(session, busy, SUNDAY - MINUTE)
    delivery(session, busy, SUNDAY + MINUTE)
    first, second = backlog.listeners(session, SUNDAY)
    assert (first.requestor_id, first.pending, first.oldest_due_at) == (busy, 2, SUNDAY - MINUTE)
    assert (second.requestor_id, second.pending, second.oldest_due_at) == (idle, 0, None)


def test_events_are_counted_by_type(session: Session) -> None:
    event(session, SUNDAY)
    event(session, SUNDAY - MINUTE)
    assert backlog.events(session) == {"card.blocked": Waiting(2, SUNDAY - MINUTE)}


def test_nothing_is_behind_where_nothing_waits_or_not_for_long(session: Session) -> None:
    assert backlog.behind(session, SUNDAY) == []
    event(session, SUNDAY - MINUTE)
    delivery(session, endpoint(session), SUNDAY - 5 * MINUTE)
    assert backlog.behind(session, SUNDAY) == []


def test_an_event_that_no_relay_takes_is_behind(session: Session) -> None:
    event(session, SUNDAY - timedelta(seconds=95))
    assert backlog.behind(session, SUNDAY) == ["oldest event waits for 95 s"]


@pytest.mark.parametrize(("since_lease", "is_behind"), [(-30, False), (1, False), (61, True)])
def test_an_event_that_is_tried_again_and_again_is_not_behind_unless_nobody_tries(
    session: Session, since_lease: int, is_behind: bool
) -> None:
    event(session, SUNDAY - timedelta(days=1), leased_until=SUNDAY - timedelta(seconds=since_lease))
    assert bool(backlog.behind(session, SUNDAY)) == is_behind


def test_an_event_of_many_pieces_is_not_behind_while_it_is_told(session: Session) -> None:
    event(session, SUNDAY - timedelta(hours=1), progress=ids.new_id())
    assert backlog.behind(session, SUNDAY) == []


def test_a_delivery_to_who_answers_is_behind_when_nobody_sends(session: Session) -> None:
    delivery(session, endpoint(session), SUNDAY - 6 * MINUTE)
    assert backlog.behind(session, SUNDAY) == ["oldest delivery waits for 360 s"]


@pytest.mark.parametrize(
    "how", [{"failing_since": SUNDAY}, {"state": "disabled"}, {"state": "gone"}, {"status": "suspended"}]
)
def test_a_delivery_to_who_does_not_answer_waits_for_him(session: Session, how: dict[str, Any]) -> None:
    delivery(session, endpoint(session, **how), SUNDAY - timedelta(days=1))
    assert backlog.behind(session, SUNDAY) == []


def test_an_endpoint_that_is_slow_lets_wait_by_itself(session: Session) -> None:
    shop = endpoint(session)
    delivery(session, shop, SUNDAY - timedelta(hours=1))
    session.get_one(WebhookLane, (shop, 1)).leased_until = SUNDAY + MINUTE
    session.flush()
    assert backlog.behind(session, SUNDAY) == []
