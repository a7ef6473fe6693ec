"""Blocking, unblocking and closing a card, and a lost phone, through all floors (R-10)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation import drawing_rights
from tokenization import cards, credentials, life_cycle, tokens
from tokenization.errors import CardClosed, Invalid
from tokenization.models import Card, Token
from wallet.access import sessions


@dataclass(frozen=True, slots=True)
class Cascade:
    """What a block reaches, by derivation: nothing of it is written."""

    tokens: int
    drawing_rights: int
    credentials: int


def cascade(session: Session, card: Card, now: datetime) -> Cascade:
    """Count what lives under a card; of one that has expired no token does (R-13). Raises CardClosed: of a closed one
    nothing does.
    """
    if card.state == "closed":
        raise CardClosed
    expired = cards.is_expired(cards.current_plastic(session, card), now)
    living, ended = drawing_rights.by_life(session, card.card_id, now)
    return Cascade(
        tokens=0 if expired else tokens.live_count(session, card.card_id, but_for=ended),
        drawing_rights=len(living),
        credentials=credentials.active_count(session, card.card_id),
    )


def unblock(session: Session, card: Card, now: datetime) -> None:
    """Take the block away; merchants that were told to ask their customer hear that the card is good again. Raises
    IllegalMove.
    """
    asked = card.stayed_blocked_at is not None
    cards.unblock(session, card, now)
    if asked:
        credentials.follow_card(session, card.card_id)


def close(session: Session, card: Card, now: datetime) -> None:
    """End the agreement; the merchants that are told of the card hear that it is over. Raises CardClosed."""
    cards.close(session, card, now)
    credentials.follow_card(session, card.card_id)


def named_tokens(session: Session, card: Card, token_ids: Iterable[UUID]) -> list[Token]:
    """Tokens of the card by their ids, as they stand under its lock. Raises Invalid."""
    found = [session.get(Token, (card.card_id, token_id), populate_existing=True) for token_id in token_ids]
    named = [token for token in found if token is not None]
    if len(named) < len(found):
        raise Invalid("also_suspend", "names a token that is not of this card")
    return named


def suspend_also(session: Session, card: Card, also: Iterable[Token], now: datetime) -> None:
    """Suspend tokens of the card beside the block: they stay so when it is lifted.

    One that has ended is passed over: nothing of that kind may hold up a block.
    """
    for token in also:
        if token.state != "deactivated":
            life_cycle.suspend(session, card, token, by="cardholder", reason="other", now=now)


def has_card_on(session: Session, holder_id: UUID, thumbprint: str) -> bool:
    """Whether that person, or a child of theirs, has a token that lives on the phone."""
    on_phone = (Token.device_thumbprint == thumbprint, Token.state != "deactivated")
    living = select(Token.token_id).join(Card, Card.card_id == Token.card_id).where(*on_phone)
    return session.scalar(living.where(Card.holder_id == holder_id).limit(1)) is not None


def suspend_phone(
    session: Session, thumbprint: str, *, by: str, reason: str, now: datetime, by_delegate: bool = False
) -> None:
    """A phone is lost (R-10.2): suspend every token on it, whosever card it draws on, and end its sessions.

    Card by card in ascending order, so no deadlock; what is on the phone is read again under each lock.
    """
    on_phone = (Token.device_thumbprint == thumbprint, Token.state != "deactivated")
    card_ids = session.scalars(select(Token.card_id).where(*on_phone).distinct().order_by(Token.card_id)).all()
    locked = [card for card_id in card_ids if (card := cards.lock(session, card_id))]
    for card in locked:
        found = select(Token).where(Token.card_id == card.card_id, *on_phone).order_by(Token.token_id)
        for token in session.scalars(found.execution_options(populate_existing=True)).all():
            life_cycle.suspend(session, card, token, by=by, reason=reason, now=now, by_delegate=by_delegate)
    sessions.end_for_phone(session, thumbprint, reason=reason, now=now)
