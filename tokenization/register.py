"""The shared register of blocked cards, which merchants and banks may ask (R-21). It never gives the reason."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from tokenization.cards import BLOCK_REASONS
from tokenization.models import Card, PanDirectory, Plastic
from tokenization.vault import Vault

_ENTERED: Final = or_(Card.block_reason.is_not(None), Plastic.ended_reason.in_(BLOCK_REASONS))


def are_blocked(session: Session, vault: Vault, numbers: Sequence[str]) -> list[bool]:
    """Of each number, whether it is in the register.

    All numbers of a card are that is blocked, or was when it was closed; and for good one whose plastic ended by what
    blocks a card. So an old number stays in it when a new one has been sent.
    """
    fingerprints = [vault.fingerprint("number", number) for number in numbers]
    found = (
        select(PanDirectory.fingerprint)
        .join(Card, Card.card_id == PanDirectory.card_id)
        .join(Plastic, and_(Plastic.card_id == Card.card_id, Plastic.plastic_id == PanDirectory.plastic_id))
        .where(PanDirectory.fingerprint.in_(fingerprints), _ENTERED)
    )
    blocked = set(session.scalars(found))
    return [fingerprint in blocked for fingerprint in fingerprints]


def forget_others(session: Session, card_id: UUID) -> None:
    """Forget the fingerprints of a card's numbers, but of those that are in the register; the card's lock is held."""
    entered = select(Plastic.plastic_id).join(Card, Card.card_id == Plastic.card_id).where(Card.card_id == card_id)
    of_card = delete(PanDirectory).where(PanDirectory.card_id == card_id)
    session.execute(of_card.where(PanDirectory.plastic_id.not_in(entered.where(_ENTERED))))
