"""A delegate's phone, let in and put out through all floors: pairing, session, tokens (R-2.10). The card is locked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import pairing, requests
from delegation.models import DrawingRight
from tokenization import life_cycle, policies, tokens
from tokenization.models import Card
from wallet.access import sessions
from wallet.access.models import AccessSession


def let_in(
    session: Session, card: Card, right: DrawingRight, *, client_id: str, thumbprint: str, name: str, now: datetime
) -> AccessSession:
    """Pair the phone with that key; its session under this right begins anew. Raises IllegalMove, TooManyPhones."""
    policy = policies.load(session, now).drawing_rights
    paired = pairing.pair(session, right, device_thumbprint=thumbprint, device_name=name, policy=policy, now=now)
    sessions.end_for_pairing(session, paired.pairing_id, reason="paired_anew", now=now)
    return sessions.start_for_child(
        session,
        client_id=client_id,
        thumbprint=thumbprint,
        holder_id=card.holder_id,
        card_id=card.card_id,
        right_id=right.right_id,
        pairing_id=paired.pairing_id,
        now=now,
    )


def put_out(session: Session, card: Card, right: DrawingRight, pairing_id: UUID | None, now: datetime) -> None:
    """End that phone's pairing, or every phone's, with its session, its tokens and what it asked: what is on its way
    from there waits for the card's lock, and finds them ended. Raises PhoneNotFound.
    """
    live = tokens.live_tokens(session, card.card_id)
    for phone in pairing.unpair(session, right, pairing_id=pairing_id, now=now):
        sessions.end_for_pairing(session, phone.pairing_id, reason="unpaired", now=now)
        requests.take_back(session, right, now, phone=phone)
        for token in live:
            if (token.right_id, token.device_thumbprint) == (right.right_id, phone.device_thumbprint):
                life_cycle.deactivate(session, card, token, by="cardholder", reason="unpaired", now=now)
