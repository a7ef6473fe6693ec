"""Strict fields: they take exactly what 3-api.md says, and never repeat what was sent.

Marshmallow's own are lenient: its Integer takes "12", "１２３" and true; its String takes lone surrogates and NUL.
"""

import base64
import binascii
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from marshmallow import ValidationError, fields

from tokenization import ids, numbers, phone_numbers
from tokenization.countries import COUNTRIES
from tokenization.events import rfc3339
from tokenization.money import CURRENCIES, MAX_AMOUNT_MINOR
from tokenization.secret import Cvc, Key, Number, Secret
from wallet.access.public_keys import InvalidKey, public_key

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SHORT_DAY: Final = re.compile(r"\d{6}", re.ASCII)
_MONTH: Final = re.compile("2[0-9]{3}-(0[1-9]|1[0-2])")
_THREE_DIGITS: Final = re.compile("[0-9]{3}")
_FOUR_DIGITS: Final = re.compile("[0-9]{4}")
_SIX_DIGITS: Final = re.compile("[0-9]{6}")
_UP_TO_NINE_DIGITS: Final = re.compile("[0-9]{1,9}")
_BASE64URL_OF_32_BYTES: Final = re.compile("[A-Za-z0-9_-]{43}")


def about(text: str, *examples: Any) -> dict[str, Any]:
    """Metadata of a field: what it is, and examples of it."""
    return {"description": text} | ({"examples": list(examples)} if examples else {})


# Control characters, line separators, what governs the direction of writing (Unicode's Bidi_Control: a name must not
# turn what stands beside it around), halves of surrogate pairs, and what is another sign in each place (private use).
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\uf8ff\U000f0000-\U0010ffff]"
)
# What can be seen by itself: letters, numbers, punctuation, symbols. Joiners and combining marks cannot.
_SEEN: Final = frozenset("LNPS")


class Text(fields.String):
    """Unicode text of `shortest` to `longest` characters, without control characters, and not blank."""

    def __init__(self, longest: int = 200, shortest: int = 1, pattern: str | None = None, **more: Any) -> None:
        metadata = {"minLength": shortest, "maxLength": longest} | ({"pattern": f"^(?:{pattern})$"} if pattern else {})
        super().__init__(metadata=metadata | more.pop("metadata", {}), **more)
        self._lengths = (shortest, longest)
        self._pattern = re.compile(pattern, re.ASCII) if pattern else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        shortest, longest = self._lengths
        if not isinstance(value, str):
            raise ValidationError("must be a text")
        if not shortest <= len(value) <= longest:
            raise ValidationError(f"must have {_span(shortest, longest)} characters")
        if not value.isprintable() and _UNPRINTABLE.search(value):
            raise ValidationError("must not hold control characters, or any of private use")
        if not value[:1].isalnum() and not any(unicodedata.category(character)[0] in _SEEN for character in value):
            raise ValidationError("must not be blank")
        if self._pattern and not self._pattern.fullmatch(value):
            raise ValidationError("has not the expected form")
        return value


