"""Do the books balance? Payments, operations, usage, accounts, journal and outbox, each against the others: drift 0.

A payment stands in its own currency; what it costs its account is worked out here once more, in fractions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation.categories import categories_of
from delegation.models import COUNTERS, DrawingRequest, UsageDay
from delegation.usage import Delta
from notifications import audiences
from notifications.models import OutboxRow
from tokenization import ids, money, policies
from tokenization.clock import local_date
from tokenization.journal.models import JournalEntry
from wallet.payments.models import Account, Payment, PaymentOperation, ReferenceDirectory
from wallet.payments.requests import Operation, Reference
from wallet.payments.standing import MOVES, Refused, Standing, expire

Bucket = tuple[UUID, UUID, date]


def assert_books_balance(session: Session, opened_with: Mapping[UUID, int]) -> None:
    """Raise AssertionError where anything drifts. `opened_with` is the balance of each account before any payment."""
    payments = session.scalars(select(Payment).execution_options(populate_existing=True)).all()
    _check_operations(session, payments)
    _check_accounts(session, payments, opened_with)
    _check_usage(session, payments)
    _check_one_offs(session, payments)
    _check_journal(session, payments)
    _check_outbox(session)
    _check_references(session, payments)


def _operations(session: Session) -> dict[UUID, list[PaymentOperation]]:
    found = defaultdict(list)
    for row in session.scalars(select(PaymentOperation).order_by(PaymentOperation.seq)):
        found[row.payment_id].append(row)
    return found


def _check_operations(session: Session, payments: Iterable[Payment]) -> None:
    """Whoever does again what was done to a payment comes to where it stands."""
    done = _operations(session)
    for payment in payments:
        stood = _stood(session, payment, done[payment.payment_id])
        assert [row.seq for row in done[payment.payment_id]] == list(range(1, len(stood)))
        assert _stands(payment) == stood[-1]


def _stood(session: Session, payment: Payment, done: Iterable[PaymentOperation]) -> list[Standing]:
    """Where a payment stood when it was approved, and after each operation."""
    stood = [_approved(session, payment)]
    for row in done:
        after = _again(stood[-1], row)
        assert not isinstance(after, Refused), f"{row.kind} of {row.amount_minor} was impossible"
        stood.append(after)
    return stood


def _again(before: Standing, row: PaymentOperation) -> Standing | Refused:
    if row.kind == "expiry":
        assert (row.amount_minor, row.network_reference) == (before.held, None)
        return expire(before)
    asked = Operation(Reference("", row.network_reference or "", b""), row.kind, row.amount_minor, row.final)
    return MOVES[row.kind](before, asked)


def _approved(session: Session, payment: Payment) -> Standing:
    holds = policies.load(session, payment.at).holds
    may_estimate = set(holds.estimated_categories) & categories_of(payment.merchant["mcc"])
    margin = payment.amount_minor * (holds.estimated_percent - 100) // 100 if may_estimate and payment.estimated else 0
    return Standing(held=payment.amount_minor, margin=margin) if payment.approved else Standing()


def _stands(payment: Payment) -> Standing:
    columns = ("held", "margin", "captured", "reversed", "refunded", "expired")
    return Standing(**{name: getattr(payment, f"{name}_minor") for name in columns})


def _cost(payment: Payment, minor: int) -> int:
    """What so much of a payment's currency costs: rounded half up, and at least something (R-18)."""
    if payment.rate is None or not minor:
        return minor
    shift = money.exponent("DKK") - money.exponent(payment.currency)
    return max(1, floor(minor * Fraction(payment.rate) * Fraction(10) ** shift + Fraction(1, 2)))


def _cost_held(payment: Payment, standing: Standing) -> int:
    """What the account holds: what the hold costs beyond what was captured."""
    return _cost(payment, standing.captured + standing.held) - _cost(payment, standing.captured)


def _cost_taken(payment: Payment, standing: Standing) -> int:
    return _cost(payment, standing.captured) - _cost(payment, standing.refunded)


def _cost_reserved(payment: Payment, standing: Standing) -> int:
    most = standing.captured + standing.held + standing.margin
    return _cost(payment, most) - _cost(payment, standing.refunded)


def _check_accounts(session: Session, payments: Iterable[Payment], opened_with: Mapping[UUID, int]) -> None:
    held, taken, currencies = Counter[UUID](), Counter[UUID](), {}
    for payment in payments:
        held[payment.account_id] += _cost_held(payment, _stands(payment))
        taken[payment.account_id] += _cost_taken(payment, _stands(payment))
    for account in session.scalars(select(Account).execution_options(populate_existing=True)):
        assert account.held_minor == held[account.account_id]
        assert account.balance_minor == opened_with[account.account_id] - taken[account.account_id]
        currencies[account.account_id] = account.currency
    for payment in payments:
        assert (payment.rate is None) == (payment.rate_of is None)
        is_at_home = payment.currency == currencies[payment.account_id]
        assert not payment.approved or (payment.rate is None) == is_at_home


