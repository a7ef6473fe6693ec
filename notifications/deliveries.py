"""The queue of webhooks. To an endpoint lead a few lanes, and who leases one sends by it, a letter after the other: so
a slow endpoint holds up nobody but itself, however many relays there are. After a failure all its lanes rest, and then
one of them tries (docs/adr/039).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Uuid,
    and_,
    any_,
    bindparam,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from notifications import bodies, webhooks
from notifications.backoff import WEBHOOKS, next_attempt_at
from notifications.bodies import Body
from notifications.leases import LEASE, is_free
from notifications.models import PENDING, Delivery, Update, WebhookEndpoint, WebhookLane
from notifications.sending import Answer, Letter
from tokenization import ids
from tokenization.events import rfc3339
from tokenization.models import Card, Credential, Requestor
from tokenization.vault import Vault

# How many letters must wait before one more lane is opened: else each would be taken for a letter or two.
FOR_A_LANE: Final = 8
_AWAY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lane to an endpoint that is ours until then; and whether nobody has looked at the endpoint since it was set."""

    requestor_id: UUID
    lane: int
    until: datetime
    is_unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A letter and what it says, and the delivery that it is, which waits since then; when its endpoint was set, and
    whether that failed when last tried.
    """

    delivery_id: UUID
    letter: Letter
    body: Body
    since: datetime
    endpoint_set_at: datetime
    was_failing: bool

    @property
    def number_given(self) -> bool:
        """Whether a card number is in it, encrypted."""
        return bodies.gives_number(self.body)


def claim(
    session: Session, now: datetime, limit: int, answering: Collection[UUID] = (), *, failing: bool
) -> list[Lease]:
    """Lease up to so many lanes of endpoints that something is due for: of those that failed when they were last tried,
    or of the others. More than one of an endpoint only where it is `answering`.
    """
    chosen = {"now": now, "until": now + LEASE, "answering": list(answering), "failing": failing, "most": limit}
    rows = session.execute(_CLAIM, chosen).all()
    return [Lease(row.requestor_id, row.lane, now + LEASE, row.is_unchecked) for row in rows]


# What came of nearly every attempt, and that the lane stays ours.
_DELIVERED: Final = text("""
    WITH settled AS (
        UPDATE notifications.deliveries
        SET state = 'delivered', attempts = attempts + 1, last_status = :status, last_error = NULL,
            finished_at = :now, leased_until = NULL
        WHERE requestor_id = :requestor_id AND delivery_id = :delivery_id
        RETURNING requestor_id, seq
    ), received AS (
        UPDATE notifications.updates AS told
        SET received_at = coalesce(received_at, :now), number_given = number_given OR :number_given
        FROM settled WHERE told.requestor_id = settled.requestor_id AND told.seq = settled.seq
    )
    UPDATE notifications.webhook_lanes SET leased_until = :until
    WHERE requestor_id = :requestor_id AND lane = :lane AND leased_until = :held
    RETURNING lane
