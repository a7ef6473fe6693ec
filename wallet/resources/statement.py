"""The statement over HTTP: payments that fulfil what was asked, in pages of JSON or as one CSV."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Response, request

from delegation import drawing_rights
from delegation.models import DrawingRight
from tokenization import ids, policies
from tokenization.errors import Invalid
from tokenization.models import Card
from wallet.access.guard import caller
from wallet.api import session
from wallet.payments import statement
from wallet.payments.statement import Line
from wallet.resources import pages, shown_payments, statement_csv
from wallet.resources.shown import Shown
from wallet.schemas.payments import CSV, CSV_MOST
from wallet.services import current_time

_JSON: Final = "application/json"
_PAYMENT: Final = "pay"
# For OpenAPI: what else the answer may be.
AS_CSV: Final[dict[str, Any]] = {
    "content_type": CSV,
    "schema": {"type": "string"},
    "example": statement_csv.HEADER,
    "description": (
        f"With `Accept: {CSV}` a file of them all, {CSV_MOST} at most; or, where `limit` is said, of so many. Then the"
        " `id` of the last line is the next `cursor`."
    ),
    "success": True,
}


def of_card(card: Card, asked: dict[str, Any]) -> Any:
    """The payments of a card, newest first. Raises Invalid."""
    return _answer(card.card_id, asked, shown_payments.payment)


def of_right(right: DrawingRight, asked: dict[str, Any]) -> Any:
    """The payments under a drawing right, newest first, as who calls may see them. Raises Invalid."""
    may_ask = drawing_rights.may_be(right, "asked to give more", current_time())
    present, to_child = policies.load(session(), current_time()), caller().scope == "child"
    show = partial(shown_payments.right_payment, present=present, may_ask=may_ask, to_child=to_child)
    return _answer(right.card_id, asked | {"drawing_right_id": right.right_id}, show)


def _answer(card_id: UUID, asked: dict[str, Any], show: Callable[[Line], Shown]) -> Any:
    before = pages.id_in(_PAYMENT, asked["cursor"]) if asked["cursor"] else None
    if _wants_csv():
        return _csv(card_id, asked, before, show)
    rows = list(statement.lines(session(), card_id, asked, before=before, most=asked["limit"] + 1))
    return pages.answer(rows, asked, lambda last: ids.to_text(_PAYMENT, last.payment.payment_id), show)


def _wants_csv() -> bool:
    """RFC 9110, section 12.5.1. Whoever says nothing, or names neither, gets JSON, as everywhere."""
    return request.accept_mimetypes.best_match([_JSON, CSV, f"{CSV};charset=utf-8"], _JSON) != _JSON


def _csv(card_id: UUID, asked: dict[str, Any], before: UUID | None, show: Callable[[Line], Shown]) -> Response:
    """A whole file or a refusal, never a part that looks like the whole. It is made before the first byte is sent, so
    that no connection to the database waits for who reads slowly.
    """
    limit = asked["limit"] if "limit" in request.args else None
    if limit is None and statement.are_more_than(session(), card_id, asked, before=before, count=CSV_MOST):
        raise Invalid("from", f"there are more than {CSV_MOST} payments: ask for a shorter time")
    text = statement_csv.written(map(show, statement.lines(session(), card_id, asked, before=before, most=limit)))
    headers = {"Content-Disposition": 'attachment; filename="payments.csv"'}
    return Response(text, headers=headers, content_type=f"{CSV}; charset=utf-8; header=present")
