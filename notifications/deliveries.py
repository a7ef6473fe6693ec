"""The queue of webhooks. An endpoint is leased, not a delivery: so one at a time is under way to each, and a slow
endpoint holds up nobody but itself, however many relays there are."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from notifications import bodies, webhooks
from notifications.backoff import WEBHOOKS, next_attempt_at
from notifications.bodies import Body
from notifications.models import Delivery, Update, WebhookEndpoint
from notifications.sending import Answer, Letter
from tokenization import ids
from tokenization.events import rfc3339
from tokenization.models import Requestor
from tokenization.vault import Vault

LEASE: Final = timedelta(seconds=60)  # longer than a sending can last


@dataclass(frozen=True, slots=True)
class Lease:
    """An endpoint that is ours until then."""

    requestor_id: UUID
    until: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A letter, and the delivery that it is."""

    delivery_id: UUID
    letter: Letter


def claim(session: Session, now: datetime, limit: int) -> list[Lease]:
    """Lease up to so many endpoints that something is due for, those that answer before those that don't."""
    free = or_(WebhookEndpoint.leased_until.is_(None), WebhookEndpoint.leased_until < now)
    due = exists().where(Delivery.requestor_id == WebhookEndpoint.requestor_id, *_due(now))
    listening = select(WebhookEndpoint.requestor_id).where(*_listening(), free, due)
    found = listening.order_by(WebhookEndpoint.failing_since.asc().nulls_first()).limit(limit)
    taken = update(WebhookEndpoint).where(WebhookEndpoint.requestor_id.in_(found), free)
    leased = taken.values(leased_until=now + LEASE).returning(WebhookEndpoint.requestor_id)
    rows = session.scalars(leased, execution_options={"synchronize_session": False})
    return [Lease(requestor_id, now + LEASE) for requestor_id in rows]


def renew(session: Session, lease: Lease, now: datetime) -> Lease | None:
    """Hold on to an endpoint for another sending; None where the lease ran out and somebody else has it."""
    return _set_lease(session, lease, now + LEASE)


def release(session: Session, lease: Lease) -> None:
    """Let go of an endpoint, if it is still ours."""
    _set_lease(session, lease, None)


def next_job(session: Session, vault: Vault, lease: Lease, now: datetime) -> Job | None:
    """What is due next for a leased endpoint, ready to be sent. What is true no more is passed over."""
    listening = select(WebhookEndpoint).where(WebhookEndpoint.requestor_id == lease.requestor_id, *_listening())
    endpoint = session.scalar(listening)
    due = select(Delivery).where(Delivery.requestor_id == lease.requestor_id, *_due(now))
    oldest = due.order_by(Delivery.next_attempt_at, Delivery.seq).limit(1)
    while endpoint is not None and (delivery := session.scalar(oldest)):
        body = _body(session, vault, delivery, now)
        if body is not None:
            secrets = webhooks.valid_secrets(session, vault, endpoint, now)
            webhook_id = ids.to_text("dlv", delivery.delivery_id)
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            return Job(delivery.delivery_id, Letter(webhook_id, endpoint.url, text, secrets))
        delivery.state, delivery.finished_at = "superseded", now
        session.flush()
    return None


def settle(
    session: Session, requestor_id: UUID, delivery_id: UUID, answer: Answer, now: datetime, chance: float
) -> None:
    """Write down what came of an attempt: delivered, again later (`chance` spreads it), or failed for good."""
    endpoint = session.get_one(WebhookEndpoint, requestor_id, with_for_update=True)
    delivery = session.get_one(Delivery, (requestor_id, delivery_id), with_for_update=True)
    delivery.attempts += 1
    delivery.last_status, delivery.last_error = answer.status, answer.error
    endpoint.failing_since = None if answer.delivered else endpoint.failing_since or now
    if answer.delivered:
        delivery.state, delivery.finished_at = "delivered", now
    elif answer.gone:
        endpoint.state = "gone"
        _give_up(session, requestor_id, now)
    elif delivery.state == "pending":  # a newer update may have replaced it while it was under way
        _put_off(delivery, now, chance)


def _put_off(delivery: Delivery, now: datetime, chance: float) -> None:
    later = next_attempt_at(WEBHOOKS, delivery.attempts, now, chance)
    if later is None:
        delivery.state, delivery.finished_at = "failed", now
    else:
        delivery.next_attempt_at = later


def _give_up(session: Session, requestor_id: UUID, now: datetime) -> None:
    pending = update(Delivery).where(Delivery.requestor_id == requestor_id, Delivery.state == "pending")
    session.execute(pending.values(state="failed", finished_at=now))


def _body(session: Session, vault: Vault, delivery: Delivery, now: datetime) -> Body | None:
    if delivery.seq is None:
        return {"type": webhooks.TEST, "timestamp": rfc3339(delivery.created_at), "data": {}}
    return bodies.compose(session, vault, session.get_one(Update, (delivery.requestor_id, delivery.seq)), now)


def _listening() -> tuple[ColumnElement[bool], ...]:
    """Which endpoints are told what is due. Of cards a suspended shop is told nothing until it is back: that waits. A
    suspended wallet is told what becomes of its tokens, or its phones would look well while they pay nothing.
    """
    of_endpoint = Requestor.requestor_id == WebhookEndpoint.requestor_id
    told = exists().where(of_endpoint, or_(Requestor.status == "active", Requestor.kind == "wallet"))
    return WebhookEndpoint.state == "enabled", told


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Delivery.state == "pending", Delivery.next_attempt_at <= now


def _set_lease(session: Session, lease: Lease, until: datetime | None) -> Lease | None:
    ours = (WebhookEndpoint.requestor_id == lease.requestor_id, WebhookEndpoint.leased_until == lease.until)
    changed = update(WebhookEndpoint).where(*ours).values(leased_until=until).returning(WebhookEndpoint.requestor_id)
    still_ours = session.scalar(changed, execution_options={"synchronize_session": False}) is not None
    return Lease(lease.requestor_id, until) if still_ours and until is not None else None
