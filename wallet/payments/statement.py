"""A card's payments, read for those whose card it is: which ones, and with each what stands elsewhere. No locks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, all_, any_, case, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from delegation.categories import CASH, OTHER, categories_at
from delegation.models import DrawingRight
from tokenization.clock import start_of_day
from tokenization.models import Plastic, Token
from wallet.payments.models import Payment

PHONE: Final = "phone"
CHILD_CARD: Final = "child_card"
PLASTIC: Final = "plastic"
CARD_ON_FILE: Final = "card_on_file"
_AT_ONCE: Final = 500  # rows, fetched from a cursor: of no list more than that is held as objects
_DAY: Final = timedelta(days=1)

# What history.status says of a row, for PostgreSQL; a test holds the two to each other.
STATUS: Final = case(
    (~Payment.approved, "declined"),
    ((Payment.held_minor > 0) & (Payment.captured_minor > 0), "partly_captured"),
    (Payment.held_minor > 0, "held"),
    ((Payment.captured_minor > 0) & (Payment.refunded_minor == Payment.captured_minor), "refunded"),
    (Payment.captured_minor > 0, "captured"),
    (Payment.expired_minor > 0, "expired"),
    (Payment.reversed_minor > 0, "reversed"),
    else_="held",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A payment, and what is known of what it was paid with."""

    payment: Payment
    last4: str | None = None
    device: str | None = None
    delegate: str | None = None

    @property
    def paid_with(self) -> str:
        """`phone, child_card, plastic, card_on_file`."""
        if self.payment.credential_id:
            return CARD_ON_FILE
        if self.payment.token_id:
            return CHILD_CARD if self.payment.right_id else PHONE
        return PLASTIC


@cache
def _is_of(category: str) -> ColumnElement[bool]:
    """Whether history.categories has it of a row, for PostgreSQL: by the merchant's code; cash is cash anywhere."""
    mcc = Payment.merchant["mcc"].astext
    found: ColumnElement[bool]
    if category == OTHER:
        found = mcc != all_(_codes(lambda names: OTHER not in names))
    else:
        found = mcc == any_(_codes(lambda names: category in names))
    return found | (Payment.kind == "cash") if category == CASH else found


def _codes(wanted: Callable[[frozenset[str]], bool]) -> ColumnElement[Any]:
    """Those merchant category codes, an array."""
    every = (f"{number:04}" for number in range(10_000))
    return literal([code for code in every if wanted(categories_at(code, "purchase"))], ARRAY(Text))


# By the names that the API has for them. All but `drawing_right_id` look at the card's payments one by one (ADR 37).
CONDITIONS: Final[dict[str, Callable[[Any], ColumnElement[bool]]]] = {
    "from": lambda day: Payment.at >= start_of_day(day),
    "to": lambda day: Payment.at < start_of_day(day + _DAY),
    "status": lambda status: status == STATUS,
    "scheme": lambda scheme: Payment.scheme == scheme,
    "entry_mode": lambda mode: Payment.entry_mode == mode,
    "category": _is_of,
    "merchant": lambda text: Payment.merchant["name"].astext.icontains(text, autoescape=True),
    "token_id": lambda token_id: Payment.token_id == token_id,
    "credential_id": lambda credential_id: Payment.credential_id == credential_id,
    "drawing_right_id": lambda right_id: Payment.right_id == right_id,
}


def lines(
    session: Session, card_id: UUID, filters: Mapping[str, Any], *, before: UUID | None, most: int | None
) -> Iterator[Line]:
    """The payments of a card, newest first, those older than `before`, by one statement; `most` of them, or all, a few
    at a time. `filters` are as CONDITIONS names them; of those, None counts for nothing, and nor do other names.
    """
    wanted = _WITH_WHAT_IT_WAS_PAID_WITH.where(*_conditions(card_id, filters, before))
    fetched = {"yield_per": _AT_ONCE} if most is None else {}
    found = session.execute(wanted.order_by(Payment.payment_id.desc()).limit(most), execution_options=fetched)
    return (Line(*row) for row in found)


def are_more_than(
    session: Session, card_id: UUID, filters: Mapping[str, Any], *, before: UUID | None, count: int
) -> bool:
    """Whether `lines` would find more than so many."""
    wanted = select(Payment.payment_id).where(*_conditions(card_id, filters, before))
    return session.scalar(wanted.order_by(Payment.payment_id.desc()).offset(count).limit(1)) is not None


def _conditions(card_id: UUID, filters: Mapping[str, Any], before: UUID | None) -> list[ColumnElement[bool]]:
    found = [CONDITIONS[name](value) for name, value in filters.items() if name in CONDITIONS and value is not None]
    older = [] if before is None else [Payment.payment_id < before]
    return [Payment.card_id == card_id, *older, *found]


_WITH_WHAT_IT_WAS_PAID_WITH: Final = (
    select(Payment, func.coalesce(Token.last4, Plastic.last4), Token.device_name, DrawingRight.delegate_name)
    .outerjoin(Token, (Token.card_id == Payment.card_id) & (Token.token_id == Payment.token_id))
    .outerjoin(Plastic, (Plastic.card_id == Payment.card_id) & (Plastic.plastic_id == Payment.plastic_id))
    .outerjoin(DrawingRight, (DrawingRight.card_id == Payment.card_id) & (DrawingRight.right_id == Payment.right_id))
)
