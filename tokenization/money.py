"""Amounts: integers in minor units beside an ISO 4217 code. Never a float."""

from typing import Final

import iso4217

MAX_AMOUNT_MINOR: Final = 999_999_999_999  # twelve digits, as DE 4 of ISO 8583
# Those that an amount can be in: gold, units of account, codes for tests and "no currency" have no minor units.
CURRENCIES: Final = frozenset(each.code for each in iso4217.Currency if each.exponent is not None)


class UnknownCurrency(ValueError):
    """The text is not an ISO 4217 code."""


def currency(code: str) -> iso4217.Currency:
    """`DKK` -> the currency. Raises UnknownCurrency."""
    try:
        return iso4217.Currency(code)
    except ValueError as error:
        raise UnknownCurrency("not an ISO 4217 currency code") from error


def exponent(code: str) -> int:
    """How many decimals the currency has: DKK 2, JPY 0, KWD 3."""
    return currency(code).exponent or 0


def numeric(code: str) -> int:
    """The ISO 4217 number: DKK -> 208."""
    return int(currency(code).number)
