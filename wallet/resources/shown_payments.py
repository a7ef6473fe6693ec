"""A payment as the people whose card it is see it: of a page and of a CSV the same."""

from typing import Any, Final

from delegation.limits import CEILING, DRAWING_RIGHT
from tokenization.policies import Policies
from wallet.payments import asking, billing, books, history
from wallet.payments.models import Payment
from wallet.payments.statement import Line
from wallet.resources.shown import Shown

_FIELDS: Final = (
    *("payment_id", "at", "kind", "entry_mode", "scheme", "amount_minor", "currency"),
    *("approved", "reason", "limit", "token_id", "credential_id", "right_id"),
    *("held_minor", "captured_minor", "refunded_minor", "reversed_minor", "expired_minor"),
)
_OPEN_TO_CHILDREN: Final = frozenset({CEILING, DRAWING_RIGHT})


def payment(line: Line, *, to_child: bool = False) -> Shown:
    """A payment of a card. The card's own limits would tell a child what others spend."""
    row = line.payment
    hidden = to_child and row.limit is not None and row.limit["of"] not in _OPEN_TO_CHILDREN
    return {
        **{name: getattr(row, name) for name in _FIELDS},
        **({"limit": None} if hidden else {}),
        "status": history.status(row),
        "paid_with": {
            "kind": line.paid_with,
            "last4": line.last4,
            "device": line.device,
            "delegate": line.delegate,
        },
        "merchant": row.merchant | {"city": row.merchant.get("city")},
        "categories": history.categories(row),
        "held_until": row.expires_at if row.held_minor else None,
        "final_amount": books.standing(row).taken,
        "billed": _billed(row),
    }


def _billed(row: Payment) -> dict[str, Any] | None:
    """R-18: what the account pays, and what of it is held, where that is in another currency than the payment."""
    rate, whole = billing.rate_of(row), billing.billed_as_json(row)
    if rate is None or whole is None:
        return None
    parts = billing.billed(books.standing(row), rate)
    return {
        **whole,
        "rate_of": rate.of,
        "held": parts.held,
        "captured": parts.captured,
        "refunded": parts.refunded,
        "final_amount": parts.taken,
    }


def right_payment(line: Line, *, present: Policies, may_ask: bool, to_child: bool) -> Shown:
    """A payment under a drawing right, as its grantor and its child see it; `may_ask` is whether anything can be asked
    for under the right as it stands.
    """
    row = line.payment
    return payment(line, to_child=to_child) | {
        "counts": billing.billed(books.standing(row), billing.rate_of(row)).reserved,
        "left": row.right_left,
        "can_be_asked_for": may_ask and asking.objection(row, present) is None,
    }
