"""Captures, reversals and refunds: each once, under the same locks as the authorisation that they belong to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from tokenization import cards, events, ids
from tokenization.errors import NotFound
from tokenization.events import rfc3339
from wallet.payments import accounts, billing, books, history, references
from wallet.payments.events import (
    PaymentCaptured,
    PaymentEvent,
    PaymentExpired,
    PaymentRefunded,
    PaymentReversed,
    payment_event,
)
from wallet.payments.models import Account, Payment, PaymentOperation, ReferenceDirectory
from wallet.payments.references import AUTHORIZATION, TOMBSTONE, Answer, Kept, ReferenceReused
from wallet.payments.requests import Operation
from wallet.payments.standing import MOVES, Refused, Standing, moved

Outcome = Answer | ReferenceReused | Refused

HAPPENED: Final[dict[str, type[PaymentEvent]]] = {
    "capture": PaymentCaptured,
    "reversal": PaymentReversed,
    "refund": PaymentRefunded,
    "expiry": PaymentExpired,
}
# What a reversal may run into when all it wants is that nothing is held.
HARMLESS: Final = frozenset({"payment-declined", "nothing-to-reverse"})


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to a payment; by which reference of its client's, where that did it."""

    kind: str
    final: bool
    reference: str | None = None


def operate(session: Session, payment_id: UUID, asked: Operation, now: datetime) -> Outcome:
    """Do it to a payment of the client's own, exactly once. A refusal leaves nothing behind. Raises NotFound."""
    entry = references.payment_of(session, asked.reference.client_id, payment_id)
    if entry is None:
        raise NotFound
    return _once(session, asked, now, lambda: _carry_out(session, entry, asked, now))


def reverse_lost(session: Session, original: str, asked: Operation, now: datetime) -> Outcome:
    """Reverse an authorisation whose answer was lost, by its reference; one that has not come yet is declined then."""

    def by_reference() -> Answer | Refused:
        entry = references.bury(session, asked.reference.client_id, original, now)
        if entry.operation == TOMBSTONE:
            return _keep(session, entry, asked, _body(asked, 0, now, None, "reversed", None))
        if entry.operation != AUTHORIZATION:
            return Refused("not-an-authorization")
        outcome = _carry_out(session, entry, asked, now)
        is_so_already = isinstance(outcome, Refused) and outcome.code in HARMLESS
        return _nothing_to_do(session, entry, asked, now) if is_so_already else outcome

    first = original if original < asked.reference.text else None  # references are claimed ascending, as everywhere
    return _once(session, asked, now, by_reference, bury_first=first)


def _once(
    session: Session,
    asked: Operation,
    now: datetime,
    act: Callable[[], Answer | Refused],
    bury_first: str | None = None,
) -> Outcome:
    """Claim the reference and act. What is refused is rolled back to where it began: no claim, no tombstone stays."""
    outcome: Outcome
    with session.begin_nested() as attempt:
        if bury_first is not None:
            references.bury(session, asked.reference.client_id, bury_first, now)
        ours = references.claim_for(session, asked.reference, asked.kind, now)
        outcome = act() if ours else references.earlier(session, asked.reference)
        if not isinstance(outcome, Answer):
            attempt.rollback()
    return outcome


def carry_out(
    session: Session, payment: Payment, account: Account, after: Standing, step: Step, now: datetime
) -> PaymentEvent:
    """Move a payment on, card and account locked; write down and tell that it was. Answers what is told."""
    before = books.standing(payment)
    amount, most = moved(before, after), max(payment.amount_minor, before.most)
    billed = billing.billed_step(before, after, billing.rate_of(payment))
    books.move(session, payment, account, after)
    row = PaymentOperation(
        card_id=payment.card_id,
        payment_id=payment.payment_id,
        seq=len(history.operations(session, payment)) + 1,
        kind=step.kind,
        amount_minor=amount,
        final=step.final,
        network_reference=step.reference,
        at=now,
    )
    session.add(row)
    card = cards.locked(session, payment.card_id)
    told = payment_event(HAPPENED[step.kind], card, payment, amount, most, now, step_minor=billed)
    events.emit(session, told)
    return told


def _carry_out(session: Session, entry: ReferenceDirectory, asked: Operation, now: datetime) -> Answer | Refused:
    payment = _locked(session, entry)
    if payment is None or not payment.approved:
        return Refused("payment-declined")
    account = accounts.lock(session, payment.account_id)
    after = MOVES[asked.kind](books.standing(payment), asked)
    if isinstance(after, Refused):
        return after
    step = Step(asked.kind, asked.final, asked.reference.text)
    told = carry_out(session, payment, account, after, step, now)
    billed = told.billed and {name: told.billed[name] for name in ("amount", "currency", "rate")}
    body = _body(asked, told.amount, now, payment.payment_id, history.status(payment), payment.currency, billed)
    return _keep(session, entry, asked, body)


def _locked(session: Session, entry: ReferenceDirectory) -> Payment | None:
    """The payment, its card locked; None where the number was unknown."""
    if entry.card_id is None or cards.lock(session, entry.card_id) is None:
        return None
    return session.get_one(Payment, (entry.card_id, entry.payment_id), populate_existing=True)


def _nothing_to_do(session: Session, entry: ReferenceDirectory, asked: Operation, now: datetime) -> Answer:
    """It was declined, or reversed before: what the acquirer wants is so already."""
    payment = session.get(Payment, (entry.card_id, entry.payment_id)) if entry.card_id else None
    status = history.status(payment) if payment else "declined"
    currency = entry.answer["currency"] if entry.answer else None
    return _keep(session, entry, asked, _body(asked, 0, now, entry.payment_id, status, currency))


def _body(
    asked: Operation,
    amount_minor: int,
    now: datetime,
    payment_id: UUID | None,
    status: str,
    currency: str | None,
    billed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": ids.to_text("pay", payment_id) if payment_id else None,
        "status": status,
        "network_reference": asked.reference.text,
        "kind": asked.kind,
        "amount": amount_minor,
        "currency": currency,
        "billed": billed,
        "at": rfc3339(now),
    }


def _keep(session: Session, entry: ReferenceDirectory, asked: Operation, body: dict[str, Any]) -> Answer:
    references.keep(session, Kept(asked.reference, entry.card_id, entry.payment_id, body))
    return Answer(body)
