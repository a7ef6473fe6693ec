"""What a sign-in is to confirm, where that is one thing of one person's: looked up here, never believed.

An app names a token, and nothing about it. What MitID shows is what the bank knows; and it shows it only for the phone
that the token is on, while the token waits to be verified (docs/adr/019).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import cards, life_cycle, token_status
from tokenization.errors import IllegalMove
from tokenization.models import Card, Cardholder, Requestor, Token
from wallet.access import step_up
from wallet.access.mitid import reference_texts
from wallet.access.mitid.reference_texts import ReferenceText
from wallet.services import services

# One answer for all that can be wrong: who has only an id learns nothing by it.
_NOTHING: Final = "purpose names no token that waits to be verified on this phone, as it stands now"


@dataclass(frozen=True, slots=True)
class Consent:
    """Who can give it, and what MitID shows of it."""

    holder_id: UUID
    shown: ReferenceText


def asked_for(parameters: Mapping[str, str]) -> Consent | None:
    """What an authorization request asks its person to confirm; None where its purpose is about no one thing.

    Raises InvalidRequestError unless it is a token of the phone whose key the code is for, unverified, and at the
    version that the purpose names.
    """
    token_id = step_up.token_in(parameters.get("purpose"))
    if token_id is None:
        return None
    if not services().settings.broker.shows_text:
        raise InvalidRequestError("MitID is not asked to show what is confirmed here")
    now = services().clock.now()
    with services().database.reading() as session:
        found = _to_verify(session, token_id, parameters, now)
    if found is None:
        raise InvalidRequestError(_NOTHING)
    return found


def _to_verify(session: Session, token_id: UUID, asked: Mapping[str, str], now: datetime) -> Consent | None:
    token = session.scalar(select(Token).where(Token.token_id == token_id))
    if token is None or token.right_id is not None or token.device_thumbprint != asked.get("dpop_jkt"):
        return None
    card, wallet = session.get_one(Card, token.card_id), session.get_one(Requestor, token.requestor_id)
    if asked["purpose"] != step_up.to_verify(token_id, token_status.version(token, card, wallet)):
        return None
    try:
        life_cycle.require(session, card, token, "verify", also=frozenset(), now=now)
    except IllegalMove:
        return None
    told = {"card": cards.current_plastic(session, card).last4, "device": token.device_name, "wallet": wallet.name}
    holder = session.get_one(Cardholder, card.holder_id)
    return Consent(holder.holder_id, reference_texts.of_verification(holder.language, **told))