""")


def release(session: Session, lease: Lease) -> None:
    """Let go of a lane, if it is still ours."""
    _set_lease(session, lease, None)


def next_job(session: Session, vault: Vault, lease: Lease, now: datetime) -> Job | None:
    """What is due next for an endpoint by a leased lane, ready to be sent. What is true no more is passed over."""
    while delivery := _take(session, lease, now):
        at_hand = session.execute(_READ, {"owner": lease.requestor_id, "seq": delivery.seq, "now": now}).first()
        if at_hand is None:
            delivery.leased_until = None
            return None
        body = _body(session, vault, delivery, now)
        if body is not None:
            return _job(session, vault, at_hand[0], delivery, body, now)
        delivery.state, delivery.finished_at, delivery.leased_until = "superseded", now, None
        session.flush()
    return None


def _take(session: Session, lease: Lease, now: datetime) -> Delivery | None:
    """Lease the oldest that is due: by another lane none may be sent that is under way by this one."""
    taken = {"owner": lease.requestor_id, "now": now, "until": lease.until}
    delivery: Delivery | None = session.scalar(_TAKE, taken, execution_options=_AS_IT_IS)
    return delivery


def _job(
    session: Session, vault: Vault, endpoint: WebhookEndpoint, delivery: Delivery, body: Body, now: datetime
) -> Job:
    secrets = webhooks.valid_secrets(session, vault, endpoint, now)
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    letter = Letter(ids.to_text("dlv", delivery.delivery_id), endpoint.url, content, secrets)
    was_failing = endpoint.failing_since is not None
    return Job(delivery.delivery_id, letter, body, delivery.created_at, endpoint.changed_at, was_failing)


def still_stands(session: Session, vault: Vault, lease: Lease, job: Job, now: datetime) -> bool:
    """Whether the same would be said now, to the same URL. A receiver decides how long it takes to be connected."""
    delivery = session.get_one(Delivery, (lease.requestor_id, job.delivery_id))
    at_hand = session.execute(_READ, {"owner": lease.requestor_id, "seq": delivery.seq, "now": now}).first()
    body = _body(session, vault, delivery, now) if at_hand and at_hand[0].changed_at == job.endpoint_set_at else None
    return body is not None and bodies.in_clear(body) == bodies.in_clear(job.body)


def settle(
    session: Session, lease: Lease, job: Job, answer: Answer | None, now: datetime, chance: float
) -> Lease | None:
    """Write down what came of an attempt: delivered, again later (`chance` spreads it), or failed for good. None is no
    attempt: the letter was overtaken, and is made anew.

    Answers the lane, ours for another letter; None where the lease ran out and somebody else has it. What two lanes may
    both lock: the endpoint first, then deliveries.
    """
    if answer is None:
        _put_back(session, lease, job)
        return _set_lease(session, lease, now + LEASE)
    if not answer.delivered:
        _settle_failure(session, lease.requestor_id, job, answer, now, chance)
        return _set_lease(session, lease, now + LEASE)
    if job.was_failing and _still_there(session, lease.requestor_id, job):
        _is_back(session, lease.requestor_id, now)
    of_lane = {"requestor_id": lease.requestor_id, "lane": lease.lane, "held": lease.until, "until": now + LEASE}
    what = {"delivery_id": job.delivery_id, "status": answer.status, "number_given": job.number_given, "now": now}
    still_ours = session.scalar(_DELIVERED, of_lane | what) is not None
    return Lease(lease.requestor_id, lease.lane, now + LEASE) if still_ours else None


def _put_back(session: Session, lease: Lease, job: Job) -> None:
    this = (Delivery.requestor_id == lease.requestor_id, Delivery.delivery_id == job.delivery_id)
    taken = update(Delivery).where(*this, Delivery.leased_until == lease.until).values(leased_until=None)
    session.execute(taken, execution_options={"synchronize_session": False})


def _settle_failure(
    session: Session, requestor_id: UUID, job: Job, answer: Answer, now: datetime, chance: float
) -> None:
    still_there = _still_there(session, requestor_id, job)
    is_disabled = still_there and webhooks.failed(session, requestor_id, now, gone=answer.gone)
    delivery = session.get_one(Delivery, (requestor_id, job.delivery_id), with_for_update=True, populate_existing=True)
    delivery.attempts, delivery.leased_until = delivery.attempts + 1, None
    delivery.last_status, delivery.last_error = answer.status, answer.error
    if delivery.state == "pending" and still_there:  # a newer update may have replaced it while it was under way
        _put_off(delivery, now, chance)
    session.flush()
    if is_disabled:
        _give_up(session, requestor_id, now)


def _still_there(session: Session, requestor_id: UUID, job: Job) -> bool:
    """Whether the endpoint stands as it was set when the letter was taken; it is locked. What was said to one before it
    is not held against it.
    """
    this = select(WebhookEndpoint.url, WebhookEndpoint.changed_at).where(WebhookEndpoint.requestor_id == requestor_id)
    return session.execute(this.with_for_update()).one() == (job.letter.url, job.endpoint_set_at)


def _is_back(session: Session, requestor_id: UUID, now: datetime) -> None:
    """An endpoint answers that failed. Where it was away for long, what waits for its turn is due at once; after a
    moment it is not: a letter that is refused among others that are taken would be tried with each of them.
    """
    failing_since = webhooks.answered(session, requestor_id)
    if failing_since is not None and now - failing_since > _AWAY:
        waiting = update(Delivery).where(Delivery.requestor_id == requestor_id, PENDING)
        session.execute(waiting.where(Delivery.next_attempt_at > now).values(next_attempt_at=now))


def _put_off(delivery: Delivery, now: datetime, chance: float) -> None:
    later = next_attempt_at(WEBHOOKS, delivery.attempts, now, chance)
    if later is None:
        delivery.state, delivery.finished_at = "failed", now
    else:
        delivery.next_attempt_at = later


def _give_up(session: Session, requestor_id: UUID, now: datetime) -> None:
    pending = update(Delivery).where(Delivery.requestor_id == requestor_id, PENDING)
    session.execute(pending.values(state="failed", finished_at=now))


def _body(session: Session, vault: Vault, delivery: Delivery, now: datetime) -> Body | None:
    if delivery.seq is None:
        return {"type": webhooks.TEST, "timestamp": rfc3339(delivery.created_at), "data": {}}
    return bodies.compose(session, vault, session.get_one(Update, (delivery.requestor_id, delivery.seq)), now)


def _listening(now: Any) -> tuple[ColumnElement[bool], ...]:
    """Which endpoints are told what is due: none that rests. What a suspended shop is to be told of cards waits until
    it is back. A suspended wallet is told what becomes of its tokens, or its phones would look well while they pay
    nothing.
    """
    told = or_(Requestor.status == "active", Requestor.kind == "wallet")
    rested = or_(WebhookEndpoint.retry_at.is_(None), WebhookEndpoint.retry_at <= now)
    return WebhookEndpoint.state == "enabled", rested, told


def _due(now: Any) -> tuple[ColumnElement[bool], ...]:
    return PENDING, Delivery.next_attempt_at <= now, is_free(Delivery.leased_until, now)


def _set_lease(session: Session, lease: Lease, until: datetime | None) -> Lease | None:
    ours = (WebhookLane.requestor_id == lease.requestor_id, WebhookLane.lane == lease.lane)
    still = update(WebhookLane).where(*ours, WebhookLane.leased_until == lease.until)
    changed = still.values(leased_until=until).returning(WebhookLane.lane)
    still_ours = session.scalar(changed, execution_options={"synchronize_session": False}) is not None
    return Lease(lease.requestor_id, lease.lane, until) if still_ours and until is not None else None


# Statements are built once: for a letter, building them would cost more than sending it.
_NOW: Final = bindparam("now", type_=DateTime(timezone=True))
_OWNER: Final = bindparam("owner", type_=Uuid())
_AS_IT_IS: Final = {"synchronize_session": False, "populate_existing": True}


def _claiming() -> Executable:
    """Lanes whose endpoint has letters enough for one more of them; the first also where nobody has looked at it."""
    waiting = select(Delivery.delivery_id).where(Delivery.requestor_id == WebhookLane.requestor_id, *_due(_NOW))
    enough = waiting.offset((WebhookLane.lane - 1) * FOR_A_LANE).exists()
    is_unchecked = WebhookEndpoint.checked_at.is_(None)
    free = is_free(WebhookLane.leased_until, _NOW)
    answering = WebhookLane.requestor_id == any_(bindparam("answering", type_=ARRAY(Uuid())))
    found = (
        select(WebhookLane.requestor_id, WebhookLane.lane, is_unchecked.label("is_unchecked"))
        .join(WebhookEndpoint, WebhookEndpoint.requestor_id == WebhookLane.requestor_id)
        .join(Requestor, Requestor.requestor_id == WebhookLane.requestor_id)
        .where(*_listening(_NOW), free, WebhookEndpoint.failing_since.is_not(None) == bindparam("failing"))
        .where(or_(WebhookLane.lane == 1, and_(not_(bindparam("failing")), answering)))
        .where(or_(enough, and_(WebhookLane.lane == 1, is_unchecked)))
        .order_by(WebhookLane.lane, WebhookEndpoint.retry_at)
        .limit(bindparam("most"))
        .cte("found")
    )
    this = and_(WebhookLane.requestor_id == found.c.requestor_id, WebhookLane.lane == found.c.lane)
    taken = update(WebhookLane).where(this, free).values(leased_until=bindparam("until"))
    return taken.returning(WebhookLane.requestor_id, WebhookLane.lane, found.c.is_unchecked).execution_options(
        synchronize_session=False
    )


def _taking() -> Executable:
    due = select(Delivery.delivery_id).where(Delivery.requestor_id == _OWNER, *_due(_NOW))
    oldest = due.order_by(Delivery.next_attempt_at, Delivery.seq).limit(1).with_for_update(skip_locked=True)
    this = (Delivery.requestor_id == _OWNER, Delivery.delivery_id == oldest.scalar_subquery())
    return update(Delivery).where(*this).values(leased_until=bindparam("until")).returning(Delivery)


def _reading() -> Executable:
    """The endpoint, if it is told anything now; and what its letter is made of, in the same statement: as long as they
    are held, the session has them at hand.
    """
    of_subject = and_(Credential.card_id == Update.card_id, Credential.credential_id == Update.subject_id)
    entry = and_(
        Update.requestor_id == WebhookEndpoint.requestor_id, Update.seq == bindparam("seq", type_=BigInteger())
    )
    return (
        select(WebhookEndpoint, Requestor, Update, Card, Credential)
        .join(Requestor, Requestor.requestor_id == WebhookEndpoint.requestor_id)
        .outerjoin(Update, entry)
        .outerjoin(Card, Card.card_id == Update.card_id)
        .outerjoin(Credential, of_subject)
        .where(WebhookEndpoint.requestor_id == _OWNER, *_listening(_NOW))
    )


_CLAIM: Final = _claiming()
_TAKE: Final = _taking()
_READ: Final = _reading()
