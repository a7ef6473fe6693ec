"""Phone numbers, E.164, by the numbering plans that the phonenumbers library knows."""

import re
from typing import Final

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    number_type,
    parse,
)

from tokenization.errors import Invalid
from tokenization.secret import Secret

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LENGTHS: Final = {
    ValidationResult.TOO_SHORT: "is too short for its country",
    ValidationResult.TOO_LONG: "is too long for its country",
}
_NO_MOBILES: Final = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.TOLL_FREE)


def objection(number: str) -> str | None:
    """Why an SMS can never go there, in words that don't repeat the number; None where it can.

    A number of the right length that nobody has been given yet is none: plans grow faster than the library.
    """
    if not _E164.fullmatch(number):
        return "a mobile number is + and 7 to 15 digits, with the country code first (E.164)"
    try:
        parsed = parse(number)
    except NumberParseException:
        return "begins with a country code that no country has"
    reason = is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        return _LENGTHS.get(reason, "has not as many digits as numbers of its country have")
    if format_number(parsed, PhoneNumberFormat.E164) != number:
        return "holds a digit after the country code that is dialled only within the country"
    return "is a premium-rate, shared-cost or freephone number" if number_type(parsed) in _NO_MOBILES else None


def check(number: str, field: str) -> None:
    """Raises Invalid for what is no number that an SMS can go to."""
    if wrong := objection(number):
        raise Invalid(field, wrong)


def masked(number: Secret[str]) -> str:
    """`+4520123456` -> `+45 ****** 56`: enough to recognise one's own."""
    digits = number.reveal()
    return f"{_country(digits)} ****** {digits[-2:]}"


def _country(number: str) -> str:
    try:
        return f"+{parse(number).country_code}"
    except NumberParseException:  # kept from before it was checked
        return number[:3]
