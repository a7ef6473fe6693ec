"""What is shown of a thing, as the schemas take it: shared by the audiences that see the same thing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from delegation import drawing_rights
from tokenization import cardholders, cards, ids, phone_numbers, policies, requestors, token_status, tokens
from tokenization.models import Card, Cardholder, Requestor, Token, TokenSuspension
from tokenization.provisioning import verification
from tokenization.vault import Vault
from wallet.services import services

Shown = dict[str, Any]


def card(session: Session, row: Card, now: datetime) -> Shown:
    """A card as its holder sees it."""
    plastic = cards.current_plastic(session, row)
    return {
        "card_id": row.card_id,
        "scheme": row.scheme,
        "last4": plastic.last4,
        "expiry": cards.month(plastic.expiry),
        "status": cards.status(row, plastic, now),
        "blocked": _blocked(row),
        "par": row.par,
    }


def _blocked(row: Card) -> Shown | None:
    if row.state != "blocked":
        return None
    return {"reason": row.block_reason, "at": row.blocked_at, "by": row.blocked_by}


def token(session: Session, row: Token, now: datetime, *, to_child: bool = False) -> Shown:
    """A token; a child sees neither the card's id nor its PAR, nor why the bank or the wallet's server suspends it."""
    owner = session.get_one(Card, row.card_id)
    plastic, requestor = cards.current_plastic(session, owner), session.get_one(Requestor, row.requestor_id)
    right = drawing_rights.load(session, row.card_id, row.right_id) if row.right_id else None
    held = tokens.suspensions(session, row.card_id, row.token_id)
    also = drawing_rights.because(right, now) if right else frozenset[str]()
    status = token_status.derive(row, owner, plastic, requestor, [by.by for by in held], now, also)
    return {
        "id": ids.to_text("tok", row.token_id),
        "card_id": None if to_child else ids.to_text("card", row.card_id),
        "drawing_right_id": ids.to_text("right", row.right_id) if row.right_id else None,
        "status": status.status,
        "because": status.because,
        "suspensions": [_suspension(by, to_child=to_child) for by in held],
        "last4": row.last4,
        "expiry": cards.month(plastic.expiry),
        "par": None if to_child else owner.par,
        "scheme": row.scheme,
        "requestor": {"id": ids.to_text("reqr", requestor.requestor_id), "name": requestor.name},
        "device": {"name": row.device_name, "platform": row.device_platform},
        "decision": row.decision,
        "decision_reason": row.decision_reason,
        "verification_methods": _methods(session, owner, row, now),
        "version": token_status.version(row, owner, requestor, right.revision if right else 0),
        "created_at": row.created_at,
    }


def _suspension(held: TokenSuspension, *, to_child: bool) -> Shown:
    hidden = to_child and held.by not in OF_A_CHILDS_SIDE
    return {"by": held.by, "reason": None if hidden else held.reason, "at": held.at}


# Its own, or its parent's, in one of four words; and the PIN that it got wrong.
OF_A_CHILDS_SIDE: Final = frozenset({"cardholder", "pin_locked"})


def _methods(session: Session, owner: Card, row: Token, now: datetime) -> list[str]:
    if row.state != "unverified":
        return []
    holder, policy = session.get_one(Cardholder, owner.holder_id), policies.load(session, now).tokens
    return verification.methods(session, holder, policy, now, mitid_shows_text=services().settings.broker.shows_text)


def masked_mobile(session: Session, vault: Vault, holder: Cardholder) -> str | None:
    """`+45 ****** 78`, or None."""
    number = cardholders.mobile(session, vault, holder)
    return None if number is None else phone_numbers.masked(number)


def contact(session: Session, vault: Vault, requestor: Requestor) -> Shown | None:
    """Who is told when a requestor's webhooks fail, the mobile masked."""
    number = requestors.contact_mobile(session, vault, requestor)
    return None if number is None else {"mobile": phone_numbers.masked(number), "language": requestor.contact_language}


def without_none(row: Mapping[str, Any]) -> Shown:
    """Leave out what isn't there."""
    return {name: value for name, value in row.items() if value is not None}
