"""What merchants and wallet providers send and get."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from tokenization import credentials
from wallet.schemas.fields import CardNumber, Choice, CvcDigits, ExpiryMonth, Id, Moment, Text
from wallet.schemas.pages import list_of


class CardOnFile(Schema):
    """The card, as the customer typed it in at the shop."""

    number = CardNumber(required=True)
    expiry = ExpiryMonth(required=True)
    cvc = CvcDigits(load_default=None, allow_none=True)


class RegisterCredential(Schema):
    """Keep a card on file."""

    card = fields.Nested(CardOnFile)
    encrypted_card = Text(4096)
    agreement = Choice(*credentials.AGREEMENTS, required=True)
    reference = Text(80, required=True)

    @validates_schema
    def one_source(self, data: dict[str, Any], **_: object) -> None:
        """The card in clear or encrypted, not both."""
        if ("card" in data) == ("encrypted_card" in data):
            raise ValidationError("exactly one of card and encrypted_card is needed", "card")


class MerchantCredential(Schema):
    """A card on file as its merchant sees it."""

    id = Id("cred", attribute="credential_id")
    last4 = fields.String(metadata={"description": "of the card that the merchant knows"})
    expiry = fields.String()
    scheme = fields.String()
    status = fields.String(metadata={"enum": list(credentials.STATES)})
    automatic_update = fields.Boolean()
    version = fields.Integer()
    agreement = fields.String(metadata={"enum": list(credentials.AGREEMENTS)})
    reference = fields.String()
    created_at = Moment()
    pending_until = Moment(allow_none=True, metadata={"description": "until when it waits for a yes, if it does"})
    confirmed_at = Moment(allow_none=True)


MerchantCredentialList = list_of(MerchantCredential)


def _one_to_hundred(found: list[Any]) -> None:
    if not 1 <= len(found) <= 100:
        raise ValidationError("must be 1 to 100 numbers")


class NumbersToCheck(Schema):
    """Up to 100 card numbers."""

    numbers = fields.List(CardNumber(), required=True, validate=_one_to_hundred)


class BlockedAnswer(Schema):
    """R-21: whether, never why."""

    blocked = fields.List(fields.Boolean())
