"""Telling people: from an event to messages in inboxes and text messages on their way. Each is told once, as each
person chose (preferences.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from delegation import ages, drawing_rights
from delegation.models import DrawingRequest, DrawingRight
from notifications import audiences, inbox, preferences, sms_alphabet, sms_queue
from notifications.audiences import Audience, Telling
from notifications.messages import Happening, Rendered, render
from notifications.models import Message, SmsMessage
from notifications.outbox import Waiting
from notifications.preferences import Ways
from tokenization import ids
from tokenization.clock import local_date
from tokenization.models import Card, Cardholder, Credential, Plastic, Requestor

LIVING: Final = ("active", "paused")


@dataclass(frozen=True, slots=True)
class Told:
    """One person and what that person reads. `card_id` is for the cardholder only."""

    recipient_id: UUID
    card_id: UUID | None
    rendered: Rendered


def tell(session: Session, event: Waiting, now: datetime) -> frozenset[UUID]:
    """Write what people are told of an event. Answers whose inboxes have something new."""
    tellings = audiences.tellings(event.type, event.payload)
    if not tellings:
        return frozenset()
    return write(session, event, list(_words(session, event, tellings, now)), now)


def write(session: Session, event: Waiting, told: list[Told], now: datetime) -> frozenset[UUID]:
    """Write what each wants to read, once however often this is done. Answers whose inboxes have something new."""
    if not told:
        return frozenset()
    chosen = [(each, ways) for each, ways in zip(told, _ways(session, told), strict=True)]
    in_inboxes = [each for each, ways in chosen if ways.inbox]
    _write_messages(session, event, in_inboxes)
    _write_sms(session, event, [each for each, ways in chosen if ways.sms], now)
    return frozenset(each.recipient_id for each in in_inboxes)


def _ways(session: Session, told: list[Told]) -> list[Ways]:
    """How each of them gets it."""
    about = [(each.recipient_id, each.rendered.kind) for each in told]
    own = preferences.of_several(session, {whose for whose, _ in about}, {kind for _, kind in about})
    return [
        preferences.ways(each.rendered.audience, each.rendered.kind, own.get(which), sms=each.rendered.sms)
        for each, which in zip(told, about, strict=True)
    ]


def _words(session: Session, event: Waiting, tellings: tuple[Telling, ...], now: datetime) -> Iterator[Told]:
    holder_id, language, last4 = _holder(session, event)
    right = _right(session, event)
    happening = Happening(
        type=event.type,
        payload=event.payload,
        at=event.at,
        card_last4=last4,
        delegate_name=right.delegate_name if right else None,
        not_updated=_not_updated(session, event.card_id) if event.type == "card.replaced" else (),
        until=_until(session, event) if event.type == "drawing_request.approved" else None,
    )
    for telling in tellings:
        if telling.audience is Audience.HOLDER:
            if right is None or audiences.is_wanted(telling, drawing_rights.watching_of(right), event.payload):
                rendered = render(telling, happening, language)
                yield Told(holder_id, event.card_id if last4 else None, rendered)
            continue
        rights = _living_rights(session, event.card_id, now) if telling.audience is Audience.DELEGATES else [right]
        for each in filter(None, rights):
            rendered = render(telling, replace(happening, is_child=is_child(each, event.at)), language)
            yield Told(each.right_id, None, rendered)


def is_child(right: DrawingRight, at: datetime) -> bool:
    """Whether its delegate is a child on that day."""
    return ages.is_child(right.delegate_birthdate, local_date(at))


def _holder(session: Session, event: Waiting) -> tuple[UUID, str, str]:
    """Who, in which language, and the last 4 of the card; none where it is about no card."""
    if event.type in audiences.ABOUT_A_HOLDER:
        holder = session.get_one(Cardholder, ids.parse("holder", event.payload["holder_id"]))
        return holder.holder_id, holder.language, ""
    statement = (
        select(Card.holder_id, Cardholder.language, Plastic.last4)
        .join(Cardholder, Cardholder.holder_id == Card.holder_id)
        .join(Plastic, (Plastic.card_id == Card.card_id) & (Plastic.plastic_id == Card.current_plastic_id))
        .where(Card.card_id == event.card_id)
    )
    holder_id, language, last4 = session.execute(statement).one()
    return holder_id, language, last4


def _right(session: Session, event: Waiting) -> DrawingRight | None:
    right_id = _named(event, "right_id", "right")
    return session.get(DrawingRight, (event.card_id, right_id)) if right_id else None


def _until(session: Session, event: Waiting) -> datetime | None:
    """When a grantor's yes lapses; an event of before does not say."""
    if "lapses_at" in event.payload:
        lapses_at: str | None = event.payload["lapses_at"]
        return datetime.fromisoformat(lapses_at) if lapses_at else None
    request_id = ids.parse("rqst", event.payload["request_id"])
    request = session.get(DrawingRequest, (event.card_id, request_id))
    return request.lapses_at if request else None


def _living_rights(session: Session, card_id: UUID, now: datetime) -> list[DrawingRight]:
    rights = drawing_rights.load_for_card(session, card_id)
    return [right for right in rights if drawing_rights.status(right, now) in LIVING]


def _not_updated(session: Session, card_id: UUID) -> list[str]:
    """The shops that keep the card and will not be told of the new one (R-3.6c)."""
    kept = (Credential.card_id == card_id, Credential.state == "active", Credential.automatic_update.is_(False))
    names = select(Requestor.name).join(Credential, Credential.requestor_id == Requestor.requestor_id).where(*kept)
    return list(session.scalars(names.distinct().order_by(Requestor.name)))


def _write_messages(session: Session, event: Waiting, told: list[Told]) -> None:
    if not told:
        return
    about = {name: _named(event, name, kind) for name, kind in (("right_id", "right"), ("request_id", "rqst"))}
    rows = [
        {
            "recipient_id": each.recipient_id,
            "message_id": message_id,
            "event_id": event.event_id,
            "kind": each.rendered.kind,
            "language": each.rendered.language,
            "title": each.rendered.title,
            "text": each.rendered.text,
            "card_id": each.card_id,
            **about,
            "at": event.at,
        }
        for each, message_id in zip(told, inbox.new_ids(session, [each.recipient_id for each in told]), strict=True)
    ]
    session.execute(insert(Message).on_conflict_do_nothing(), rows)


def _named(event: Waiting, name: str, kind: str) -> UUID | None:
    """What an event is about, if it is about one of these."""
    text = event.payload.get(name)
    return ids.parse(kind, text) if text else None


def _write_sms(session: Session, event: Waiting, told: list[Told], now: datetime) -> None:
    rows = [
        sms_queue.row(each.recipient_id, event.event_id, each.rendered.kind, text, at=event.at, now=now)
        for each, text in ((each, sms_alphabet.fitted(each.rendered.text)) for each in told)
    ]
    if rows:
        session.execute(insert(SmsMessage).on_conflict_do_nothing(), rows)
