"""Keeping the books: whatever moves a payment moves its account and its usage by the same, under the card's lock."""

import dataclasses
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import requests, usage
from delegation.usage import Delta
from wallet.payments import accounts
from wallet.payments.models import Account, Payment
from wallet.payments.standing import Standing


def standing(payment: Payment) -> Standing:
    """Where a payment stands."""
    return Standing(**{each.name: getattr(payment, f"{each.name}_minor") for each in dataclasses.fields(Standing)})


def move(session: Session, payment: Payment, account: Account, after: Standing) -> None:
    """Move a payment on. Usage is taken from, or given back to, the day on which it was authorised.

    A payment that is wholly reversed counts as none: the one-off that it spent is there again.
    """
    before = standing(payment)
    accounts.move(account, held_minor=after.held - before.held, taken_minor=after.taken - before.taken)
    payments = after.payments - before.payments
    _use(session, payment, payment.card_id, after.used - before.used, payments)
    if payment.right_id is not None:
        _use(session, payment, payment.right_id, after.reserved - before.reserved, payments)
        if payments < 0:
            requests.give_back(session, payment.card_id, payment.right_id, payment.payment_id)
    for name, minor in dataclasses.asdict(after).items():
        setattr(payment, f"{name}_minor", minor)


def _use(session: Session, payment: Payment, scope_id: UUID, amount_minor: int, payments: int) -> None:
    if not amount_minor and not payments:
        return
    change = usage.give_back if amount_minor < 0 else usage.charge
    delta = Delta.of(
        abs(amount_minor),
        kind=payment.kind,
        mcc=payment.merchant["mcc"],
        scheme=payment.scheme,
        payments=abs(payments),
    )
    change(session, payment.card_id, scope_id, payment.usage_day, delta)
