"""What the rules of a payment look at, and what they may answer. Values only; amounts are in minor units of the
account's currency, where nothing else is said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from delegation.judging import OneOff
from delegation.limits import Usage
from delegation.terms import RightTerms
from tokenization.policies import Policies
from wallet.payments.rates import Rate, billed_minor
from wallet.payments.requests import Authorization


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Which limit stopped a payment. Minor units, or a count; `of` is drawing_right, ceiling or policy."""

    name: str
    limit: int | None
    spent: int | None
    of: str

    def as_json(self) -> dict[str, Any]:
        """The contract's object."""
        return {"name": self.name, "limit": self.limit, "spent": self.spent, "of": self.of}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left, in minor units, of the amount limit of a drawing right that is nearest."""

    limit: str
    remaining_minor: int

    def as_json(self) -> dict[str, Any]:
        """As a payment and its event tell it."""
        return {"limit": self.limit, "remaining": self.remaining_minor}


@dataclass(frozen=True, slots=True)
class Declined:
    """No, and why."""

    reason: str
    limit: LimitReached | None = None


@dataclass(frozen=True, slots=True)
class Approved:
    """Yes; of its drawing right the one-off that the payment needs, and what it leaves of the nearest limit."""

    one_off: UUID | None = None
    left: Left | None = None


Verdict = Approved | Declined


@dataclass(frozen=True, slots=True)
class Proof:
    """What the cryptogram showed.

    `device`: its MAC verifies over a fresh, issued ATC, on the right day. `person`: the CVM's MAC does too; None where
    nobody showed who they are. `readable` is False where the keys to check it with cannot be opened any more.
    """

    device: bool
    person: bool | None = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drawing right that a payment is made under: what it permits, what is used, its one-offs in order."""

    terms: RightTerms
    used: Usage
    one_offs: tuple[OneOff, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the rules look at, as it stands under the card's lock.

    `unusable` is why the instrument cannot pay at all, already in the words of a payment; None when it can.
    `cvc_readable` is False where the key that the CVC was made with is retired: nobody can say whether it is right.
    `wrong_cvcs_today` are the guesses of the plastic's CVC that counted on this day in Copenhagen. `rate` is None for a
    payment in the account's own currency, and where there is none to convert another by.
    """

    unusable: str | None
    schemes: frozenset[str]
    account_currency: str
    available_minor: int
    card_usage: Usage
    proof: Proof | None = None
    cvc_matches: bool | None = None
    cvc_readable: bool = True
    wrong_cvcs_today: int = 0
    payments_without_pin: int = 0
    minor_without_pin: int = 0
    own_merchant: bool = True
    waits_for_consent: bool = False
    right: Drawn | None = None
    rate: Rate | None = None

    def billed(self, amount_minor: int) -> int:
        """What so much of the payment's currency costs the account (R-18)."""
        return billed_minor(amount_minor, self.rate)


@dataclass(frozen=True, slots=True)
class Situation:
    """What one rule sees."""

    asked: Authorization
    card: Snapshot
    policies: Policies
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `ask` says no, or yes with what that takes, or has nothing to say. `marks` are those of docs/rules.md;
    `reasons` are all that it may give for a no.
    """

    ask: Callable[[Situation], Verdict | None]
    marks: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in the code and in docs/payments.md."""
        return self.ask.__name__
