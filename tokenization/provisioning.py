"""Putting a card on a phone: ID&V, the limits of R-3.3c, and the decision, which is pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tokenization import cards, events, ids, numbers, tokens
from tokenization.models import Card, CardEntryFailure, Plastic, Provisioning, Requestor, Token
from tokenization.policies import ProvisioningPolicy
from tokenization.secret import Cvc
from tokenization.vault import Vault


@dataclass(frozen=True, slots=True)
class CardEntry:
    """A physical card as it was typed in. `expiry` is `2029-09`."""

    number: str
    expiry: str
    cvc: str

    def __repr__(self) -> str:
        return "CardEntry(***)"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a phone asks for: a token in that scheme on that device, for the card's holder or under a drawing right."""

    requestor: Requestor
    scheme: str
    device: tokens.Device
    right_id: UUID | None
    card_was_typed_in: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision looks at. The counts leave out what this device already has: it would be replaced."""

    card_status: str
    requestor_status: str
    requestor_kind: str
    requestor_schemes: frozenset[str]
    card_schemes: frozenset[str]
    scheme: str
    under_right: bool
    active_tokens: int
    provisionings_in_window: int
    card_was_typed_in: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Make the token; `verified` says whether a code must be confirmed first (the schemes' green and yellow)."""

    verified: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Make none (the schemes' red). `code` is the API's; `facts` go with it."""

    code: str
    facts: dict[str, Any]


HALVES: Final = {  # R-3.3e: a token is one scheme's half of a co-badged card
    "visa_dankort": frozenset({"visa", "dankort"}),
    "dankort": frozenset({"dankort"}),
    "visa": frozenset({"visa"}),
}


def decide(facts: Facts, policy: ProvisioningPolicy) -> Accepted | Refused:
    """May this card be put on this phone? R-3.3a to R-3.3e, R-10.1."""
    if facts.requestor_kind != "wallet" or facts.requestor_status != "active":
        return Refused("wallet-not-approved", {})
    if facts.scheme not in facts.requestor_schemes or facts.scheme not in facts.card_schemes:
        return Refused("wallet-not-approved", {"scheme": facts.scheme})
    if facts.card_status != "active":
        return Refused(f"card-{facts.card_status}", {})
    limit = policy.phones_per_drawing_right if facts.under_right else policy.active_tokens_per_card
    too_often = not facts.under_right and facts.provisionings_in_window >= policy.provisionings_per_window
    if facts.active_tokens >= limit or too_often:
        window = {"active_tokens": facts.active_tokens, "limit": limit, "window_days": policy.window_days}
        return Refused("provisioning-limit-reached", window)
    return Accepted(verified=facts.card_was_typed_in or facts.under_right)


def gather(session: Session, card: Card, wish: Wish, policy: ProvisioningPolicy, now: datetime) -> Facts:
    """Read what the decision needs; the card's lock is held, so the counts stand still."""
    since = now - timedelta(days=policy.window_days)
    return Facts(
        card_status=cards.status(card, cards.current_plastic(session, card), now),
        requestor_status=wish.requestor.status,
        requestor_kind=wish.requestor.kind,
        requestor_schemes=frozenset(wish.requestor.schemes),
        card_schemes=HALVES[card.scheme],
        scheme=wish.scheme,
        under_right=wish.right_id is not None,
        active_tokens=_other_tokens(session, card.card_id, wish),
        provisionings_in_window=_other_devices(session, card.card_id, wish, since),
        card_was_typed_in=wish.card_was_typed_in,
    )


def provision(
    session: Session,
    vault: Vault,
    space: cards.NumberSpace,
    card: Card,
    wish: Wish,
    policy: ProvisioningPolicy,
    now: datetime,
) -> Token | Refused:
    """Decide, and make the token if the answer is yes. A token that the device has for the same card ends."""
    decision = decide(gather(session, card, wish, policy, now), policy)
    if isinstance(decision, Refused):
        _tell_refused(session, card, wish, decision, now)
        return decision
    for old in _tokens_on_the_device(session, card.card_id, wish):
        tokens.deactivate(session, card, old, by="reprovisioning", now=now)
    token = tokens.create(
        session,
        vault,
        space,
        card,
        requestor=wish.requestor,
        scheme=wish.scheme,
        device=wish.device,
        right_id=wish.right_id,
        verified=decision.verified,
        now=now,
    )
    _remember(session, token, now)
    return token


def _remember(session: Session, token: Token, now: datetime) -> None:
    session.add(
        Provisioning(
            card_id=token.card_id,
            token_id=token.token_id,
            right_id=token.right_id,
            requestor_id=token.requestor_id,
            device_thumbprint=token.device_thumbprint,
            at=now,
        )
    )
    card = cards.locked(session, token.card_id)
    facts = {"decision": token.decision, "scheme": token.scheme, "last4": token.last4}
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


def _other_tokens(session: Session, card_id: UUID, wish: Wish) -> int:
    live = tokens.live_tokens(session, card_id)
    return sum(t.right_id == wish.right_id and t.device_thumbprint != wish.device.thumbprint for t in live)


def _other_devices(session: Session, card_id: UUID, wish: Wish, since: datetime) -> int:
    others = (
        Provisioning.card_id == card_id,
        Provisioning.right_id.is_(None),
        Provisioning.device_thumbprint != wish.device.thumbprint,
        Provisioning.at > since,
    )
    return session.scalar(select(func.count(Provisioning.device_thumbprint.distinct())).where(*others)) or 0


def _tokens_on_the_device(session: Session, card_id: UUID, wish: Wish) -> list[Token]:
    live = tokens.live_tokens(session, card_id)
    return [t for t in live if t.right_id == wish.right_id and t.device_thumbprint == wish.device.thumbprint]


def match_entry(session: Session, vault: Vault, holder_id: UUID, entry: CardEntry) -> Plastic | None:
    """The holder's own active plastic that was typed in, or None: one answer, and one amount of work, for all else."""
    found = cards.find_by_number(session, vault, entry.number)
    card = session.get(Card, found.card_id) if found else None
    plastic = cards.plastic(session, found.card_id, found.plastic_id) if found else None
    expected = cards.cvc(vault, entry.number, cards.month(plastic.expiry) if plastic else entry.expiry)
    cvc_right = expected == Cvc(entry.cvc)
    if card is None or plastic is None or not cvc_right or not numbers.is_number(entry.number):
        return None
    own = card.holder_id == holder_id and plastic.plastic_id == card.current_plastic_id and plastic.state == "active"
    return plastic if own and cards.month(plastic.expiry) == entry.expiry else None


def recent_failures(session: Session, holder_id: UUID, policy: ProvisioningPolicy, now: datetime) -> int:
    """How many wrong cards this person typed in within the pause; the holder's lock is held."""
    since = now - timedelta(hours=policy.pause_hours)
    wrong = (CardEntryFailure.holder_id == holder_id, CardEntryFailure.at > since)
    return session.scalar(select(func.count()).select_from(CardEntryFailure).where(*wrong)) or 0


def note_failure(session: Session, holder_id: UUID, now: datetime) -> None:
    """Count a wrong entry, for the person who typed it: so nobody can lock another's card."""
    session.add(CardEntryFailure(holder_id=holder_id, failure_id=ids.new_id(), at=now))
