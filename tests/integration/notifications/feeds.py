"""What merchants read of their feeds, and what is behind it: for the tests of cards on file."""

from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import text
from sqlalchemy.orm import Session

from notifications import bodies, webhooks
from tests.integration.notifications.town import Town
from tokenization import cards, credentials
from tokenization.models import Card, Credential, Requestor

NOWHERE = "http://127.0.0.1:9/hooks"


def feed(
    town: Town, requestor_id: UUID, kind: str = "credential.updated", after: int = 0, limit: int = 50
) -> bodies.Page:
    """What a feed holds, for who only looks."""
    with town.database.reading() as session:
        return bodies.feed(session, town.vault, requestor_id, kind, after=after, limit=limit, now=town.clock.now())


def told(town: Town, requestor_id: UUID, kind: str = "credential.updated") -> list[dict[str, Any]]:
    """The data of each entry of a feed, after a relay did its work."""
    town.tell()
    return [dict(body["data"]) for body in feed(town, requestor_id, kind).bodies]


def last4s(town: Town, card_id: UUID) -> list[str]:
    """Of a card's plastics, the first one first."""
    with town.database.reading() as session:
        rows = session.execute(
            text("SELECT last4 FROM tokenization.plastics WHERE card_id = :card_id ORDER BY plastic_id"),
            {"card_id": card_id},
        )
        return [row.last4 for row in rows]


def withdraw(town: Town, card_id: UUID, credential_id: UUID, by: str) -> None:
    """Somebody takes a registration away."""

    def act(session: Session, card: Card) -> None:
        credential = session.get_one(Credential, (card_id, credential_id))
        credentials.withdraw(session, card, credential, by=by, now=town.clock.now())

    town.change(card_id, act)


def holding_numbers(town: Town, key: ECKey, *, approved: bool = True, allowed: bool = True) -> UUID:
    """A shop that may hold numbers, with a key that the issuer has said yes to."""
    shop = town.requestor(name="Togbilletten", may_hold_numbers=True)
    town.listen(shop, NOWHERE, update_format="encrypted_card", encryption_key=dict(key.as_dict(private=False)))
    with town.transaction() as session:
        if approved:
            webhooks.approve_encryption_key(session, shop)
        session.get_one(Requestor, shop).may_hold_numbers = allowed
    return shop


def number_of(town: Town, card_id: UUID) -> str:
    """A card's number, as it is now."""
    with town.database.reading() as session:
        card = session.get_one(Card, card_id)
        return cards.reveal_number(session, town.vault, card_id, card.current_plastic_id).reveal()


def read(town: Town, requestor_id: UUID, after: int = 0, limit: int = 50) -> bodies.Page:
    """Read a feed as its requestor does: what is shown is noted as received."""
    with town.transaction() as session:
        now = town.clock.now()
        page = bodies.feed(session, town.vault, requestor_id, "credential.updated", after=after, limit=limit, now=now)
        bodies.note_received(session, requestor_id, page.received, page.with_number, now)
        return page


def codes(page: bodies.Page) -> list[str]:
    """What each entry of a page says."""
    return [body["data"]["code"] for body in page.bodies]
