"""What a payment costs its account: amounts of its own currency, by the rate that it keeps. Pure; minor units.

Nothing of it is stored. What is billed of a step is the difference of two sums that are converted whole: so steps add
up to what the payment costs, however they cut it, and what is wholly given back leaves nothing (R-18, ADR 35).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tokenization.money import MAX_AMOUNT_MINOR
from wallet.payments.models import Payment
from wallet.payments.rates import ACCOUNT_CURRENCY, Rate
from wallet.payments.standing import Standing


def rate_of(payment: Payment) -> Rate | None:
    """The rate that a payment keeps; None in the account's own currency, and where it was declined for want of one."""
    if payment.rate is None or payment.rate_of is None:
        return None
    return Rate(payment.currency, ACCOUNT_CURRENCY, payment.rate, payment.rate_of)


def billed(standing: Standing, rate: Rate | None) -> Standing:
    """A standing in the account's currency."""
    if rate is None:
        return standing
    captured = rate.billed(standing.captured)
    with_held = rate.billed(standing.captured + standing.held)
    with_margin = rate.billed(standing.captured + standing.held + standing.margin)
    return Standing(
        held=with_held - captured,
        margin=with_margin - with_held,
        captured=captured,
        reversed=rate.billed(standing.reversed),
        refunded=rate.billed(standing.refunded),
        expired=rate.billed(standing.expired),
    )


@dataclass(frozen=True, slots=True)
class Movement:
    """What moves in account and usage when a payment moves, in the account's currency; what is negative is given back.

    The account holds and has taken so much more; `used` counts in the card's limits, `reserved` in a drawing right's,
    and `payments` in both.
    """

    held: int
    taken: int
    used: int
    reserved: int
    payments: int

    @classmethod
    def between(cls, before: Standing, after: Standing, rate: Rate | None) -> Self:
        """From one standing of a payment to the next. A new payment begins with `Standing()`."""
        old, new = billed(before, rate), billed(after, rate)
        return cls(
            held=new.held - old.held,
            taken=new.taken - old.taken,
            used=new.used - old.used,
            reserved=new.reserved - old.reserved,
            payments=after.payments - before.payments,
        )

    def __neg__(self) -> Self:
        """The movement that takes this one back."""
        return replace(self, **{name: -moved for name, moved in asdict(self).items()})


def billed_step(before: Standing, after: Standing, rate: Rate | None) -> int:
    """What a capture took, or a reversal, a refund or the end of a hold gave back, in the account's currency."""
    old, new = billed(before, rate), billed(after, rate)
    return new.captured - old.captured if after.captured > before.captured else old.used - new.used


def billed_as_json(payment: Payment, step_minor: int | None = None) -> dict[str, Any] | None:
    """The contract's `billed`: what a payment costs its account, or what a step of it moved (`billed_step`). None in
    the account's own currency, where there was no rate, and where it came to more than an amount may be.
    """
    rate = rate_of(payment)
    whole = 0 if rate is None else rate.billed(payment.amount_minor)
    if rate is None or whole > MAX_AMOUNT_MINOR:
        return None
    amount = whole if step_minor is None else step_minor
    return {"amount": amount, "currency": rate.account_currency, "rate": str(rate.value)}
