"""Card and token numbers: 16 digits, a BIN in front, a Luhn digit behind (ISO/IEC 7812-1)."""

import re
import secrets
from functools import lru_cache
from typing import Final

from tokenization.secret import Number

LENGTH: Final = 16
_DIGITS: Final = re.compile(r"[0-9]{12,19}", re.ASCII)
_BETWEEN_GROUPS: Final = re.compile(r"(?<=[0-9])[ .-](?=[0-9])", re.ASCII)
_DIGITS_OF_A_NUMBER: Final = 6
_BETWEEN_WORDS: Final = re.compile(r"\d(?:\W*\d)*")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_digit(body: str) -> str:
    """The check digit for the digits before it (ISO/IEC 7812-1, annex B)."""
    total = sum(_DOUBLED[int(d)] if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body)))
    return str(-total % 10)


def is_number(text: str) -> bool:
    """12 to 19 ASCII digits of which the last checks."""
    return bool(_DIGITS.fullmatch(text)) and luhn_digit(text[:-1]) == text[-1]


def stands_in(text: str, bins: tuple[str, ...]) -> bool:
    """Whether a number of one of those BINs stands in a text, in groups or not: it must not where all can read."""
    if len(text) < LENGTH:
        return False
    digits = _BETWEEN_GROUPS.sub("", text)
    return any(is_number(digits[found.start() : found.start() + LENGTH]) for found in _beginning(bins).finditer(digits))


def none_to_call(text: str) -> str:
    """A text that somebody chose, without its digits where there are six or more: then they may be a number to call, or
    a card's, whatever stands between them (R-S1).
    """
    return _BETWEEN_WORDS.sub("…", text) if sum(map(str.isdigit, text)) >= _DIGITS_OF_A_NUMBER else text


@lru_cache
def _beginning(bins: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"(?={'|'.join(bins)})")


def random_number(bin_: str) -> Number:
    """A fresh 16-digit number in that BIN, Luhn-valid, from the system's random source. Uniqueness is the caller's."""
    body = bin_ + "".join(secrets.choice("0123456789") for _ in range(LENGTH - 1 - len(bin_)))
    return Number(body + luhn_digit(body))
