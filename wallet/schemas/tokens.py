"""What a phone sends and gets about tokens."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from tokenization import token_operations
from tokenization.provisioning import verification
from tokenization.token_status import STATUS_BY_CAUSE
from wallet.schemas.fields import (
    CardNumber,
    Choice,
    Country,
    CvcDigits,
    ExpiryMonth,
    Id,
    KeyBytes,
    Moment,
    PublicKey,
    SmsCode,
    Text,
)
from wallet.schemas.pages import Page, list_of


class CardEntry(Schema):
    """The physical card, typed in."""

    number = CardNumber(required=True)
    expiry = ExpiryMonth(required=True)
    cvc = CvcDigits(required=True)


class Device(Schema):
    """The phone. Its signing key is its DPoP key."""

    name = Text(80, required=True)
    platform = Choice("ios", "android", "web", required=True)
    encryption_key = PublicKey(required=True)
    country = Country(
        load_default=None,
        allow_none=True,
        metadata={"description": "where the wallet says that the phone is: a new one in a new country is verified"},
    )
    provider_assertion = Text(
        4096,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "where the wallet's `app_attestation` is `required`: a JWS by its server (ES256, typ "
            "`provider-assertion+jwt`) over `signing_key` and `encryption_key`, both thumbprints, and `iat`"
        },
    )


class Provision(Schema):
    """Put a card on this phone: by the card, in clear or encrypted, by one's own with its CVC, or under a right."""

    card = fields.Nested(CardEntry)
    encrypted_card = Text(4096)
    card_id = Id("card")
    cvc = CvcDigits(metadata={"description": "with card_id: it must then be verified too"})
    drawing_right_id = Id("right")
    scheme = Choice("dankort", "visa", load_default="dankort")
    device = fields.Nested(Device, required=True)

    @validates_schema
    def one_source(self, data: dict[str, Any], **_: object) -> None:
        """Exactly one of the ways to say which card."""
        ways = [name for name in ("card", "encrypted_card", "card_id", "drawing_right_id") if name in data]
        if len(ways) != 1:
            raise ValidationError("exactly one of card, encrypted_card, card_id and drawing_right_id is needed", "card")
        if (ways == ["card_id"]) != ("cvc" in data):
            raise ValidationError("belongs to card_id, which is of no use without", "cvc")


class SuspensionAnswer(Schema):
    """Who holds a token back."""

    by = fields.String()
    reason = fields.String(
        allow_none=True, metadata={"description": "`null` for a child, where the bank or the wallet's server suspends"}
    )
    at = Moment()


class DeviceAnswer(Schema):
    """The phone that a token lives on."""

    name = fields.String()
    platform = fields.String()


class WalletAnswer(Schema):
    """The wallet."""

    id = fields.String()
    name = fields.String()


class TokenAnswer(Schema):
    """A token; `status` is derived and `because` says why it isn't active."""

    id = fields.String()
    card_id = fields.String(allow_none=True)
    drawing_right_id = fields.String(allow_none=True)
    status = fields.String(metadata={"enum": list(dict.fromkeys((*STATUS_BY_CAUSE.values(), "active")))})
    because = fields.String(
        allow_none=True, metadata={"description": f"the first that holds of {', '.join(STATUS_BY_CAUSE)}"}
    )
    suspensions = fields.List(fields.Nested(SuspensionAnswer))
    last4 = fields.String(metadata={"description": "of the token number"})
    expiry = fields.String()
    par = fields.String(allow_none=True)
    scheme = fields.String()
    requestor = fields.Nested(WalletAnswer)
    device = fields.Nested(DeviceAnswer)
    decision = fields.String()
    decision_reason = fields.String(allow_none=True, metadata={"description": "why it must be verified first"})
    verification_methods = fields.List(fields.String())
    version = fields.Integer()
    created_at = Moment()


TokenList = list_of(TokenAnswer)


class SchemeNames(Schema):
    """What Mastercard's token service calls a reason: the code that an issuer sends, and what requestors are told."""

    code = fields.String(allow_none=True)
    event = fields.String(allow_none=True)


class TokenOperationAnswer(Schema):
    """A reason for an operation, and the parties that may give it; none where it follows from something else."""

    operation = fields.String(metadata={"enum": list(token_operations.OPERATIONS)})
    reason = fields.String()
    by = fields.List(fields.String())
    reaches = fields.String(metadata={"enum": ["token", "phone"]})
    undone_by = fields.List(fields.String())
    mastercard = fields.Nested(SchemeNames)
    visa = fields.String(allow_none=True)


TokenOperationList = list_of(TokenOperationAnswer)


class TokenPage(Page):
    """Which tokens."""

    card_id = Id("card", load_default=None)


class Verify(Schema):
    """How to verify."""

    method = Choice(*verification.METHODS, required=True)


class ConfirmCode(Schema):
    """The six digits that were sent."""

    code = SmsCode(required=True)


class Activate(Schema):
    """The keys that the phone's PIN, and its biometric, stand for."""

    pin_key = KeyBytes(required=True)
    biometric_key = KeyBytes(load_default=None, allow_none=True)


class ChangePin(Schema):
    """A new PIN's key."""

    pin_key = KeyBytes(required=True)


class PaymentKeys(Schema):
    """A batch of payment keys: a JWE that only the phone can open."""

    keys = fields.String()


def _own_words(by: str) -> Text:
    known = token_operations.reasons("suspend", by)
    told = f"one of {', '.join(known)}, which have a meaning of their own (docs/tokens.md), or in one's own words"
    return Text(100, required=True, metadata={"description": told, "examples": list(known)})


def _why(by: str) -> Choice:
    return Choice(*token_operations.reasons("deactivate", by), load_default=token_operations.OTHER)


class Suspend(Schema):
    """R-10.2."""

    reason = Choice(*token_operations.reasons("suspend", "cardholder"), required=True)


class SuspendByIssuer(Schema):
    """Why the bank holds a token back."""

    reason = _own_words("issuer")


class SuspendByProvider(Schema):
    """Why the provider holds a token back."""

    reason = _own_words("wallet_provider")


class Deactivate(Schema):
    """Why a token is ended."""

    reason = _why("cardholder")


class DeactivateByIssuer(Schema):
    """Why the bank ends a token."""

    reason = _why("issuer")
