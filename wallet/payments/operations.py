"""Captures, reversals and refunds: each once, under the same locks as the authorisation that they belong to."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from tokenization import cards, events, ids
from tokenization.errors import NotFound
from tokenization.events import rfc3339
from wallet.payments import accounts, books, history, references
from wallet.payments.events import PaymentCaptured, PaymentEvent, PaymentRefunded, PaymentReversed, payment_event
from wallet.payments.models import Payment, PaymentOperation, ReferenceDirectory
from wallet.payments.references import AUTHORIZATION, TOMBSTONE, Answer, ReferenceReused
from wallet.payments.requests import Operation
from wallet.payments.standing import MOVES, Refused, moved

Outcome = Answer | ReferenceReused | Refused

HAPPENED: Final[dict[str, type[PaymentEvent]]] = {
    "capture": PaymentCaptured,
    "reversal": PaymentReversed,
    "refund": PaymentRefunded,
}
# What a reversal may run into when all it wants is that nothing is held.
HARMLESS: Final = frozenset({"payment-declined", "nothing-to-reverse"})


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


def _carry_out(session: Session, entry: ReferenceDirectory, asked: Operation, now: datetime) -> Answer | Refused:
    payment = _locked(session, entry)
    if payment is None or not payment.approved:
        return Refused("payment-declined")
    account = accounts.lock(session, payment.account_id)
    before = books.standing(payment)
    after = MOVES[asked.kind](before, asked)
    if isinstance(after, Refused):
        return after
    amount = moved(before, after)
    books.move(session, payment, account, after)
    _write(session, payment, asked, amount, max(payment.amount_minor, before.most), now)
    body = _body(asked, amount, now, payment.payment_id, history.status(payment), payment.currency)
    return _keep(session, entry, asked, body)


def _locked(session: Session, entry: ReferenceDirectory) -> Payment | None:
    """The payment, its card locked; None where the number was unknown."""
    if entry.card_id is None or cards.lock(session, entry.card_id) is None:
        return None
    return session.get_one(Payment, (entry.card_id, entry.payment_id), populate_existing=True)


def _write(
    session: Session, payment: Payment, asked: Operation, amount_minor: int, most_minor: int, now: datetime
) -> None:
    row = PaymentOperation(
        card_id=payment.card_id,
        payment_id=payment.payment_id,
        seq=len(history.operations(session, payment)) + 1,
        kind=asked.kind,
        amount_minor=amount_minor,
        final=asked.final,
        network_reference=asked.reference.text,
        at=now,
    )
    session.add(row)
    card = cards.locked(session, payment.card_id)
    events.emit(session, payment_event(HAPPENED[asked.kind], card, payment, amount_minor, most_minor, now))


def _nothing_to_do(session: Session, entry: ReferenceDirectory, asked: Operation, now: datetime) -> Answer:
    """It was declined, or reversed before: what the acquirer wants is so already."""
    payment = session.get(Payment, (entry.card_id, entry.payment_id)) if entry.card_id else None
    status = history.status(payment) if payment else "declined"
    currency = entry.answer["currency"] if entry.answer else None
    return _keep(session, entry, asked, _body(asked, 0, now, entry.payment_id, status, currency))


def _body(
    asked: Operation, amount_minor: int, now: datetime, payment_id: UUID | None, status: str, currency: str | None
) -> dict[str, Any]:
    return {
        "id": ids.to_text("pay", payment_id) if payment_id else None,
        "status": status,
        "network_reference": asked.reference.text,
        "kind": asked.kind,
        "amount": amount_minor,
        "currency": currency,
        "at": rfc3339(now),
    }


def _keep(session: Session, entry: ReferenceDirectory, asked: Operation, body: dict[str, Any]) -> Answer:
    references.keep(session, asked.reference, entry.card_id, entry.payment_id, body)
    return Answer(body)
