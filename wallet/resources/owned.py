"""Finding things for a caller: what isn't there and what is somebody else's get the same answer."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation import drawing_rights, requests
from delegation.models import DrawingRequest, DrawingRight
from tokenization import cards, credentials, ids
from tokenization.errors import NotFound
from tokenization.models import Card, Credential, Token
from wallet.access.guard import Caller


def id_from(prefix: str, text: str) -> UUID:
    """An id out of a path. Raises NotFound: what cannot be an id is nothing's."""
    try:
        return ids.parse(prefix, text)
    except ids.InvalidId:
        raise NotFound from None


def card(session: Session, who: Caller, card_id: UUID | None, *, lock: bool = False) -> Card:
    """A card of the calling cardholder, or any card for the bank. Raises NotFound."""
    found = (cards.lock if lock else _look)(session, card_id) if card_id else None
    if found is None or (who.scope != "issuer" and found.holder_id != who.holder_id):
        raise NotFound
    return found


def _look(session: Session, card_id: UUID) -> Card | None:
    return session.get(Card, card_id)


def credential(session: Session, who: Caller, text: str, *, lock: bool = False) -> tuple[Card, Credential]:
    """A credential on the calling cardholder's card, and the card. Raises NotFound."""
    credential_id = id_from("cred", text)
    owner = card(session, who, credentials.card_of(session, credential_id), lock=lock)
    return owner, session.get_one(Credential, (owner.card_id, credential_id), populate_existing=True)


def token(session: Session, who: Caller, text: str, *, lock: bool = False) -> tuple[Card, Token]:
    """A token of the caller, and its card: the holder's own, the child's own, the requestor's own, or any for the bank.

    Raises NotFound.
    """
    token_id = id_from("tok", text)
    found = session.scalar(select(Token).where(Token.token_id == token_id))
    if found is None or not _may_see(session, who, found):
        raise NotFound
    if not lock:
        return session.get_one(Card, found.card_id), found
    owner = cards.lock(session, found.card_id)
    if owner is None:
        raise NotFound
    return owner, session.get_one(Token, (found.card_id, token_id), populate_existing=True)


def _may_see(session: Session, who: Caller, found: Token) -> bool:
    if who.scope == "issuer":
        return True
    if who.scope == "provider":
        return found.requestor_id == who.requestor_id
    if who.scope == "child":
        return found.right_id == who.right_id and found.device_thumbprint == who.thumbprint
    return session.get_one(Card, found.card_id).holder_id == who.holder_id


def right(session: Session, who: Caller, text: str, *, lock: bool = False) -> tuple[Card, DrawingRight]:
    """A drawing right of the calling grantor, or the child's own, and its card. Raises NotFound."""
    right_id = id_from("right", text)
    card_id = drawing_rights.card_of(session, right_id)
    if card_id is None or (who.scope == "child" and right_id != who.right_id):
        raise NotFound
    owner = card(session, who, card_id, lock=lock)
    return owner, drawing_rights.load(session, card_id, right_id)


def request(session: Session, who: Caller, text: str) -> tuple[Card, DrawingRight, DrawingRequest]:
    """What was asked of the calling grantor, its right, and the card, locked. Raises NotFound."""
    request_id = id_from("rqst", text)
    owner = card(session, who, requests.card_of(session, request_id), lock=True)
    found = requests.load(session, owner.card_id, request_id)
    return owner, drawing_rights.load(session, owner.card_id, found.right_id), found
