"""Blocking a card, through all floors (R-10)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import drawing_rights
from tokenization import credentials, tokens
from tokenization.errors import CardClosed, Invalid
from tokenization.models import Card, Token


@dataclass(frozen=True, slots=True)
class Cascade:
    """What a block reaches, by derivation: nothing of it is written."""

    tokens: int
    drawing_rights: int
    credentials: int


def cascade(session: Session, card: Card, now: datetime) -> Cascade:
    """Count what lives under a card. Raises CardClosed: of that one nothing does."""
    if card.state == "closed":
        raise CardClosed
    ended = [
        right.right_id
        for right in drawing_rights.load_for_card(session, card.card_id)
        if drawing_rights.status(right, now) in {"revoked", "expired"}
    ]
    return Cascade(
        tokens=tokens.live_count(session, card.card_id, but_for=ended),
        drawing_rights=drawing_rights.count_live(session, card.card_id, now),
        credentials=credentials.active_count(session, card.card_id),
    )


def suspend_also(session: Session, card: Card, token_ids: list[UUID], now: datetime) -> None:
    """Suspend tokens of the card beside the block: they stay so when it is lifted. Raises Invalid.

    One that has ended is passed over: nothing of that kind may hold up a block.
    """
    for token_id in token_ids:
        token = session.get(Token, (card.card_id, token_id), populate_existing=True)
        if token is None:
            raise Invalid("also_suspend", "names a token that is not of this card")
        if token.state != "deactivated":
            tokens.suspend(session, card, token, by="cardholder", reason="other", now=now)
