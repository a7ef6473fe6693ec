"""The checker of the books is itself checked: each way in which they could drift must be seen."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, CursorResult, delete, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase

from delegation.models import DrawingRequest, UsageDay
from notifications.models import OutboxRow
from tests.books import assert_books_balance
from tests.integration.payments.scene import HOTEL, Scene
from tokenization.journal.models import JournalEntry
from wallet.payments.models import Account, Payment, PaymentOperation, ReferenceDirectory

BREAKS: dict[str, Callable[[], UpdateBase]] = {
    "usage": lambda: update(UsageDay).values(spent_minor=UsageDay.spent_minor + 1),
    "number of payments": lambda: update(UsageDay).values(payments=UsageDay.payments + 1),
    "gambling": lambda: update(UsageDay).values(gambling_minor=1),
    "usage of nothing": lambda: update(UsageDay).values(day=UsageDay.day + 1),
    "no usage": lambda: delete(UsageDay),
    "day of a payment": lambda: update(Payment).values(usage_day=Payment.usage_day + 1),
    "holds": lambda: update(Account).values(held_minor=Account.held_minor + 1),
    "balance": lambda: update(Account).values(balance_minor=Account.balance_minor - 1),
    "held of a payment": lambda: update(Payment).values(held_minor=Payment.held_minor + 1),
    "margin of a payment": lambda: update(Payment).values(margin_minor=Payment.margin_minor + 1),
    "amount of a payment": lambda: update(Payment).values(amount_minor=Payment.amount_minor + 1),
    "expired of a payment": lambda: update(Payment).values(expired_minor=Payment.expired_minor + 1),
    "rate of a payment": lambda: update(Payment).where(Payment.rate.is_not(None)).values(rate=Payment.rate + 1),
    "no rate": lambda: update(Payment).where(Payment.rate.is_not(None)).values(rate=None, rate_of=None),
    "currency of a payment": lambda: update(Payment).where(Payment.rate.is_not(None)).values(currency="JPY"),
    "reversed of a payment": lambda: update(Payment).values(reversed_minor=Payment.reversed_minor + 1),
    "verdict of a payment": lambda: update(Payment).values(approved=False),
    "amount of an operation": lambda: update(PaymentOperation).values(amount_minor=PaymentOperation.amount_minor - 1),
    "kind of an operation": lambda: update(PaymentOperation).values(kind="reversal"),
    "order of operations": lambda: update(PaymentOperation).values(seq=-PaymentOperation.seq),
    "lost operation": lambda: delete(PaymentOperation),
    "journal": lambda: (
        update(JournalEntry).where(JournalEntry.type == "payment.approved").values(type="payment.declined")
    ),
    "lost outbox": lambda: delete(OutboxRow),
    "lost references": lambda: delete(ReferenceDirectory),
    "reference of an operation": lambda: update(PaymentOperation).values(network_reference="another"),
}

ONE_OFF: dict[str, Callable[[], UpdateBase]] = {
    "one-off that is there again": lambda: update(DrawingRequest).values(state="approved"),
    "who spent a one-off": lambda: update(DrawingRequest).values(spent_by=DrawingRequest.request_id),
    "amount of a one-off": lambda: update(DrawingRequest).values(amount=24_999),
    "where a one-off was for": lambda: update(DrawingRequest).values(merchant={"id": "DK-999"}),
}


@pytest.fixture
def business(unchecked: Scene) -> Scene:
    """A little of everything."""
    own = unchecked.approved(50_000)
    unchecked.do("captures", own, 20_000, final=False)
    unchecked.do("captures", own, 10_000)
    unchecked.do("refunds", own, 5_000)
    unchecked.do("reversals", unchecked.approved(10_000, token=unchecked.emil))
    unchecked.approved(10_000, token=unchecked.emil, at=HOTEL, estimated=True)
    unchecked.pay(99_999)
    abroad = unchecked.approved(2_222, token=unchecked.emil, currency="EUR")
    unchecked.do("captures", abroad, 777, final=False)
    unchecked.do("refunds", abroad, 100)
    return unchecked


def check(connection: Connection, scene: Scene) -> None:
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        assert_books_balance(session, scene.opened_with)


def test_the_books_of_honest_business_balance(business: Scene, connection: Connection) -> None:
    check(connection, business)


def tamper(scene: Scene, how: UpdateBase) -> None:
    with scene.world.parts.database.transaction("a thief") as session:
        broken = session.execute(how)
        assert isinstance(broken, CursorResult)
        assert broken.rowcount


@pytest.mark.parametrize("what", BREAKS)
def test_books_that_were_tampered_with_do_not_balance(business: Scene, connection: Connection, what: str) -> None:
    tamper(business, BREAKS[what]())
    with pytest.raises(AssertionError):
        check(connection, business)


@pytest.mark.parametrize("what", ONE_OFF)
def test_nor_do_those_of_a_one_off(unchecked: Scene, connection: Connection, what: str) -> None:
    unchecked.one_off()
    unchecked.approved(25_000, token=unchecked.emil)
    check(connection, unchecked)
    tamper(unchecked, ONE_OFF[what]())
    with pytest.raises(AssertionError):
        check(connection, unchecked)


def test_a_balance_that_was_never_there_does_not_balance(business: Scene, connection: Connection) -> None:
    business.opened_with = dict.fromkeys(business.opened_with, 0)
    with pytest.raises(AssertionError):
        check(connection, business)
