"""Card and token numbers: 16 digits, a BIN in front, a Luhn digit behind (ISO/IEC 7812-1)."""

import re
import secrets
import unicodedata
from functools import lru_cache
from typing import Final

from tokenization.secret import Number

LENGTH: Final = 16
_DIGITS: Final = re.compile(r"[0-9]{12,19}", re.ASCII)
# Whatever somebody puts between the digits of a number. Not what stands between those of an id, which is hexadecimal:
# of all there are, some would be taken for a number.
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[^0-9a-fA-F]{1,6}(?=[0-9])", re.ASCII)
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_DIGITS_OF_A_NUMBER: Final = 6
_BETWEEN_WORDS: Final = re.compile(r"\d(?:\W*\d)*")
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")


def luhn_digit(body: str) -> str:
    """The check digit for the digits before it (ISO/IEC 7812-1, annex B)."""
    doubled, plain = body[::-2].translate(_DOUBLED), body[-2::-2]
    return str(-sum(map(int, doubled + plain)) % 10)


def is_number(text: str) -> bool:
    """12 to 19 ASCII digits of which the last checks."""
    return bool(_DIGITS.fullmatch(text)) and luhn_digit(text[:-1]) == text[-1]


def stands_in(text: str, bins: tuple[str, ...]) -> bool:
    """Whether a number of one of those BINs stands in a text, in groups or not, in whatever digits: it must not where
    all can read.
    """
    if text.isascii() and len(text) < LENGTH:
        return False
    plain = text if text.isascii() else "".join(map(_plain, text))
    digits = _BETWEEN_DIGITS.sub("", plain)
    return any(is_number(digits[found.start() : found.start() + LENGTH]) for found in _beginning(bins).finditer(digits))


@lru_cache(4096)
def stands_for(sign: str) -> str:
    """A character as what it stands for (NFKC): a full-width digit is a digit, and one in a circle, too."""
    digit = unicodedata.digit(sign, None)
    is_dressed = digit is not None and unicodedata.category(sign) == "No"
    return str(digit) if is_dressed else unicodedata.normalize("NFKC", sign)


@lru_cache(4096)
def _plain(sign: str) -> str:
    """With the digits of every script as ours, and without what nobody sees or what is drawn around a digit."""
    if unicodedata.category(sign) in _INVISIBLE:
        return ""
    return "".join(str(unicodedata.decimal(each, each)) for each in stands_for(sign))


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
