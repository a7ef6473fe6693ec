"""ID&V of a physical card (R-3.3a): typed in, or named by its holder's app with the CVC; the pause after wrong ones.

Wrong entries are counted for the person who made them, and only so. A card has one holder, whose count is therefore
the card's as well; a stranger's guesses are the stranger's own, and can lock nobody's card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from tokenization import card_verification, cards, ids
from tokenization.clock import local_date
from tokenization.models import Card, CardEntryFailure, PanDirectory, Plastic
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


def verify(session: Session, vault: Vault, holder_id: UUID, entry: CardEntry | KnownCard, now: datetime) -> Card | None:
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
    good = select(Plastic).where(Plastic.card_id == card.card_id, *_is_good(now))
    fits = [_is_on(session, vault, each, entry.cvc) for each in session.scalars(good)]  # all of them: no early end
    return card if any(fits) else None


def _is_on(session: Session, vault: Vault, plastic: Plastic, cvc: Cvc) -> bool:
    number = cards.reveal_number(session, vault, plastic.card_id, plastic.plastic_id)
    version, expiry = plastic.verification_key_version, cards.month(plastic.expiry)
    return card_verification.fits(vault.ring, version, number, expiry, cvc)


def _verify_typed(session: Session, vault: Vault, holder_id: UUID, entry: CardEntry, now: datetime) -> Card | None:
    """One statement, two keyed hashes: an unknown number, another's card, a wrong expiry, a wrong CVC and a plastic
    that is no good any more look alike from outside. What holds is looked at again under the lock, and the number that
    is sealed there: whoever can write to the directory must not put one card on a phone by the number of another.
    """
    found = session.execute(_by_number(vault, entry.number, now)).one_or_none()
    version = found.verification_key_version if found else None
    cvc_is_right = card_verification.fits(vault.ring, version, entry.number, entry.expiry, entry.cvc)
    if found is None or not cvc_is_right or found.holder_id != holder_id or cards.month(found.expiry) != entry.expiry:
        return None
    card = cards.lock(session, found.card_id)
    plastic = (found.card_id, found.plastic_id)
    still = select(Plastic.plastic_id).where(Plastic.card_id == plastic[0], Plastic.plastic_id == plastic[1])
    is_good = session.scalar(still.where(*_is_good(now))) is not None
    return card if is_good and cards.has_number(session, vault, *plastic, entry.number) else None


def _by_number(vault: Vault, number: Number, now: datetime) -> Select[UUID, UUID, UUID, date, int]:
    """Columns, not entities: nothing that was read before the lock may be used after it."""
    of_plastic = and_(Plastic.card_id == PanDirectory.card_id, Plastic.plastic_id == PanDirectory.plastic_id)
    return (
        select(Card.card_id, Plastic.plastic_id, Card.holder_id, Plastic.expiry, Plastic.verification_key_version)
        .join(PanDirectory, PanDirectory.card_id == Card.card_id)
        .join(Plastic, of_plastic)
        .where(PanDirectory.fingerprint == vault.fingerprint("number", number.reveal()), *_is_good(now))
    )


def _is_good(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """In use, and its last day is not over (R-13)."""
    return Plastic.state == "active", Plastic.expiry >= local_date(now)


def pause(wrong_at: Sequence[datetime], policy: ProvisioningPolicy, now: datetime) -> timedelta:
    """How long to wait after so many wrong cards within a pause's length: from the last of them on; or zero.

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
    """Count a wrong entry, for the person who made it."""
    session.add(CardEntryFailure(holder_id=holder_id, failure_id=ids.new_id(), at=now))
