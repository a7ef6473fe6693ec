"""An event piece by piece: so many tokens at a time, each piece in a transaction of its own.

A block reaches any number of tokens at once, by derivation (R-10.1); telling of them takes as long as it takes. Nobody
else waits for it: a piece holds the feeds for some milliseconds, and a relay that is killed loses no more than a piece.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from notifications import audiences
from notifications.outbox import Waiting
from tokenization import ids
from tokenization.models import Requestor, Token

SIZE: Final = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """The next tokens that an event concerns, by their ids: how to find them (None without any), and whose they are.

    `progress` is the last of them where more come after it, and None where this is all.
    """

    tokens: ColumnElement[bool] | None = None
    requestors: frozenset[UUID] = frozenset()
    progress: UUID | None = None


def following(session: Session, event: Waiting) -> Piece:
    """What is to be told next."""
    concerned = _tokens_concerned(event)
    if concerned is None or _is_overtaken(session, event):
        return Piece()
    if event.progress is not None:
        concerned = and_(concerned, Token.token_id > event.progress)
    columns = select(Token.token_id, Token.requestor_id).where(concerned).order_by(Token.token_id)
    found = session.execute(columns.limit(SIZE + 1)).all()
    piece = found[:SIZE]
    if not piece:
        return Piece()
    last = piece[-1].token_id
    requestors = frozenset(row.requestor_id for row in piece)
    return Piece(and_(concerned, Token.token_id <= last), requestors, last if len(found) > SIZE else None)


def _tokens_concerned(event: Waiting) -> ColumnElement[bool] | None:
    of_card, living = Token.card_id == event.card_id, Token.state != "deactivated"
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
