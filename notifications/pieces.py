"""An event piece by piece: so many tokens, drawing rights or people at a time, each piece in a transaction of its own.

A block reaches any number of tokens at once, by derivation (R-10.1); telling of them takes as long as it takes. Nobody
else waits for it: a piece holds the feeds for some milliseconds, and a relay that is killed loses no more than a piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from delegation.models import DrawingRight
from notifications import audiences, ceilings, pin_limits
from notifications.ceilings import Lowered
from notifications.outbox import Waiting
from notifications.pin_limits import News
from tokenization import ids, tokens
from tokenization.models import Cardholder, Requestor, Token

SIZE: Final = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """The next tokens, drawing rights or cardholders that an event concerns, by their ids: how to find them (None
    without any), whose the tokens are, what is lowered for the rights, and what is new to the cardholders.

    `progress` is the last of them where more come after it, and None where this is all.
    """

    tokens: ColumnElement[bool] | None = None
    requestors: frozenset[UUID] = frozenset()
    rights: ColumnElement[bool] | None = None
    lowered: Lowered | None = None
    holders: ColumnElement[bool] | None = None
    news: News | None = None
    progress: UUID | None = None


def following(session: Session, event: Waiting, now: datetime) -> Piece:
    """What is to be told next."""
    if event.type in audiences.ABOUT_A_POLICY:
        of_whom = _of_holders if event.payload["name"] == pin_limits.POLICY else _of_rights
        return of_whom(session, event, now)
    concerned = _tokens_concerned(event)
    if concerned is None or _is_overtaken(session, event):
        return Piece()
    behind = _behind(event, Token.token_id, concerned)
    columns = select(Token.token_id, Token.requestor_id).where(behind).order_by(Token.token_id)
    found = session.execute(columns.limit(SIZE + 1)).all()
    if not found:
        return Piece()
    requestors = frozenset(row.requestor_id for row in found[:SIZE])
    last, more = _last([row.token_id for row in found])
    return Piece(tokens=and_(behind, Token.token_id <= last), requestors=requestors, progress=last if more else None)


def _of_rights(session: Session, event: Waiting, now: datetime) -> Piece:
    lowered = ceilings.lowered(session, event, now)
    if not lowered.figures:
        return Piece()
    behind = _behind(event, DrawingRight.right_id, ceilings.reached_above(lowered))
    in_order = select(DrawingRight.right_id).where(behind).order_by(DrawingRight.right_id)
    found = session.scalars(in_order.limit(SIZE + 1)).all()
    if not found:
        return Piece()
    last, more = _last(found)
    these = and_(behind, DrawingRight.right_id <= last)
    return Piece(rights=these, lowered=lowered, progress=last if more else None)


def _of_holders(session: Session, event: Waiting, now: datetime) -> Piece:
    news = pin_limits.load(session, event, now)
    if news is None:
        return Piece()
    behind = _behind(event, Cardholder.holder_id, true())
    in_order = select(Cardholder.holder_id).where(behind).order_by(Cardholder.holder_id)
    found = session.scalars(in_order.limit(SIZE + 1)).all()
    if not found:
        return Piece()
    last, more = _last(found)
    return Piece(holders=and_(behind, Cardholder.holder_id <= last), news=news, progress=last if more else None)


def _behind(event: Waiting, by: InstrumentedAttribute[UUID], concerned: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those that nobody was told of yet."""
    return concerned if event.progress is None else and_(concerned, by > event.progress)


def _last(found: Sequence[UUID]) -> tuple[UUID, bool]:
    """The last of a piece, and whether more come after it: one more than fits was looked for."""
    return found[:SIZE][-1], len(found) > SIZE


def _tokens_concerned(event: Waiting) -> ColumnElement[bool] | None:
    of_card, living = Token.card_id == event.card_id, tokens.LIVE
    if event.type in audiences.ABOUT_A_TOKEN:
        return and_(of_card, Token.token_id == ids.parse("tok", event.payload["token_id"]))
    if event.type in audiences.ABOUT_TOKENS_OF_A_CARD:
        return and_(of_card, living)
    if event.type in audiences.ABOUT_TOKENS_OF_A_RIGHT:
        return and_(of_card, Token.right_id == ids.parse("right", event.payload["right_id"]), living)
    if event.type in audiences.ABOUT_TOKENS_OF_A_REQUESTOR:
        return and_(Token.requestor_id == ids.parse("reqr", event.payload["requestor_id"]), living)
    return None


def _is_overtaken(session: Session, event: Waiting) -> bool:
    """Whether a requestor was suspended and is back, or the other way round: then the later event has all to tell.

    Its row is held in share mode to the end of the piece, so that nobody is told that it stopped after being told that
    it is back.
    """
    if event.type not in audiences.ABOUT_TOKENS_OF_A_REQUESTOR:
        return False
    requestor_id = ids.parse("reqr", event.payload["requestor_id"])
    held = select(Requestor.status).where(Requestor.requestor_id == requestor_id).with_for_update(read=True)
    changed_to: str = event.payload["changes"]["status"]
    return session.scalar(held) != changed_to
