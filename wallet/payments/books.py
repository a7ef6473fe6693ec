"""Keeping the books: whatever moves a payment moves its account and its usage by the same, under the card's lock.

The payment stands in its own currency; account and usage move by what is billed (billing.py).
"""

import dataclasses

from sqlalchemy.orm import Session

from delegation import requests, usage
from delegation.usage import Charge, Delta
from wallet.payments import accounts
from wallet.payments.billing import Movement, rate_of
from wallet.payments.models import Account, Payment
from wallet.payments.standing import Standing


def standing(payment: Payment) -> Standing:
    """Where a payment stands."""
    return Standing(**{each.name: getattr(payment, f"{each.name}_minor") for each in dataclasses.fields(Standing)})


def move(session: Session, payment: Payment, account: Account, after: Standing) -> None:
    """Move a payment on. Usage is taken from, or given back to, the day on which it was authorised.

    A payment that is wholly reversed counts as none: the one-off that it spent is there again.
    """
    moved = Movement.between(standing(payment), after, rate_of(payment))
    book(account, moved)
    for more in charges(payment, moved):
        usage.charge(session, more.card_id, more.scope_id, more.day, more.delta)
    for less in charges(payment, -moved):
        usage.give_back(session, less.card_id, less.scope_id, less.day, less.delta)
    if payment.right_id is not None and moved.payments < 0:
        requests.give_back(session, payment.card_id, payment.right_id, payment.payment_id)
    for name, minor in dataclasses.asdict(after).items():
        setattr(payment, f"{name}_minor", minor)


def charges(payment: Payment, moved: Movement) -> list[Charge]:
    """What a movement adds to usage: the card's and its drawing right's, on the day of the payment. What it gives back
    is what the opposite movement adds.
    """
    scopes = ((payment.card_id, moved.used), (payment.right_id, moved.reserved))
    return [
        Charge(payment.card_id, scope_id, payment.usage_day, _delta(payment, minor, moved.payments))
        for scope_id, minor in scopes
        if scope_id is not None and minor > 0
    ]


def _delta(payment: Payment, minor: int, payments: int) -> Delta:
    return Delta.of(minor, counted_as=payment.counted_as, scheme=payment.scheme, payments=payments)


def book(account: Account, moved: Movement) -> None:
    """Move an account, whose lock is held."""
    hold = accounts.reserve if moved.held > 0 else accounts.release
    take = accounts.capture if moved.taken > 0 else accounts.give_back
    hold(account, abs(moved.held))
    take(account, abs(moved.taken))
