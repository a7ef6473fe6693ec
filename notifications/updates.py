"""Telling requestors, first half: a change of a card, token or credential enters their feeds and waits for delivery.

What an entry then says is worked out when it is sent or read (bodies.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Uuid, and_, any_, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from delegation.models import DrawingRight
from notifications import audiences, credential_updates
from notifications.models import PENDING, Delivery, Feed, Update, WebhookEndpoint
from notifications.outbox import Waiting
from notifications.pieces import Piece
from tokenization import ids
from tokenization.models import Card, Credential, Requestor, Token

TOKEN_UPDATED: Final = "token.updated"
_PATIENCE: Final = text("SET LOCAL lock_timeout = '1s'")
Entered = Sequence[RowMapping]  # of updates: requestor_id, seq, subject_id, kind


def record(session: Session, event: Waiting, piece: Piece, now: datetime) -> None:
    """Enter a piece of the event in the feeds of all whom it concerns, and queue the webhooks of those who listen.

    Raises OperationalError (LockNotAvailable) where one of those feeds is held for longer than a moment: what people
    are told must not wait for what a requestor does.
    """
    credentials = _credentials_concerned(event) if event.is_first else None
    concerned = sorted(piece.requestors | _merchants(session, credentials))
    if not concerned:
        return
    _lock_feeds(session, concerned)
    if piece.tokens is not None:
        _enter_tokens(session, event, and_(piece.tokens, Token.requestor_id.in_(concerned)))
        _advance_feeds(session, concerned)
    if credentials is not None:
        credential_updates.enter(session, event, and_(credentials, Credential.requestor_id.in_(concerned)))
        _advance_feeds(session, concerned)
    if entered := _entered(session, event, concerned):
        _supersede(session, entered, now)
        _queue(session, entered, now)


def _credentials_concerned(event: Waiting) -> ColumnElement[bool] | None:
    of_card = Credential.card_id == event.card_id
    if event.type in audiences.ABOUT_CREDENTIALS_OF_A_CARD:
        return and_(of_card, Credential.state == "active")
    if event.type in audiences.ABOUT_A_CREDENTIAL and event.payload.get("by") != "merchant":
        return and_(of_card, Credential.credential_id == ids.parse("cred", event.payload["credential_id"]))
    return None


def _merchants(session: Session, credentials: ColumnElement[bool] | None) -> frozenset[UUID]:
    if credentials is None:
        return frozenset()
    return frozenset(session.scalars(select(Credential.requestor_id).where(credentials).distinct()))


def _lock_feeds(session: Session, requestors: Sequence[UUID]) -> None:
    # In ascending order, so that two relays never wait for each other in a ring. Whatever is entered is read after this
    # lock, so a feed's order is the order of what was true.
    session.execute(_PATIENCE)
    rows = [{"requestor_id": requestor_id, "last_seq": 0} for requestor_id in requestors]
    session.execute(postgresql.insert(Feed).on_conflict_do_nothing(), rows)
    ours = select(Feed.requestor_id).where(Feed.requestor_id.in_(requestors))
    session.execute(ours.order_by(Feed.requestor_id).with_for_update())


def _advance_feeds(session: Session, requestors: Sequence[UUID]) -> None:
    newest = select(func.max(Update.seq)).where(Update.requestor_id == Feed.requestor_id).scalar_subquery()
    moved = update(Feed).where(Feed.requestor_id.in_(requestors)).values(last_seq=func.coalesce(newest, Feed.last_seq))
    session.execute(moved, execution_options={"synchronize_session": False})


def _enter_tokens(session: Session, event: Waiting, concerned: ColumnElement[bool]) -> None:
    """One statement for a piece. `version` is `token_status.version`, in SQL."""
    nth = func.row_number().over(partition_by=Token.requestor_id, order_by=Token.token_id)
    version = Token.revision + Card.revision + Requestor.revision + func.coalesce(DrawingRight.revision, 0)
    columns = {
        "requestor_id": Token.requestor_id,
        "seq": Feed.last_seq + nth,
        "event_id": literal(event.event_id),
        "kind": literal(TOKEN_UPDATED),
        "card_id": Token.card_id,
        "subject_id": Token.token_id,
        "version": version,
        "facts": literal(_what_happened(event), Update.facts.type),
        "at": literal(event.at),
    }
    under = and_(DrawingRight.card_id == Token.card_id, DrawingRight.right_id == Token.right_id)
    found = (
        select(*columns.values())
        .select_from(Token)
        .join(Card, Card.card_id == Token.card_id)
        .join(Requestor, Requestor.requestor_id == Token.requestor_id)
        .join(Feed, Feed.requestor_id == Token.requestor_id)
        .outerjoin(DrawingRight, under)
        .where(concerned)
    )
    session.execute(insert(Update).from_select(list(columns), found))


def _what_happened(event: Waiting) -> dict[str, str | None]:
    """The operation, its reason and who did it: nothing but words of the API, and what the bank wrote for a reason."""
    by = event.payload.get("by") or audiences.acted(event.type, event.payload)
    return {"operation": audiences.OPERATIONS[event.type], "reason": event.payload.get("reason"), "by": by}


def _entered(session: Session, event: Waiting, requestors: Sequence[UUID]) -> Entered:
    """What was entered just now for those who listen: all of the event, or in a later piece what lies behind."""
    listening = and_(WebhookEndpoint.requestor_id == Update.requestor_id, WebhookEndpoint.state == "enabled")
    of_event = and_(Update.requestor_id.in_(requestors), Update.event_id == event.event_id)
    if not event.is_first:
        of_event = and_(of_event, Update.subject_id > event.progress, Update.kind == TOKEN_UPDATED)
    columns = (Update.requestor_id, Update.seq, Update.subject_id, Update.kind)
    found = session.execute(select(*columns).join(WebhookEndpoint, listening).where(of_event).order_by(Update.seq))
    return found.mappings().all()


def _supersede(session: Session, entered: Entered, now: datetime) -> None:
    """A newer update replaces an undelivered older one of the same subject: a closure never waits behind retries.

    The subjects are a list, and not a join: where a burst has made the statistics old, PostgreSQL joined a piece of 500
    with all that waits, 500 times over.
    """
    requestors, subjects = {row["requestor_id"] for row in entered}, [row["subject_id"] for row in entered]
    of_subject = Delivery.subject_id == any_(literal(subjects, ARRAY(Uuid())))
    outdated = update(Delivery).where(Delivery.requestor_id.in_(requestors), of_subject, PENDING)
    values = {"state": "superseded", "finished_at": now}
    session.execute(outdated.values(values), execution_options={"synchronize_session": False})


def _queue(session: Session, entered: Entered, now: datetime) -> None:
    waiting = {"state": "pending", "next_attempt_at": now, "created_at": now}
    session.execute(insert(Delivery), [{**row, **waiting, "delivery_id": ids.new_id()} for row in entered])
