"""Telling requestors, first half: a change of a card, token or credential enters their feeds and waits for delivery.

What an entry then says is worked out when it is sent or read (bodies.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from delegation.models import DrawingRight
from notifications import audiences, credential_updates
from notifications.models import Delivery, Feed, Update, WebhookEndpoint
from notifications.outbox import Waiting
from tokenization import ids
from tokenization.models import Card, Credential, Requestor, Token

TOKEN_UPDATED: Final = "token.updated"


def record(session: Session, event: Waiting, now: datetime) -> None:
    """Enter the event in the feeds of all whom it concerns, and queue the webhooks of those who listen."""
    tokens, credentials = _tokens_concerned(event), _credentials_concerned(event)
    concerned = _requestors(session, tokens, credentials)
    if not concerned:
        return
    _lock_feeds(session, concerned)
    if tokens is not None:
        _enter_tokens(session, event, and_(tokens, Token.requestor_id.in_(concerned)))
        _advance_feeds(session, concerned)
    if credentials is not None:
        credential_updates.enter(session, event, and_(credentials, Credential.requestor_id.in_(concerned)))
        _advance_feeds(session, concerned)
    _supersede(session, event, concerned, now)
    _queue(session, event, concerned, now)


def _tokens_concerned(event: Waiting) -> ColumnElement[bool] | None:
    of_card = Token.card_id == event.card_id
    if event.type in audiences.ABOUT_A_TOKEN:
        return and_(of_card, Token.token_id == ids.parse("tok", event.payload["token_id"]))
    if event.type in audiences.ABOUT_TOKENS_OF_A_CARD:
        return and_(of_card, Token.state != "deactivated")
    if event.type in audiences.ABOUT_TOKENS_OF_A_RIGHT:
        of_right = Token.right_id == ids.parse("right", event.payload["right_id"])
        return and_(of_card, of_right, Token.state != "deactivated")
    return None


def _credentials_concerned(event: Waiting) -> ColumnElement[bool] | None:
    of_card = Credential.card_id == event.card_id
    if event.type in audiences.ABOUT_CREDENTIALS_OF_A_CARD:
        return and_(of_card, Credential.state == "active")
    if event.type in audiences.ABOUT_A_CREDENTIAL and event.payload.get("by") != "merchant":
        return and_(of_card, Credential.credential_id == ids.parse("cred", event.payload["credential_id"]))
    return None


def _requestors(
    session: Session, tokens: ColumnElement[bool] | None, credentials: ColumnElement[bool] | None
) -> list[UUID]:
    found: set[UUID] = set()
    if tokens is not None:
        found.update(session.scalars(select(Token.requestor_id).where(tokens).distinct()))
    if credentials is not None:
        found.update(session.scalars(select(Credential.requestor_id).where(credentials).distinct()))
    return sorted(found)


def _lock_feeds(session: Session, requestors: Sequence[UUID]) -> None:
    # In ascending order, so that two relays never wait for each other in a ring. Whatever is entered is read after this
    # lock, so a feed's order is the order of what was true.
    rows = [{"requestor_id": requestor_id, "last_seq": 0} for requestor_id in requestors]
    session.execute(postgresql.insert(Feed).on_conflict_do_nothing(), rows)
    ours = select(Feed.requestor_id).where(Feed.requestor_id.in_(requestors))
    session.execute(ours.order_by(Feed.requestor_id).with_for_update())


def _advance_feeds(session: Session, requestors: Sequence[UUID]) -> None:
    newest = select(func.max(Update.seq)).where(Update.requestor_id == Feed.requestor_id).scalar_subquery()
    moved = update(Feed).where(Feed.requestor_id.in_(requestors)).values(last_seq=func.coalesce(newest, Feed.last_seq))
    session.execute(moved, execution_options={"synchronize_session": False})


def _enter_tokens(session: Session, event: Waiting, concerned: ColumnElement[bool]) -> None:
    """One statement, however many tokens the card has."""
    nth = func.row_number().over(partition_by=Token.requestor_id, order_by=Token.token_id)
    # As token_status.version has it.
    version = Token.revision + Card.revision + Requestor.revision + func.coalesce(DrawingRight.revision, 0)
    columns = {
        "requestor_id": Token.requestor_id,
        "seq": Feed.last_seq + nth,
        "event_id": literal(event.event_id),
        "kind": literal(TOKEN_UPDATED),
        "card_id": Token.card_id,
        "subject_id": Token.token_id,
        "version": version,
        "facts": literal({}, Update.facts.type),
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


def _supersede(session: Session, event: Waiting, requestors: Sequence[UUID], now: datetime) -> None:
    """A newer update replaces an undelivered older one of the same subject: a closure never waits behind retries."""
    newer = and_(Update.requestor_id == Delivery.requestor_id, Update.subject_id == Delivery.subject_id)
    of_event = (Update.requestor_id.in_(requestors), Update.event_id == event.event_id)
    outdated = update(Delivery).where(newer, *of_event, Delivery.state == "pending", Delivery.kind == Update.kind)
    values = {"state": "superseded", "finished_at": now}
    session.execute(outdated.values(values), execution_options={"synchronize_session": False})


def _queue(session: Session, event: Waiting, requestors: Sequence[UUID], now: datetime) -> None:
    listening = and_(WebhookEndpoint.requestor_id == Update.requestor_id, WebhookEndpoint.state == "enabled")
    of_event = (Update.requestor_id.in_(requestors), Update.event_id == event.event_id)
    columns = (Update.requestor_id, Update.seq, Update.subject_id, Update.kind)
    found = session.execute(select(*columns).join(WebhookEndpoint, listening).where(*of_event).order_by(Update.seq))
    waiting = {"state": "pending", "next_attempt_at": now, "created_at": now}
    rows = [{**row, **waiting, "delivery_id": ids.new_id()} for row in found.mappings()]
    if rows:
        session.execute(insert(Delivery), rows)
