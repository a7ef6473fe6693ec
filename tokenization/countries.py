"""Countries: their two letters of ISO 3166 and their numbers."""

from typing import Final

import pycountry

# The standard has no code for Kosovo. Networks, SWIFT and the EU say XK, which it leaves to its users; CLDR's number.
_KOSOVO: Final = {"XK": 983}
_NUMBERS: Final[dict[str, int]] = {each.alpha_2: int(each.numeric) for each in pycountry.countries} | _KOSOVO
COUNTRIES: Final = frozenset(_NUMBERS)


def numeric(alpha_2: str) -> int:
    """`DK` -> 208. Raises KeyError for what is in no list."""
    return _NUMBERS[alpha_2]
