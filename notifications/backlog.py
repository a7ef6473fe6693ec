"""What waits to be told, and whether because no relay comes to it: for metrics, /readyz, and operators at night.

All of it is read from partial indexes of what waits; what was delivered or sent long ago costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from notifications.models import PENDING, WAITING, Delivery, OutboxRow, SmsMessage, WebhookEndpoint, WebhookLane
from tokenization.models import Requestor

# An endpoint as relays see it: `enabled` answers, `failing` rests between attempts, a `suspended` shop waits for the
# bank, and the others are told nothing more.
STANDINGS: Final = ("enabled", "failing", "suspended", "disabled", "gone")
# A relay takes what is due within a second; so long it waits only where none comes to it.
EVENTS_BEHIND: Final = timedelta(seconds=60)
DELIVERIES_BEHIND: Final = timedelta(minutes=5)

_TOLD: Final = or_(Requestor.status == "active", Requestor.kind == "wallet")
_STANDING: Final[ColumnElement[str]] = case(
    (WebhookEndpoint.state != "enabled", WebhookEndpoint.state),
    (~_TOLD, "suspended"),
    (WebhookEndpoint.failing_since.is_not(None), "failing"),
    else_="enabled",
).label("standing")


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits, and since when the oldest does."""

    count: int = 0
    oldest_at: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        """Of the oldest."""
        return max(now - self.oldest_at, timedelta()) if self.oldest_at else timedelta()


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint for operators: never its path, which may hold a secret."""

    requestor_id: UUID
    name: str
    kind: str
    url: str
    standing: str
    failing_since: datetime | None
    disabled_at: datetime | None
    pending: int
    oldest_due_at: datetime | None


def deliveries(session: Session, now: datetime) -> dict[str, Waiting]:
    """Webhooks that are due, by the standing of their endpoints."""
    of_endpoint = and_(Delivery.requestor_id == WebhookEndpoint.requestor_id, PENDING, Delivery.next_attempt_at <= now)
    found = _endpoints(_STANDING, func.count(), func.min(Delivery.next_attempt_at)).join(Delivery, of_endpoint)
    rows = {standing: Waiting(count, at) for standing, count, at in session.execute(found.group_by(_STANDING))}
    return {standing: rows.get(standing, Waiting()) for standing in STANDINGS}


def texts(session: Session, *, put_off: bool = False) -> Waiting:
    """Text messages that wait since what they tell of happened: for a relay or the gateway, or `put_off` for something
    about themselves. Also those that were just tried: while the gateway is away, each of a few is so at any time.
    """
    these = (WAITING, SmsMessage.put_off.is_(put_off))
    return Waiting(*session.execute(select(func.count(), func.min(SmsMessage.at)).where(*these)).one())


def events(session: Session) -> dict[str, Waiting]:
    """Events that nobody, or not everybody, has been told of, by type."""
    columns = (OutboxRow.type, func.count(), func.min(OutboxRow.at))
    found = session.execute(select(*columns).group_by(OutboxRow.type).order_by(func.min(OutboxRow.at)))
    return {kind: Waiting(count, at) for kind, count, at in found}


def endpoints(session: Session) -> dict[str, int]:
    """How many there are of each standing."""
    counted = session.execute(_endpoints(_STANDING, func.count()).group_by(_STANDING))
    found = {row[0]: row[1] for row in counted}
    return {standing: found.get(standing, 0) for standing in STANDINGS}


def listeners(session: Session, now: datetime) -> Sequence[Listener]:
    """All endpoints, those with the longest wait first."""
    of_endpoint = and_(Delivery.requestor_id == WebhookEndpoint.requestor_id, PENDING)
    oldest = func.min(Delivery.next_attempt_at).filter(Delivery.next_attempt_at <= now)
    whose = (Requestor.requestor_id, Requestor.name, Requestor.kind)
    how = (WebhookEndpoint.url, _STANDING, WebhookEndpoint.failing_since, WebhookEndpoint.disabled_at)
    found = _endpoints(*whose, *how, func.count(Delivery.delivery_id), oldest).outerjoin(Delivery, of_endpoint)
    by = (Requestor.requestor_id, WebhookEndpoint.requestor_id)
    rows = session.execute(found.group_by(*by).order_by(oldest.asc().nulls_last(), Requestor.name))
    return [Listener(*row) for row in rows]


def behind(session: Session, now: datetime) -> list[str]:
    """In words what waits because no relay comes to it, however well people, gateways and endpoints listen."""
    waits = {
        "event": (_longest_event(session, now), EVENTS_BEHIND),
        "delivery": (_longest_delivery(session, now), DELIVERIES_BEHIND),
    }
    return [
        f"oldest {what} waits for {int((now - since).total_seconds())} s"
        for what, (since, patience) in waits.items()
        if since is not None and now - since > patience
    ]


def _longest_event(session: Session, now: datetime) -> datetime | None:
    """Since when the oldest waits that is nobody's. One that cannot be told is leased anew as soon as its lease has run
    out; and of one that was begun, whose pieces are told behind all others, it is not known when the last one was.
    """
    since = func.coalesce(OutboxRow.leased_until, OutboxRow.at)
    free = or_(OutboxRow.leased_until.is_(None), OutboxRow.leased_until < now)
    oldest = select(since).where(OutboxRow.progress.is_(None), free).order_by(OutboxRow.at).limit(1)
    return session.scalar(oldest)


def _longest_delivery(session: Session, now: datetime) -> datetime | None:
    """Since when the oldest has been due to an endpoint that answers and to which nobody is sending: one that is slow
    lets wait by itself.
    """
    of_endpoint = Delivery.requestor_id == WebhookEndpoint.requestor_id
    free = or_(Delivery.leased_until.is_(None), Delivery.leased_until < now)
    due = select(Delivery.next_attempt_at).where(of_endpoint, PENDING, free, Delivery.next_attempt_at <= now)
    oldest = due.order_by(Delivery.next_attempt_at).limit(1).scalar_subquery()
    under_way = exists().where(WebhookLane.requestor_id == WebhookEndpoint.requestor_id, WebhookLane.leased_until > now)
    since: datetime | None = session.scalar(_endpoints(func.min(oldest)).where(_STANDING == "enabled", ~under_way))
    return since


def _endpoints(*columns: Any) -> Select[Any]:
    whose = Requestor.requestor_id == WebhookEndpoint.requestor_id
    return select(*columns).select_from(WebhookEndpoint).join(Requestor, whose)
