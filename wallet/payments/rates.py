"""What an amount in another currency costs in the account's: by a rate that each payment keeps (R-18)."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from tokenization import money


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `currency` (a whole euro, a whole yen) in units of the account's, as of a day."""

    currency: str
    account_currency: str
    value: Decimal
    of: date

    def billed(self, amount_minor: int) -> int:
        """Minor units of the account's currency, half up: what such an amount costs the account."""
        shift = money.exponent(self.account_currency) - money.exponent(self.currency)
        return int((amount_minor * self.value).scaleb(shift).to_integral_value(ROUND_HALF_UP))


class Rates(Protocol):
    """Where rates come from."""

    def find(self, currency: str, account_currency: str) -> Rate | None:
        """The newest rate, None where there is none."""
        ...
