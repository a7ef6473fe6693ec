"""Putting a card on a phone: decide, and make the token if the answer is yes (R-3.3)."""

from datetime import datetime

from sqlalchemy.orm import Session

from tokenization import events, life_cycle, tokens
from tokenization.models import Card, Provisioning, Token
from tokenization.number_space import NumberSpace
from tokenization.policies import Policies
from tokenization.provisioning.decision import Refused, decide
from tokenization.provisioning.history import Wish, gather, replaced
from tokenization.vault import Vault


def provision(
    session: Session, vault: Vault, space: NumberSpace, card: Card, wish: Wish, policies: Policies, now: datetime
) -> Token | Refused:
    """Decide, and make the token if the answer is yes. The card's lock is held.

    It takes the place of the one on the same device: who has activated that one has had its answer, so this is no retry
    but a wish for another; and of a first answer that was lost, nothing is left over.
    """
    live = tokens.live_tokens(session, card.card_id)
    decision = decide(gather(session, card, live, wish, policies, now), policies)
    if isinstance(decision, Refused):
        _tell_refused(session, card, wish, decision, now)
        return decision
    for old in replaced(live, wish):
        life_cycle.deactivate(session, card, old, by="reprovisioning", reason="reprovisioned", now=now)
    token = tokens.create(
        session,
        vault,
        space,
        card,
        requestor=wish.requestor,
        scheme=wish.scheme,
        device=wish.device,
        right_id=wish.right_id,
        doubt=decision.doubt,
        now=now,
    )
    _remember(session, card, token, wish, now)
    return token


def _remember(session: Session, card: Card, token: Token, wish: Wish, now: datetime) -> None:
    copied = ("card_id", "token_id", "right_id", "requestor_id", "device_thumbprint")
    session.add(Provisioning(**{name: getattr(token, name) for name in copied}, country=wish.country, at=now))
    facts = {"decision": token.decision, "reason": token.decision_reason, "scheme": token.scheme, "last4": token.last4}
    events.emit(session, tokens.changed(events.TokenProvisioned, card, token, now, **facts))


def _tell_refused(session: Session, card: Card, wish: Wish, refused: Refused, now: datetime) -> None:
    event = events.ProvisioningRefused(
        at=now,
        card_id=card.card_id,
        holder_id=card.holder_id,
        right_id=wish.right_id,
        requestor_id=wish.requestor.requestor_id,
        device_name=wish.device.name,
        reason=refused.code,
    )
    events.emit(session, event)
