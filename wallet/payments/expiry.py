"""Holds that end (R-3.1a): when they do, and the chore that ends them.

What is held, and what might be captured beyond it, is given back to account and usage under the locks of card and
account. Until the chore comes by, a hold that is due stands, and may be captured: by the lock, one of both is first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, select, tuple_
from sqlalchemy.orm import Session

from delegation.categories import categories_of
from tokenization import cards, chores, ids
from tokenization.chores import Transactions
from tokenization.policies import Holds
from wallet.payments import accounts, books, operations
from wallet.payments.models import Payment
from wallet.payments.standing import expire

PIECE: Final = 100
EXPIRY: Final = "expiry"
# As the partial index has it, with its figure in the statement: so the index serves.
_HELD: Final[ColumnElement[bool]] = Payment.held_minor + Payment.margin_minor > literal_column("0")


def expires_at(mcc: str, holds: Holds, at: datetime) -> datetime:
    """When a hold that begins at that moment ends: so many times 24 hours on, longer at hotels and the like."""
    is_long = not categories_of(mcc).isdisjoint(holds.long_categories)
    return at + timedelta(days=holds.long_days if is_long else holds.days)


@dataclass(frozen=True, slots=True)
class Due:
    """A payment whose hold has ended, and when."""

    expires_at: datetime
    card_id: UUID
    payment_id: UUID

    def named(self) -> dict[str, str]:
        """For the log."""
        return {"card_id": ids.to_text("card", self.card_id), "payment_id": ids.to_text("pay", self.payment_id)}


def run(transaction: Transactions, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Go round once: end each hold that is due. Answers how many."""
    return chores.go_round(
        transaction,
        lambda session, behind: due(session, now, behind, PIECE),
        lambda session, each: end(session, each.card_id, each.payment_id, now),
        is_stopping,
        failure="hold_not_ended",
    )


def due(session: Session, now: datetime, behind: Due | None, most: int) -> list[Due]:
    """Up to so many holds that are due, the longest first, from behind that one on."""
    columns = (Payment.expires_at, Payment.card_id, Payment.payment_id)
    wanted = select(*columns).where(_HELD, Payment.expires_at <= now)
    if behind is not None:
        wanted = wanted.where(tuple_(*columns) > (behind.expires_at, behind.card_id, behind.payment_id))
    rows = session.execute(wanted.order_by(*columns).limit(most))
    return [Due(at, card_id, payment_id) for at, card_id, payment_id in rows if at]


def overdue(session: Session, now: datetime) -> timedelta:
    """For how long the hold has been due that has been so the longest."""
    oldest = session.scalar(select(Payment.expires_at).where(_HELD).order_by(Payment.expires_at).limit(1))
    return max(now - oldest, timedelta()) if oldest else timedelta()


def end(session: Session, card_id: UUID, payment_id: UUID, now: datetime) -> bool:
    """End what a payment holds, if that is still to be done: not where somebody else was here first."""
    if cards.lock(session, card_id) is None:
        return False
    payment = session.get_one(Payment, (card_id, payment_id), populate_existing=True)
    before = books.standing(payment)
    after = expire(before)
    if payment.expires_at is None or payment.expires_at > now or after == before:
        return False
    account = accounts.lock(session, payment.account_id)
    operations.carry_out(session, payment, account, after, operations.Step(EXPIRY, final=True), now)
    return True
