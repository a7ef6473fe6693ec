"""The shared register of blocked cards, which merchants and banks may ask (R-21). It never gives the reason."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Select, and_, column, delete, func, literal, or_, select, true
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
    blocked = {fingerprint for fingerprint, is_entered in session.execute(looked_up(fingerprints)) if is_entered}
    return [fingerprint in blocked for fingerprint in fingerprints]


def looked_up(fingerprints: Sequence[bytes]) -> Select[bytes, bool | None]:
    """Of each fingerprint a row, whether it is entered: true, or else.

    It is the next one from there on that is looked up, with its card: so a number that is nobody's takes as long as one
    that is somebody's, and the time does not tell which it was.
    """
    numbers = func.unnest(literal(fingerprints, ARRAY(LargeBinary()))).table_valued(column("wanted", LargeBinary()))
    asked = numbers.render_derived("asked")
    from_there_on = select(PanDirectory).where(PanDirectory.fingerprint >= asked.c.wanted)
    next_one = from_there_on.order_by(PanDirectory.fingerprint).limit(1).lateral("next_one")
    its_plastic = and_(Plastic.card_id == next_one.c.card_id, Plastic.plastic_id == next_one.c.plastic_id)
    return (
        select(asked.c.wanted, and_(next_one.c.fingerprint == asked.c.wanted, _ENTERED))
        .select_from(asked)
        .join(next_one, true())
        .join(Card, Card.card_id == next_one.c.card_id)
        .join(Plastic, its_plastic)
    )


def forget_others(session: Session, card_id: UUID) -> None:
    """Forget the fingerprints of a card's numbers, but of those that are in the register; the card's lock is held."""
    entered = select(Plastic.plastic_id).join(Card, Card.card_id == Plastic.card_id).where(Card.card_id == card_id)
    of_card = delete(PanDirectory).where(PanDirectory.card_id == card_id)
    session.execute(of_card.where(PanDirectory.plastic_id.not_in(entered.where(_ENTERED))))
