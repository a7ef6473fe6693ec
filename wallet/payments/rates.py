"""What an amount in another currency costs in the account's: by a rate that each payment keeps (R-18). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final, Protocol

from tokenization import money

ACCOUNT_CURRENCY: Final = "DKK"  # what rates are in, as are accounts that pay, and every figure of a policy
HEADER: Final = "currency,rate,date"
# No currency comes near either. With so many digits an amount times a rate is exact in 28, which is what Decimal has.
LEAST: Final = Decimal("0.000001")
MOST: Final = Decimal(100_000)
_DECIMAL: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_AHEAD: Final = timedelta(days=1)  # a bank may put tomorrow's into place in the evening


class BadRates(ValueError):
    """The text is no table of rates: which line, which field, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `currency` (a whole euro, a whole yen) in units of the account's, as of a day."""

    currency: str
    account_currency: str
    value: Decimal
    of: date

    def billed(self, amount_minor: int) -> int:
        """Minor units of the account's currency, half up: what such an amount costs the account. Never goes down where
        the amount goes up, and what is something costs something: nobody pays with what counts in no limit.
        """
        shift = money.exponent(self.account_currency) - money.exponent(self.currency)
        converted = int((amount_minor * self.value).scaleb(shift).to_integral_value(ROUND_HALF_UP))
        return max(converted, 1) if amount_minor else 0


def billed_minor(amount_minor: int, rate: Rate | None) -> int:
    """What an amount costs; without a rate it is in the account's own currency."""
    return amount_minor if rate is None else rate.billed(amount_minor)


class Rates(Protocol):
    """Where rates come from. Asked at each payment, while a transaction is open: it reads nothing."""

    def find(self, currency: str, account_currency: str, *, on: date, most_days: int) -> Rate | None:
        """The rate for a payment of that day in Copenhagen; None where there is none that is at most so many days old,
        as in the account's own currency.
        """
        ...


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates by currency, as they were read together. Never changed: another one takes its place."""

    by_currency: Mapping[str, Rate] = field(default_factory=dict)

    def find(self, currency: str, account_currency: str, *, on: date, most_days: int) -> Rate | None:
        """As Rates has it."""
        rate = self.by_currency.get(currency)
        if rate is None or rate.account_currency != account_currency or (on - rate.of).days > most_days:
            return None
        return rate

    def ages(self, on: date) -> list[int]:
        """How many days old each rate is, youngest first."""
        return sorted((on - rate.of).days for rate in self.by_currency.values())


def parse(text: str, today: date) -> RateTable:
    """A table from what a bank's job writes: the line `currency,rate,date`, and one like `EUR,7.4605,2026-11-20` for
    each currency: kroner for one unit of it. All of it must be right. Raises BadRates, which names line and field.
    """
    lines = text.split("\n")
    if lines.pop():
        raise BadRates(f"line {len(lines) + 1} does not end: the file was cut off")
    if not lines or lines[0].removesuffix("\r") != HEADER:
        raise BadRates(f"line 1: must be {HEADER}")
    found: dict[str, Rate] = {}
    for number, line in enumerate(lines[1:], 2):
        rate = _rate(number, line.removesuffix("\r"), today)
        if rate.currency in found:
            raise BadRates(f"line {number}: currency: {rate.currency} stands there twice")
        found[rate.currency] = rate
    if not found:
        raise BadRates("line 2: there is no rate")
    return RateTable(MappingProxyType(found))


def _rate(number: int, line: str, today: date) -> Rate:
    fields = line.split(",")
    if len(fields) != len(HEADER.split(",")):
        raise BadRates(f"line {number}: must be {HEADER}, and nothing else")
    code, value, day = fields
    try:
        return Rate(_currency(code), ACCOUNT_CURRENCY, _value(value), _day(day, today))
    except BadRates as wrong:
        raise BadRates(f"line {number}: {wrong}") from None


def _currency(code: str) -> str:
    try:
        known = money.currency(code)
    except money.UnknownCurrency:
        raise BadRates("currency: must be an ISO 4217 code, like EUR") from None
    if known.exponent is None:
        raise BadRates(f"currency: {code} has no minor unit, and nothing is priced in it")
    if code == ACCOUNT_CURRENCY:
        raise BadRates(f"currency: {code} is what rates are in")
    return code


def _value(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise BadRates("rate: must be a plain decimal, like 7.4605, with at most 9 digits behind the point")
    value = Decimal(text)
    if not LEAST <= value <= MOST:
        raise BadRates(f"rate: must be from {LEAST} to {MOST}: so much one unit of the currency costs")
    return value


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise BadRates("date: must be a day, like 2026-11-20")
    if day > today + _AHEAD:
        raise BadRates("date: is yet to come")
    return day
