"""What happens to a payment, in the past tense. Amounts in minor units."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tokenization.events import CardEvent
from tokenization.models import Card
from wallet.payments import billing
from wallet.payments.models import Payment
from wallet.payments.rates import billed_minor


@dataclass(frozen=True, kw_only=True)
class PaymentEvent(CardEvent):
    """Something that happened to a payment, with what the people concerned need to read. `amount` is what this step of
    it moved, `most` what the payment could have become before anything of it was given back (R-3.1a), both as its
    acquirer has them. `billed` is the same in the account's currency, as its people and limits have it, with that
    `currency` and the `rate`; None where there is no other (R-18).
    """

    holder_id: UUID
    payment_id: UUID
    token_id: UUID | None
    credential_id: UUID | None
    right_id: UUID | None
    amount: int
    most: int
    currency: str
    billed: dict[str, Any] | None
    merchant: str
    country: str
    mcc: str
    scheme: str
    reason: str
    limit: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class PaymentApproved(PaymentEvent):
    """`left` is what it leaves of the nearest limit of its drawing right: `limit`, and `remaining` in minor units;
    `one_off` the drawing request whose yes it took, where the terms alone did not permit it.
    """

    type = "payment.approved"
    left: dict[str, Any] | None
    one_off: UUID | None


@dataclass(frozen=True, kw_only=True)
class PaymentDeclined(PaymentEvent):
    """`can_be_asked_for`: whether a yes of the grantor's would let it through (asking.py)."""

    type = "payment.declined"
    can_be_asked_for: bool


@dataclass(frozen=True, kw_only=True)
class PaymentCaptured(PaymentEvent):
    type = "payment.captured"


@dataclass(frozen=True, kw_only=True)
class PaymentReversed(PaymentEvent):
    type = "payment.reversed"


@dataclass(frozen=True, kw_only=True)
class PaymentRefunded(PaymentEvent):
    type = "payment.refunded"


@dataclass(frozen=True, kw_only=True)
class PaymentExpired(PaymentEvent):
    """What was held and not captured in time is free again: `amount`, 0 where only a margin was left (R-3.1a)."""

    type = "payment.expired"


def payment_event(
    kind: Callable[..., PaymentEvent],
    card: Card,
    payment: Payment,
    amount_minor: int,
    most_minor: int,
    now: datetime,
    /,
    step_minor: int | None = None,
    **more: object,
) -> PaymentEvent:
    """An event about a payment; the amounts as PaymentEvent has them, and what else that kind has. `step_minor` is
    what a step moved, billed; the payment itself is converted whole.
    """
    return kind(
        at=now,
        card_id=card.card_id,
        holder_id=card.holder_id,
        payment_id=payment.payment_id,
        token_id=payment.token_id,
        credential_id=payment.credential_id,
        right_id=payment.right_id,
        amount=amount_minor,
        most=most_minor,
        currency=payment.currency,
        billed=_billed(payment, step_minor, most_minor),
        merchant=payment.merchant["name"],
        country=payment.merchant["country"],
        mcc=payment.merchant["mcc"],
        scheme=payment.scheme,
        reason=payment.reason,
        limit=payment.limit,
        **more,
    )


def _billed(payment: Payment, step_minor: int | None, most_minor: int) -> dict[str, Any] | None:
    billed = billing.billed_as_json(payment, step_minor)
    return billed and billed | {"most": billed_minor(most_minor, billing.rate_of(payment))}
