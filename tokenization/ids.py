"""Identifiers: UUIDv7 inside, TypeIDs (`card_01j…`) outside."""

from typing import Final
from uuid import UUID

from typeid import TypeID
from typeid.errors import TypeIDException
from uuid_utils import UUID as FastUUID
from uuid_utils.compat import uuid7

# What an id field holds, by the field's name; events and journals are rendered from this table.
PREFIX_BY_FIELD: Final = {
    "holder_id": "holder",
    "grantor_id": "holder",
    "account_id": "acct",
    "card_id": "card",
    "plastic_id": "plst",
    "previous_plastic_id": "plst",
    "token_id": "tok",
    "right_id": "right",
    "pairing_id": "pair",
    "request_id": "rqst",
    "one_off": "rqst",
    "requestor_id": "reqr",
    "credential_id": "cred",
    "payment_id": "pay",
    "message_id": "msg",
    "event_id": "evt",
    "endpoint_id": "whk",
    "delivery_id": "dlv",
    "session_id": "sess",
}


class InvalidId(ValueError):
    """The text is not a TypeID of the expected kind."""


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): later ids sort after earlier ones."""
    return uuid7()


def to_text(prefix: str, value: UUID) -> str:
    """`card`, UUID -> `card_01j…`."""
    return str(TypeID.from_uuid(FastUUID(bytes=value.bytes), prefix=prefix))


def pattern(prefix: str) -> str:
    """How an id of that kind is written, as a regular expression: 26 characters of Crockford's base 32."""
    return f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


def parse(prefix: str, text: str) -> UUID:
    """`card_01j…` -> UUID. Raises InvalidId when the text isn't exactly a TypeID with that prefix."""
    try:
        parsed = TypeID.from_string(text)
    except TypeIDException as error:
        raise InvalidId(f"not a {prefix} id") from error
    value = UUID(bytes=parsed.uuid_bytes)
    if parsed.prefix != prefix or to_text(prefix, value) != text:
        raise InvalidId(f"not a {prefix} id")
    return value
