"""Payments as CSV (RFC 4180): for programs first, and harmless to the spreadsheets of people. Pure."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from typing import Any, Final

from tokenization import ids, money
from tokenization.clock import COPENHAGEN
from wallet.payments.rates import ACCOUNT_CURRENCY
from wallet.resources.shown import Shown

Cell = Callable[[Shown], Any]


def _of(name: str, *path: str) -> Cell:
    """What stands there, of a part that there may not be."""

    def cell(shown: Shown) -> Any:
        found: Any = shown[name]
        for step in path:
            found = None if found is None else found[step]
        return found

    return cell


def _id(prefix: str, name: str) -> Cell:
    return lambda shown: shown[name] and ids.to_text(prefix, shown[name])


def _amount(name: str) -> Cell:
    return lambda shown: _decimal(shown[name], shown["currency"])


def _billed(name: str, own: str) -> Cell:
    """In the account's currency, converted or not, so a column adds up; empty where there was no rate."""

    def cell(shown: Shown) -> str | None:
        currency = _billed_currency(shown)
        return currency and _decimal((shown["billed"] or {name: shown[own]})[name], currency)

    return cell


def _billed_currency(shown: Shown) -> str | None:
    is_converted = shown["billed"] or shown["currency"] == ACCOUNT_CURRENCY
    return ACCOUNT_CURRENCY if is_converted else None


@lru_cache(1024)
def _decimal(minor: int, currency: str) -> str:
    """12500, DKK -> `125.00`; JPY has no decimals, KWD three."""
    return format(Decimal(minor).scaleb(-money.exponent(currency)), "f")


# A column for each fact; further ones may be added after these.
COLUMNS: Final[Mapping[str, Cell]] = {
    "id": _id("pay", "payment_id"),
    "at": _of("at"),
    "status": _of("status"),
    "reason": _of("reason"),
    "limit": _of("limit", "name"),
    "limit_of": _of("limit", "of"),
    "kind": _of("kind"),
    "scheme": _of("scheme"),
    "entry_mode": _of("entry_mode"),
    "paid_with": _of("paid_with", "kind"),
    "last4": _of("paid_with", "last4"),
    "device": _of("paid_with", "device"),
    "delegate": _of("paid_with", "delegate"),
    "merchant_id": _of("merchant", "id"),
    "merchant": _of("merchant", "name"),
    "city": _of("merchant", "city"),
    "country": _of("merchant", "country"),
    "mcc": _of("merchant", "mcc"),
    "categories": lambda shown: " ".join(shown["categories"]),
    "amount": _amount("amount_minor"),
    "currency": _of("currency"),
    "held": _amount("held_minor"),
    "held_until": _of("held_until"),
    "captured": _amount("captured_minor"),
    "refunded": _amount("refunded_minor"),
    "reversed": _amount("reversed_minor"),
    "expired": _amount("expired_minor"),
    "final_amount": _amount("final_amount"),
    "rate": _of("billed", "rate"),
    "rate_of": _of("billed", "rate_of"),
    "billed_currency": _billed_currency,
    "billed_amount": _billed("amount", "amount_minor"),
    "billed_held": _billed("held", "held_minor"),
    "billed_captured": _billed("captured", "captured_minor"),
    "billed_refunded": _billed("refunded", "refunded_minor"),
    "billed_final_amount": _billed("final_amount", "final_amount"),
    "token_id": _id("tok", "token_id"),
    "credential_id": _id("cred", "credential_id"),
    "drawing_right_id": _id("right", "right_id"),
}
HEADER: Final = ",".join(COLUMNS)
# What a spreadsheet takes for the beginning of a formula, at the beginning of a cell or of what another one may take
# for a cell: in Danish a semicolon parts them.
_FORMULA: Final = re.compile('(?:^|(?<=[,;"]))(?=\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20])')
# As wallet/schemas/fields.py refuses them in names: older rows may have them yet.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def written(payments: Iterable[Shown]) -> str:
    """A header, and a line for each payment."""
    file = StringIO()
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    lines.writerows([_text(cell(shown)) for cell in COLUMNS.values()] for shown in payments)
    return file.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(COPENHAGEN).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return harmless(value or "")


@lru_cache(1024)
def harmless(text: str) -> str:
    """The text in one line, with an apostrophe before whatever would be reckoned as a formula."""
    return _FORMULA.sub("'", _UNPRINTABLE.sub(" ", text))
