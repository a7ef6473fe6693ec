"""Payments as they stand: their status, derived from what happened to them, and what was done."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation.categories import categories_at
from wallet.payments.models import Payment, PaymentOperation


def status(payment: Payment) -> str:
    """`declined, held, partly_captured, captured, refunded, expired, reversed`. A verification stays `held`, with
    nothing: it was approved, and nothing comes after it.
    """
    if not payment.approved:
        return "declined"
    if payment.held_minor:
        return "partly_captured" if payment.captured_minor else "held"
    if payment.captured_minor:
        return "refunded" if payment.refunded_minor == payment.captured_minor else "captured"
    if payment.expired_minor:
        return "expired"
    return "reversed" if payment.reversed_minor else "held"


def categories(payment: Payment) -> list[str]:
    """Their names, in order."""
    return sorted(categories_at(payment.merchant["mcc"], payment.kind))


def operations(session: Session, payment: Payment) -> list[PaymentOperation]:
    """What was done to a payment, in order."""
    of_payment = (PaymentOperation.card_id == payment.card_id, PaymentOperation.payment_id == payment.payment_id)
    return list(session.scalars(select(PaymentOperation).where(*of_payment).order_by(PaymentOperation.seq)))
