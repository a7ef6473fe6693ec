"""What goes to the card bureau that embosses new plastics: encrypted to its key, each at least once, and noted.

What an answer over HTTP has handed out counts as ordered; the others wait here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import and_, literal, select
from sqlalchemy.orm import Session

from tokenization import card_verification, cards, envelopes, events, ids
from tokenization.models import Card, Cardholder, Plastic
from tokenization.vault import Vault

PAGE: Final = 500
_INACTIVE: Final = literal("inactive", literal_execute=True)  # in the statement, so that the partial index serves


@dataclass(frozen=True, slots=True)
class Order:
    """A plastic that waits, its card and whose it is."""

    card: Card
    plastic: Plastic
    holder: Cardholder


def waiting(session: Session, after: UUID | None) -> list[Order]:
    """The next page of plastics that nobody has been told to make, by card. A blocked card's waits until it isn't."""
    newest = and_(Plastic.card_id == Card.card_id, Plastic.plastic_id == Card.current_plastic_id)
    wanted = (
        select(Card, Plastic, Cardholder)
        .join(Plastic, newest)
        .join(Cardholder, Cardholder.holder_id == Card.holder_id)
        .where(Plastic.state == _INACTIVE, Plastic.ordered_at.is_(None), Card.state == "active")
    )
    if after is not None:
        wanted = wanted.where(Plastic.card_id > after)
    return [Order(*row) for row in session.execute(wanted.order_by(Plastic.card_id).limit(PAGE))]


def encrypted(session: Session, vault: Vault, order: Order, bureau: ECKey) -> str:
    """What is embossed and to whom it is sent, as a compact JWE to the bureau's key.

    Raises Erased, and VaultError where the number or the CVC cannot be had.
    """
    card, plastic, holder = order.card, order.plastic, order.holder
    number = cards.reveal_number(session, vault, card.card_id, plastic.plastic_id)
    content = {
        "card_id": ids.to_text("card", card.card_id),
        "plastic_id": ids.to_text("plst", plastic.plastic_id),
        "scheme": card.scheme,
        "number": number.reveal(),
        "expiry": cards.month(plastic.expiry),
        "cvc": card_verification.of_plastic(vault.ring, plastic, number).reveal(),
        "name": holder.name,
        "address": holder.address,
    }
    return envelopes.sealed(content, bureau, kid=bureau.thumbprint())


def note(session: Session, card: Card, plastic_id: UUID, thumbprint: str, now: datetime) -> bool:
    """Its data is out, whatever has become of it since: not again. False if that was noted before. The lock is held."""
    plastic = session.get_one(Plastic, (card.card_id, plastic_id), populate_existing=True)
    if plastic.ordered_at is not None:
        return False
    plastic.ordered_at = now
    event = events.PlasticOrdered(
        at=now, card_id=card.card_id, plastic_id=plastic_id, last4=plastic.last4, thumbprint=thumbprint
    )
    events.emit(session, event)
    return True