def _check_usage(session: Session, payments: Iterable[Payment]) -> None:
    """What is held or taken stands in the buckets of the day of the payment; under a right also what it may become."""
    expected: dict[Bucket, Counter[str]] = defaultdict(Counter)
    for payment in payments:
        assert payment.usage_day == local_date(payment.at)
        stands = _stands(payment)
        used = _cost_held(payment, stands) + _cost_taken(payment, stands)
        scopes = [(payment.card_id, used), (payment.right_id, _cost_reserved(payment, stands))]
        for scope, amount in scopes:
            if scope is not None:
                expected[payment.card_id, scope, payment.usage_day].update(_counted(payment, amount))
    found = {}
    for row in session.scalars(select(UsageDay).execution_options(populate_existing=True)):
        found[row.card_id, row.scope_id, row.day] = Counter({name: getattr(row, name) for name in COUNTERS})
    for bucket in expected.keys() | found.keys():
        assert found.get(bucket, Counter()) == expected.get(bucket, Counter()), f"usage of {bucket}"


def _counted(payment: Payment, amount: int) -> dict[str, int]:
    payments = 1 if payment.held_minor or payment.captured_minor else 0
    return asdict(Delta.of(amount, counted_as=payment.counted_as, scheme=payment.scheme, payments=payments))


def _check_one_offs(session: Session, payments: Iterable[Payment]) -> None:
    """Each that is spent let one payment through that is not reversed, of no more than it was for; and no other."""
    requests = session.scalars(select(DrawingRequest).execution_options(populate_existing=True)).all()
    spent = {request.spent_by: request for request in requests if request.spent_by is not None}
    assert len(spent) == sum(request.state == "spent" for request in requests)
    for payment in payments:
        request = spent.pop(payment.payment_id, None)
        if request is not None:
            assert (payment.approved, payment.right_id) == (True, request.right_id)
            assert payment.held_minor or payment.captured_minor
            assert _cost(payment, payment.amount_minor + payment.margin_minor) <= request.amount
            assert request.merchant is None or request.merchant["id"] == payment.merchant["id"]
    assert not spent


_OPERATION_BY_EVENT = {
    "payment.captured": "capture",
    "payment.reversed": "reversal",
    "payment.refunded": "refund",
    "payment.expired": "expiry",
}


def _check_journal(session: Session, payments: Iterable[Payment]) -> None:
    """One entry for each payment, and one for each step of it, with the same amounts, in the same order."""
    told: dict[str, list[tuple[str, int, int | None]]] = defaultdict(list)
    ordered = select(JournalEntry).where(JournalEntry.type.startswith("payment.")).order_by(JournalEntry.seq)
    for entry in session.scalars(ordered.execution_options(populate_existing=True)):
        payload: dict[str, Any] = entry.payload or {}
        billed = payload["billed"] and payload["billed"]["amount"]
        told[payload["payment_id"]].append((entry.type, payload["amount"], billed))
    done = _operations(session)
    event_of = {kind: type_ for type_, kind in _OPERATION_BY_EVENT.items()}
    for payment in payments:
        verdict = "payment.approved" if payment.approved else "payment.declined"
        rows, cost = done[payment.payment_id], _cost(payment, payment.amount_minor)
        moved = _moved(payment, _stood(session, payment, rows))
        steps = [(event_of[row.kind], row.amount_minor, cost) for row, cost in zip(rows, moved, strict=True)]
        is_told = payment.rate is not None and cost <= money.MAX_AMOUNT_MINOR
        first = (verdict, payment.amount_minor, cost if is_told else None)
        assert told.pop(ids.to_text("pay", payment.payment_id)) == [first, *steps]
    assert not told


def _moved(payment: Payment, stood: list[Standing]) -> list[int | None]:
    """What each step cost the account, or gave back to it; nothing is told of it in the account's own currency."""
    if payment.rate is None:
        return [None] * (len(stood) - 1)
    taken = [_cost_taken(payment, each) for each in stood]
    used = [_cost_held(payment, each) + _cost_taken(payment, each) for each in stood]
    captures = [after.captured > before.captured for before, after in pairwise(stood)]
    return [
        taken[nth + 1] - taken[nth] if is_capture else used[nth] - used[nth + 1]
        for nth, is_capture in enumerate(captures)
    ]


def _check_outbox(session: Session) -> None:
    """Whatever concerns anybody is waiting to be told: no relay runs beside these tests."""
    entries = session.scalars(select(JournalEntry).where(JournalEntry.type.startswith("payment."))).all()
    wanted = {entry.event_id for entry in entries if audiences.concerns_anybody(entry.type, entry.payload or {})}
    waiting = session.scalars(select(OutboxRow.event_id).where(OutboxRow.type.startswith("payment.")))
    assert set(waiting) == wanted


def _check_references(session: Session, payments: Iterable[Payment]) -> None:
    """Each payment, and each step of it, came of one reference that its client may repeat."""
    named = select(ReferenceDirectory.payment_id, ReferenceDirectory.operation, ReferenceDirectory.network_reference)
    rows = session.execute(named.where(ReferenceDirectory.card_id.is_not(None))).all()
    authorized = Counter(payment_id for payment_id, operation, _ in rows if operation == "authorization")
    assert authorized == Counter(payment.payment_id for payment in payments)
    steps = Counter(
        (row.payment_id, row.kind, row.network_reference)
        for row in session.scalars(select(PaymentOperation).where(PaymentOperation.kind != "expiry"))
    )
    assert all(count == 1 for count in steps.values())
    assert steps.keys() <= {tuple(row) for row in rows}
