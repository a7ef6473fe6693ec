"""Putting a card on a phone: ID&V, the limits of R-3.3c, and the decision, which is pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from tokenization import card_verification, cards, events, ids, life_cycle, tokens
from tokenization.models import Card, CardEntryFailure, PanDirectory, Plastic, Provisioning, Requestor, Token
from tokenization.number_space import NumberSpace
from tokenization.policies import ProvisioningPolicy
from tokenization.secret import Cvc, Number
from tokenization.vault import Vault


@dataclass(frozen=True, slots=True)
class CardEntry:
    """A physical card as it was typed in. `expiry` is `2029-09`."""

    number: Number
    expiry: str
    cvc: Cvc


@dataclass(frozen=True, slots=True)
class KnownCard:
    """A card of one's own as the app knows it, with the CVC that is on the plastic."""

    card_id: UUID
    cvc: Cvc


@dataclass(frozen=True, slots=True)
class Wish:
    """What a phone asks for: a token in that scheme on that device, for the card's holder or under a drawing right."""

    requestor: Requestor
    scheme: str
    device: tokens.Device
    right_id: UUID | None
    card_was_typed_in: bool
    can_text: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision looks at. The counts leave out what would be replaced: this device's own.

    `active_tokens` are the cardholder's tokens of the card, or the phones of one drawing right.
    """

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
    can_text: bool


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
    approved = facts.requestor_kind == "wallet" and facts.requestor_status == "active"
    if not approved or facts.scheme not in facts.requestor_schemes:
        return Refused("wallet-not-approved", {})
    if facts.scheme not in facts.card_schemes:
        return Refused("scheme-not-on-card", {})
    if facts.card_status != "active":
        return Refused(f"card-{facts.card_status}", {})
    limit = policy.phones_per_drawing_right if facts.under_right else policy.active_tokens_per_card
    too_often = not facts.under_right and facts.provisionings_in_window >= policy.provisionings_per_window
    if facts.active_tokens >= limit or too_often:
        window = {"active_tokens": facts.active_tokens, "limit": limit, "window_days": policy.window_days}
        return Refused("provisioning-limit-reached", window)
    if facts.card_was_typed_in or facts.under_right:
        return Accepted(verified=True)
    return Accepted(verified=False) if facts.can_text else Refused("verification-unavailable", {})


def gather(session: Session, card: Card, wish: Wish, policy: ProvisioningPolicy, now: datetime) -> Facts:
    """Read what the decision needs; the card's lock is held, so the counts stand still."""
    since = now - timedelta(days=policy.window_days)
    live = [token for token in tokens.live_tokens(session, card.card_id) if token.right_id == wish.right_id]
    phones = {token.device_thumbprint for token in live} - {wish.device.thumbprint}
    return Facts(
        card_status=cards.status(card, cards.current_plastic(session, card), now),
        requestor_status=wish.requestor.status,
        requestor_kind=wish.requestor.kind,
        requestor_schemes=frozenset(wish.requestor.schemes),
        card_schemes=HALVES[card.scheme],
        scheme=wish.scheme,
        under_right=wish.right_id is not None,
        active_tokens=len(phones) if wish.right_id else len(live) - len(_replaced(live, wish)),
        provisionings_in_window=_other_devices(session, card.card_id, wish, since),
        card_was_typed_in=wish.card_was_typed_in,
        can_text=wish.can_text,
    )


def _replaced(live: Iterable[Token], wish: Wish) -> list[Token]:
    """The tokens that the wish would take the place of: the same half of the card on the same device."""
    new = (wish.right_id, wish.device.thumbprint, wish.scheme)
    return [token for token in live if (token.right_id, token.device_thumbprint, token.scheme) == new]


def _other_devices(session: Session, card_id: UUID, wish: Wish, since: datetime) -> int:
    others = (
        Provisioning.card_id == card_id,
        Provisioning.right_id.is_(None),
        Provisioning.device_thumbprint != wish.device.thumbprint,
        Provisioning.at > since,
    )
    return session.scalar(select(func.count(Provisioning.device_thumbprint.distinct())).where(*others)) or 0


def provision(
    session: Session,
    vault: Vault,
    space: NumberSpace,
    card: Card,
    wish: Wish,
    policy: ProvisioningPolicy,
    now: datetime,
) -> Token | Refused:
    """Decide, and make the token if the answer is yes. The card's lock is held."""
    decision = decide(gather(session, card, wish, policy, now), policy)
    if isinstance(decision, Refused):
        _tell_refused(session, card, wish, decision, now)
        return decision
    for old in _replaced(tokens.live_tokens(session, card.card_id), wish):
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
        verified=decision.verified,
        now=now,
    )
    _remember(session, card, token, now)
    return token


