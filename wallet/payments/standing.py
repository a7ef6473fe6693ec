"""Where the money of a payment stands, and how a capture, a reversal or a refund moves it on. Pure; minor units."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from wallet.payments.requests import Operation


@dataclass(frozen=True, slots=True)
class Standing:
    """So much is held, may be captured beyond that (R-3.1a), was captured and stays so, was reversed, was refunded, was
    held until it ended.
    """

    held: int = 0
    margin: int = 0
    captured: int = 0
    reversed: int = 0
    refunded: int = 0
    expired: int = 0

    @property
    def taken(self) -> int:
        """What the account has paid."""
        return self.captured - self.refunded

    @property
    def used(self) -> int:
        """What it counts for in the card's limits."""
        return self.held + self.taken

    @property
    def reserved(self) -> int:
        """What it counts for in a drawing right's: the most that it can become."""
        return self.used + self.margin

    @property
    def most(self) -> int:
        """The most that it could have become, had nothing been given back."""
        return self.held + self.margin + self.captured + self.reversed + self.expired

    @property
    def payments(self) -> int:
        """Whether it counts as a payment: one, until all of it is reversed, or ended."""
        return 1 if self.held or self.captured else 0


def moved(before: Standing, after: Standing) -> int:
    """How much was captured, reversed or refunded, or ended: of the four, what grew."""
    pairs = (
        (before.captured, after.captured),
        (before.reversed, after.reversed),
        (before.refunded, after.refunded),
        (before.expired, after.expired),
    )
    return max(new - old for old, new in pairs)


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done. `most` is what could be, where the amount was too high."""

    code: str
    most: int | None = None


TOO_HIGH: Final = "amount-too-high"


def capture(before: Standing, asked: Operation) -> Standing | Refused:
    """Take from the hold, then from the margin; the final one gives up what is left of both."""
    amount, most = asked.amount_minor or 0, before.held + before.margin
    if not most:
        return Refused("hold-expired" if before.expired else "nothing-held")
    if amount > most:
        return Refused(TOO_HIGH, most)
    captured, held = before.captured + amount, max(0, before.held - amount)
    if asked.final:
        return replace(before, captured=captured, held=0, margin=0)
    return replace(before, captured=captured, held=held, margin=most - amount - held)


def reverse(before: Standing, asked: Operation) -> Standing | Refused:
    """Give the hold back first, then what was captured. What is corrected is no estimate any more: the margin ends."""
    most = before.used
    amount = most if asked.amount_minor is None else asked.amount_minor
    if not most:
        return Refused("nothing-to-reverse")
    if amount > most:
        return Refused(TOO_HIGH, most)
    from_hold = min(amount, before.held)
    return replace(
        before,
        held=before.held - from_hold,
        margin=0,
        captured=before.captured - (amount - from_hold),
        reversed=before.reversed + amount,
    )


def refund(before: Standing, asked: Operation) -> Standing | Refused:
    """Give back what was captured (R-3.1b). The margin ends here too."""
    amount = asked.amount_minor or 0
    if not before.taken:
        return Refused("nothing-captured")
    if amount > before.taken:
        return Refused(TOO_HIGH, before.taken)
    return replace(before, margin=0, refunded=before.refunded + amount)


def expire(before: Standing) -> Standing:
    """A hold ends in its time: what was not captured by then never is, nor any margin."""
    return replace(before, held=0, margin=0, expired=before.expired + before.held)


MOVES: Final[dict[str, Callable[[Standing, Operation], Standing | Refused]]] = {
    "capture": capture,
    "reversal": reverse,
    "refund": refund,
}
