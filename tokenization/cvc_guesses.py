"""Guesses of a plastic's CVC: so many wrong ones on a day in Copenhagen, at whatever door, and then none is compared.

One count for payments and for shops that keep a card on file (docs/adr/034). Whoever counts holds the card's lock. A
`plastic` is its row, or a record of it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tokenization import card_verification, events
from tokenization.clock import local_date
from tokenization.keys.ring import KeyRing
from tokenization.models import Plastic
from tokenization.policies import PaymentsPolicy
from tokenization.secret import Cvc, Number
from tokenization.vault import VaultError


def made_today(plastic: Any, now: datetime) -> int:
    """How many wrong ones count on this day."""
    return int(plastic.wrong_cvcs) if plastic.wrong_cvcs_on == local_date(now) else 0


def are_used_up(made: int, policy: PaymentsPolicy) -> bool:
    """Whether no more is compared on this day, nor counted: a right one, too, would tell that it is."""
    return made >= policy.wrong_cvcs_per_day


def count_wrong(session: Session, plastic: Any, holder_id: UUID, policy: PaymentsPolicy, now: datetime) -> None:
    """One more on this day. Of the last one the cardholder is told: somebody may be guessing (R-S2)."""
    plastic.wrong_cvcs, plastic.wrong_cvcs_on = made_today(plastic, now) + 1, local_date(now)
    if plastic.wrong_cvcs == policy.wrong_cvcs_per_day:
        guessed = events.CvcGuessed(
            at=now,
            card_id=plastic.card_id,
            holder_id=holder_id,
            plastic_id=plastic.plastic_id,
            last4=plastic.last4,
            guesses=plastic.wrong_cvcs,
        )
        events.emit(session, guessed)


def try_one(
    session: Session,
    ring: KeyRing,
    plastic: Plastic,
    number: Number,
    shown: Cvc,
    *,
    holder_id: UUID,
    policy: PaymentsPolicy,
    now: datetime,
) -> bool:
    """Whether a CVC is the one on a plastic of that number; a wrong one counts. False for every one, right or wrong,
    once the day's guesses are used up. Where its key is retired it is neither, and does not count.
    """
    if are_used_up(made_today(plastic, now), policy):
        return False
    try:
        is_right = card_verification.of_plastic(ring, plastic, number) == shown
    except VaultError:
        return False
    if not is_right:
        count_wrong(session, plastic, holder_id, policy, now)
    return is_right