def _remember(session: Session, card: Card, token: Token, now: datetime) -> None:
    copied = ("card_id", "token_id", "right_id", "requestor_id", "device_thumbprint")
    session.add(Provisioning(**{name: getattr(token, name) for name in copied}, at=now))
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


def verify_entry(
    session: Session, vault: Vault, holder_id: UUID, entry: CardEntry | KnownCard, now: datetime
) -> Card | None:
    """The holder's own card that was typed in, or named with its CVC, locked; None for everything else."""
    if isinstance(entry, KnownCard):
        return _verify_known(session, vault, holder_id, entry, now)
    return _verify_typed(session, vault, holder_id, entry, now)


def _verify_known(session: Session, vault: Vault, holder_id: UUID, entry: KnownCard, now: datetime) -> Card | None:
    """Another's card is not looked at: it takes the time of one that is not there."""
    own = select(Card.card_id).where(Card.card_id == entry.card_id, Card.holder_id == holder_id)
    card = cards.lock(session, entry.card_id) if session.scalar(own) else None
    if card is None:
        return None
    active = select(Plastic).where(Plastic.card_id == card.card_id, Plastic.state == "active")
    usable = [plastic for plastic in session.scalars(active) if not cards.is_expired(plastic, now)]
    fits = [_is_on(session, vault, plastic, entry.cvc) for plastic in usable]  # each takes its time, also behind a hit
    return card if any(fits) else None


def _is_on(session: Session, vault: Vault, plastic: Plastic, cvc: Cvc) -> bool:
    number = cards.reveal_number(session, vault, plastic.card_id, plastic.plastic_id)
    version, expiry = plastic.verification_key_version, cards.month(plastic.expiry)
    return card_verification.fits(vault.ring, version, number, expiry, cvc)


def _verify_typed(session: Session, vault: Vault, holder_id: UUID, entry: CardEntry, now: datetime) -> Card | None:
    """One statement, two keyed hashes: an unknown number, another's card, a wrong expiry and a wrong CVC look alike
    from outside. What holds is looked at again under the lock.
    """
    found = session.execute(_by_number(vault, entry.number)).one_or_none()
    version = found.verification_key_version if found else None
    cvc_is_right = card_verification.fits(vault.ring, version, entry.number, entry.expiry, entry.cvc)
    if found is None or not cvc_is_right or found.holder_id != holder_id or cards.month(found.expiry) != entry.expiry:
        return None
    card = cards.lock(session, found.card_id)
    plastic = cards.plastic(session, found.card_id, found.plastic_id)
    return card if plastic.state == "active" and not cards.is_expired(plastic, now) else None


def _by_number(vault: Vault, number: Number) -> Select[UUID, UUID, UUID, date, int]:
    """Columns, not entities: nothing that was read before the lock may be used after it."""
    of_plastic = and_(Plastic.card_id == PanDirectory.card_id, Plastic.plastic_id == PanDirectory.plastic_id)
    return (
        select(Card.card_id, Plastic.plastic_id, Card.holder_id, Plastic.expiry, Plastic.verification_key_version)
        .join(PanDirectory, PanDirectory.card_id == Card.card_id)
        .join(Plastic, of_plastic)
        .where(PanDirectory.fingerprint == vault.fingerprint("number", number.reveal()))
    )


def pause(wrong_at: Sequence[datetime], policy: ProvisioningPolicy, now: datetime) -> timedelta:
    """How long to wait after so many wrong cards in a row: from the last of them on; zero if nobody need wait.

    `wrong_at` are the newest wrong entries, at most as many as the policy allows, the newest first.
    """
    length = timedelta(hours=policy.pause_hours)
    if len(wrong_at) < policy.wrong_card_entries or wrong_at[0] - wrong_at[-1] >= length:
        return timedelta()
    return max(wrong_at[0] + length - now, timedelta())


def wrong_entries(session: Session, holder_id: UUID, policy: ProvisioningPolicy) -> Sequence[datetime]:
    """When this person last typed in a wrong card, for `pause`; the holder's lock is held."""
    newest = select(CardEntryFailure.at).where(CardEntryFailure.holder_id == holder_id)
    return session.scalars(newest.order_by(CardEntryFailure.at.desc()).limit(policy.wrong_card_entries)).all()


def note_failure(session: Session, holder_id: UUID, now: datetime) -> None:
    """Count a wrong entry, for the person who typed it: so nobody can lock another's card."""
    session.add(CardEntryFailure(holder_id=holder_id, failure_id=ids.new_id(), at=now))
