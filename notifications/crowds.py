"""Telling many people of one thing: the phones of a wallet stop paying, as it was suspended, or pay again; the scheme
lowers its ceilings; the bank changes how much may be paid without a PIN.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from notifications import audiences, ceilings, wording
from notifications.audiences import Audience, Telling
from notifications.ceilings import Lowered
from notifications.messages import Happening, Rendered, render
from notifications.outbox import Waiting
from notifications.people import LIVING, Told, is_child, write
from notifications.pieces import Piece
from notifications.pin_limits import News
from tokenization.clock import local_date
from tokenization.models import Card, Cardholder, Plastic, Requestor, Token

Words = Mapping[tuple[Audience, str], Rendered]
_NOT_OVER: Final = ("invited", *LIVING)
_CURRENT: Final = and_(Plastic.card_id == Card.card_id, Plastic.plastic_id == Card.current_plastic_id)


def tell(session: Session, event: Waiting, piece: Piece, now: datetime) -> frozenset[UUID]:
    """Tell whom the piece's tokens or rights belong to, each once however many, or its people. Answers whose inboxes
    grew.
    """
    if piece.tokens is not None:
        found = _of_tokens(session, event, piece.tokens, now)
    elif piece.rights is not None and piece.lowered is not None:
        found = _of_rights(session, event, piece.rights, piece.lowered, now)
    elif piece.holders is not None and piece.news is not None:
        found = _of_holders(session, event, piece.holders, piece.news, now)
    else:
        return frozenset()
    told = {each.recipient_id: each for each in found}
    return write(session, event, list(told.values()), now)


def _of_tokens(session: Session, event: Waiting, concerned: ColumnElement[bool], now: datetime) -> Iterator[Told]:
    """Of tokens that were set up: others did not pay before, and their people know it."""
    words = _words(session, event)
    under = and_(DrawingRight.card_id == Token.card_id, DrawingRight.right_id == Token.right_id)
    paying = _whose(Token, now).outerjoin(DrawingRight, under).where(concerned, Token.state == "active")
    for row in session.execute(paying):
        yield from _told(*row, words, now)


def _told(holder_id: UUID, language: str, right: DrawingRight | None, words: Words, now: datetime) -> Iterator[Told]:
    to = wording.language(language)
    if right is None:
        yield Told(holder_id, None, words[Audience.HOLDER, to])
    elif drawing_rights.status(right, now) in LIVING:
        yield Told(holder_id, None, words[Audience.HOLDER, to])
        yield Told(right.right_id, None, words[Audience.DELEGATE, to])


def _words(session: Session, event: Waiting) -> Words:
    """What they read, which is the same for all of one language."""
    requestor = session.get_one(Requestor, event.card_id)
    happening = Happening(event.type, event.payload, event.at, card_last4="", wallet_name=requestor.name)
    tellings = audiences.tellings(event.type, event.payload)
    return {(each.audience, to): render(each, happening, to) for each in tellings for to in wording.LANGUAGES}


def _of_rights(
    session: Session, event: Waiting, concerned: ColumnElement[bool], lowered: Lowered, now: datetime
) -> Iterator[Told]:
    to_holder, to_delegate = audiences.tellings(event.type, event.payload)

    @cache
    def words(telling: Telling, language: str, limits: tuple[str, ...], to_a_child: bool) -> Rendered:
        figures = {limit: lowered.figures[limit] for limit in limits}
        payload = {"figures": figures, "from": lowered.since}
        return render(telling, Happening(event.type, payload, event.at, card_last4="", is_child=to_a_child), language)

    for holder_id, language, right in session.execute(_whose(DrawingRight, now).where(concerned)):
        status = drawing_rights.status(right, now)
        if status in _NOT_OVER:
            yield Told(holder_id, None, words(to_holder, language, tuple(lowered.figures), False))
        if status in LIVING:
            felt = tuple(ceilings.felt_by(right, lowered))
            yield Told(right.right_id, None, words(to_delegate, language, felt, is_child(right, now)))


def _of_holders(
    session: Session, event: Waiting, concerned: ColumnElement[bool], news: News, now: datetime
) -> Iterator[Told]:
    """Of people with a card that lives."""
    changed, not_as_told = audiences.tellings(event.type, event.payload)
    telling = not_as_told if news.not_as_told else changed
    payload = {"pin_above": news.pin_above, "pin_above_before": news.before, "from": news.since}
    happening = Happening(event.type, payload, event.at, card_last4="")
    words = {to: render(telling, happening, to) for to in wording.LANGUAGES}
    people = select(Cardholder.holder_id, Cardholder.language).where(concerned)
    living = select(Card.card_id).join(Plastic, _CURRENT).where(Card.holder_id == Cardholder.holder_id, *_live(now))
    for holder_id, language in session.execute(people.where(living.exists())):
        yield Told(holder_id, None, words[wording.language(language)])


def _whose(what: type[Token | DrawingRight], now: datetime) -> Select[UUID, str, DrawingRight]:
    """Of tokens or rights of cards that live: the cards' holders, and the rights."""
    return (
        select(Card.holder_id, Cardholder.language, DrawingRight)
        .select_from(what)
        .join(Card, Card.card_id == what.card_id)
        .join(Cardholder, Cardholder.holder_id == Card.holder_id)
        .join(Plastic, _CURRENT)
        .where(*_live(now))
    )


def _live(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Card.state != "closed", Plastic.expiry >= local_date(now)