class Mobile(Text):
    """A number that an SMS can go to, E.164."""

    def __init__(self, **more: Any) -> None:
        super().__init__(20, 8, metadata=about("E.164", "+4520123456"), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        number = super()._deserialize(value, attr, data, **more)
        if wrong := phone_numbers.objection(number):
            raise ValidationError(wrong)
        return number


def _span(least: int, most: int) -> str:
    return f"{least} to {most}" if least != most else str(most)


class Choice(Text):
    """One of a few words."""

    def __init__(self, *choices: str, **more: Any) -> None:
        super().__init__(metadata={"enum": list(choices)} | more.pop("metadata", {}), **more)
        self._choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or value not in self._choices:
            raise ValidationError(f"must be one of {', '.join(self._choices)}")
        return value


class Several(fields.List[Any]):
    """A list of at most so many; of one that is longer nothing else is looked at, nor said."""

    def __init__(self, each: fields.Field[Any], most: int, **more: Any) -> None:
        super().__init__(each, metadata={"maxItems": most} | more.pop("metadata", {}), **more)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise ValidationError(f"must have at most {self._most} entries")
        return super()._deserialize(value, attr, data, **more)


class Whole(fields.Integer):
    """A whole number; no text, no boolean, no fraction."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1, **more: Any) -> None:
        super().__init__(metadata={"minimum": least, "maximum": most} | more.pop("metadata", {}), **more)
        self._bounds = (least, most)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        least, most = self._bounds
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("must be a whole number")
        if not least <= value <= most:
            raise ValidationError(f"must be from {least} to {most}")
        return value


class Amount(Whole):
    """An amount in minor units."""

    def __init__(self, least: int = 0, **more: Any) -> None:
        super().__init__(least, MAX_AMOUNT_MINOR, **more)


class Flag(fields.Boolean):
    """true or false, nothing else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class QueryFlag(fields.Boolean):
    """`true` or `false` in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if value not in ("true", "false"):
            raise ValidationError("must be true or false")
        return bool(value == "true")


class QueryWhole(Whole):
    """A whole number in a query string: ASCII digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:
        if not _UP_TO_NINE_DIGITS.fullmatch(str(value)):
            raise ValidationError("must be a whole number")
        return super()._deserialize(int(value), attr, data, **more)


class Currency(Text):
    """The ISO 4217 code of a currency that has minor units."""

    def __init__(self, **more: Any) -> None:
        super().__init__(3, 3, pattern="[A-Z]{3}", **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or value not in CURRENCIES:
            raise ValidationError("must be the ISO 4217 code of a currency with minor units, as DKK")
        return value


class Country(Text):
    """An ISO 3166 alpha-2 code, or Kosovo's."""

    def __init__(self, **more: Any) -> None:
        super().__init__(2, 2, pattern="[A-Z]{2}", **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or value not in COUNTRIES:
            raise ValidationError("must be a country's two capital letters of ISO 3166, as DK")
        return value


class CategoryCode(Text):
    """A merchant category code of ISO 18245; one that is in no list is taken too (delegation/categories.py)."""

    def __init__(self, **more: Any) -> None:
        super().__init__(4, 4, pattern="[0-9]{4}", **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or not _FOUR_DIGITS.fullmatch(value):
            raise ValidationError("must be four digits, as 5411")
        return value


class Id(Text):
    """A TypeID of one kind, as a UUID inside."""

    def __init__(self, prefix: str, **more: Any) -> None:
        written = {"pattern": ids.pattern(prefix)}
        super().__init__(60, metadata=written | more.pop("metadata", {}), **more)
        self._prefix = prefix

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> str | None:
        return ids.to_text(self._prefix, value) if isinstance(value, UUID) else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        try:
            return ids.parse(self._prefix, super()._deserialize(value, attr, data, **more))
        except ids.InvalidId:
            raise ValidationError(f"must be an id that begins with {self._prefix}_") from None


class Moment(fields.DateTime):
    """A time, RFC 3339; shown in UTC with `Z`."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return rfc3339(value) if isinstance(value, datetime) else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> datetime:
        try:
            if not isinstance(value, str) or not _RFC3339.fullmatch(value):
                raise ValueError
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("must be an RFC 3339 time with an offset, as 2026-11-22T10:15:00Z") from None


class Day(fields.Date):
    """A date, `2027-06-30`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> date:
        return _day(value, _DAY, "", "must be a date, as 2027-06-30")


class ShortDay(Text):
    """A date as YYMMDD, in this century."""

    def __init__(self, **more: Any) -> None:
        super().__init__(6, 6, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        return _day(value, _SHORT_DAY, "20", "must be a date, as 261122")


def _day(value: Any, form: re.Pattern[str], century: str, message: str) -> date:
    try:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError
        return date.fromisoformat(century + value)
    except ValueError:
        raise ValidationError(message) from None


class CardNumber(Text):
    """A card or token number, 12 to 19 digits that pass Luhn; a secret from here on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(19, 12, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str) or not numbers.is_number(value):
            raise ValidationError("must be 12 to 19 digits of which the last checks")
        return Number(value)


class CvcDigits(Text):
    """Three digits; a secret from here on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(3, 3, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str) or not _THREE_DIGITS.fullmatch(value):
            raise ValidationError("must be three digits")
        return Cvc(value)


class SmsCode(Text):
    """Six digits; a secret from here on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(6, 6, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str) or not _SIX_DIGITS.fullmatch(value):
            raise ValidationError("must be six digits")
        return Secret(value)


class ExpiryMonth(Text):
    """`2029-09`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(7, 7, pattern=_MONTH.pattern, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or not _MONTH.fullmatch(value):
            raise ValidationError("must be a month, as 2029-09")
        return value


class Hex(Text):
    """So many bytes in lower-case hex."""

    def __init__(self, length: int, **more: Any) -> None:
        super().__init__(2 * length, 2 * length, pattern=f"[0-9a-f]{{{2 * length}}}", **more)
        self._length, self._digits = length, re.compile(f"[0-9a-f]{{{2 * length}}}")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str) or not self._digits.fullmatch(value):
            raise ValidationError(f"must be {self._length} bytes in lower-case hex")
        return bytes.fromhex(value)


class KeyBytes(Text):
    """32 bytes of key material in base64url without padding; a secret from here on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(43, 43, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            if not isinstance(value, str) or not _BASE64URL_OF_32_BYTES.fullmatch(value):
                raise ValueError
            raw = base64.urlsafe_b64decode(value + "=")
            if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != value:
                raise ValueError
        except (ValueError, binascii.Error):
            raise ValidationError("must be 32 bytes in base64url without padding") from None
        return Key(raw)


class PublicKey(fields.Dict):
    """A public P-256 key as a JWK; kept as kty, crv, x, y and kid only."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            kept: dict[str, Any] = dict(public_key(value).as_dict(private=False))
        except InvalidKey as error:
            raise ValidationError(str(error)) from None
        named = value.get("kid")
        return kept if named is None else kept | {"kid": _KEY_ID.deserialize(named)}


_KEY_ID: Final = Text(200)
