"""Blocking and replacing a card, through all floors (R-10, R-12, R-3.6b)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import drawing_rights
from tokenization import cards, credentials, tokens
from tokenization.errors import NotFound
from tokenization.models import Card, Plastic, Token
from tokenization.vault import Vault


@dataclass(frozen=True, slots=True)
class Cascade:
    """What a block reaches, by derivation: nothing of it is written."""

    tokens: int
    drawing_rights: int
    credentials: int


def cascade(session: Session, card: Card, now: datetime) -> Cascade:
    """Count the live tokens, drawing rights and credentials of a card."""
    return Cascade(
        tokens=cards.live_token_count(session, card.card_id),
        drawing_rights=drawing_rights.count_live(session, card.card_id, now),
        credentials=credentials.active_count(session, card.card_id),
    )


def suspend_also(session: Session, card: Card, token_ids: list[UUID], now: datetime) -> None:
    """Suspend tokens of the card beside the block: they stay so when it is lifted. Raises NotFound."""
    for token_id in token_ids:
        token = session.get(Token, (card.card_id, token_id))
        if token is None:
            raise NotFound("also_suspend names a token that is not of this card")
        tokens.suspend(session, card, token, by="cardholder", reason="other", now=now)


def replace(
    session: Session, vault: Vault, space: cards.NumberSpace, card: Card, reason: str, now: datetime
) -> Plastic:
    """A new plastic; tokens and credentials follow it, but for misuse, which retires the tokens."""
    fresh = cards.replace(session, vault, space, card, reason, now)
    credentials.follow_replacement(session, card.card_id)
    if reason == "misused":
        for token in tokens.live_tokens(session, card.card_id):
            tokens.deactivate(session, card, token, by="issuer", now=now)
    return fresh
