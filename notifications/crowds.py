"""Telling many people of one thing: the phones of a wallet stop paying, as it was suspended, or pay again."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, select
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from notifications import audiences, wording
from notifications.audiences import Audience
from notifications.messages import Happening, Rendered, render
from notifications.outbox import Waiting
from notifications.people import LIVING, Told, write
from notifications.pieces import Piece
from tokenization.clock import local_date
from tokenization.models import Card, Cardholder, Plastic, Requestor, Token

Words = Mapping[tuple[Audience, str], Rendered]


def tell(session: Session, event: Waiting, piece: Piece, now: datetime) -> frozenset[UUID]:
    """Tell whom the piece's tokens belong to, each once however many they have. Answers whose inboxes grew."""
    if piece.tokens is None:
        return frozenset()
    words = _words(session, event)
    found = session.execute(_paying(piece.tokens, now)).all()
    told = {each.recipient_id: each for row in found for each in _told(row, words, now)}
    return write(session, event, list(told.values()), now)


def _words(session: Session, event: Waiting) -> Words:
    """What they read, which is the same for all of one language."""
    requestor = session.get_one(Requestor, event.card_id)
    happening = Happening(event.type, event.payload, event.at, card_last4="", wallet_name=requestor.name)
    tellings = audiences.tellings(event.type, event.payload)
    return {(each.audience, to): render(each, happening, to) for each in tellings for to in wording.LANGUAGES}


def _paying(concerned: ColumnElement[bool], now: datetime) -> Select[UUID, str, DrawingRight | None]:
    """Of tokens that were set up and whose card lives: others did not pay before, and their people know it."""
    current = and_(Plastic.card_id == Card.card_id, Plastic.plastic_id == Card.current_plastic_id)
    under = and_(DrawingRight.card_id == Token.card_id, DrawingRight.right_id == Token.right_id)
    alive = (Token.state == "active", Card.state != "closed", Plastic.expiry >= local_date(now))
    return (
        select(Card.holder_id, Cardholder.language, DrawingRight)
        .select_from(Token)
        .join(Card, Card.card_id == Token.card_id)
        .join(Cardholder, Cardholder.holder_id == Card.holder_id)
        .join(Plastic, current)
        .outerjoin(DrawingRight, under)
        .where(concerned, *alive)
    )


def _told(row: Row[UUID, str, DrawingRight | None], words: Words, now: datetime) -> Iterator[Told]:
    holder_id, language, right = row
    to = wording.language(language)
    if right is None:
        yield Told(holder_id, None, words[Audience.HOLDER, to], sms=False)
    elif drawing_rights.status(right, now) in LIVING:
        yield Told(holder_id, None, words[Audience.HOLDER, to], sms=False)
        yield Told(right.right_id, None, words[Audience.DELEGATE, to], sms=False)
