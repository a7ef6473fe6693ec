"""What acquirers send and get."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from wallet.schemas.fields import (
    Amount,
    CardNumber,
    CategoryCode,
    Choice,
    Country,
    Currency,
    CvcDigits,
    ExpiryMonth,
    Flag,
    Hex,
    Id,
    Moment,
    ShortDay,
    Text,
    Whole,
    about,
)
from wallet.schemas.quick import Quick

OWN_NAME = about("the caller's own name for the call: a repeat gets the first answer, for ever", "acq-7f3a")
ENTRY_MODES = ("wallet", "contactless", "chip", "magstripe", "keyed", "ecommerce", "moto", "credential_on_file")


class Terminal(Quick):
    """Where it stands."""

    id = Text(40, required=True)
    unattended = Flag(load_default=False)


class MerchantInput(Quick):
    """Who is paid."""

    id = Text(60, required=True)
    name = Text(100, required=True)
    mcc = CategoryCode(
        required=True, metadata=about("ISO 18245; one that is in no list counts as gambling too", "5411")
    )
    country = Country(required=True, metadata=about("ISO 3166 alpha-2, or XK for Kosovo", "DK"))
    city = Text(40, load_default=None, allow_none=True, metadata=about("as a statement shows it", "København V"))


class CryptogramInput(Quick):
    """What the phone signed with."""

    atc = Whole(1, 0xFFFF, required=True)
    date = ShortDay(required=True)
    unpredictable_number = Hex(4, required=True)
    cvm = Choice("none", "pin", "biometric", required=True)
    mac = Hex(8, required=True)
    cvm_mac = Hex(8, load_default=None, allow_none=True)

    @validates_schema
    def cvm_has_a_mac(self, data: dict[str, Any], **_: object) -> None:
        """A CVM comes with its MAC, none comes without."""
        if (data["cvm"] == "none") != (data["cvm_mac"] is None):
            raise ValidationError("is needed exactly when cvm is not none", "cvm_mac")


class PlasticInput(Quick):
    """The plastic, or its number."""

    number = CardNumber(required=True)
    expiry = ExpiryMonth(required=True)
    cvc = CvcDigits(load_default=None, allow_none=True)


class AuthorizationInput(Quick):
    """May this be paid? By one of `token` with its `cryptogram`, `card` and `credential_id`."""

    network_reference = Text(80, required=True, metadata=OWN_NAME)
    token = CardNumber()
    cryptogram = fields.Nested(CryptogramInput)
    card = fields.Nested(PlasticInput)
    cvm = Choice("none", "online_pin", "offline_pin", "signature")
    credential_id = Id("cred")
    authentication = Choice("none", "3ds", "exempt")
    initiated_by = Choice("cardholder", "merchant")
    entry_mode = Choice(*ENTRY_MODES, required=True)
    kind = Choice("purchase", "cash", "verification", required=True)
    amount = Amount(required=True, metadata=about("in minor units of `currency`; 0 for a verification", 12500))
    currency = Currency(required=True, metadata=about("ISO 4217; of a currency that has minor units", "DKK"))
    estimated = Flag(
        load_default=False, metadata=about("the final amount may be higher, where the policy lets it (R-3.1a)")
    )
    scheme = Choice("dankort", "visa", required=True)
    at = Moment(
        required=True, metadata=about("by the terminal's clock, at most 24 hours from ours", "2026-11-22T10:15:00Z")
    )
    terminal = fields.Nested(Terminal, load_default=None, allow_none=True)
    merchant = fields.Nested(MerchantInput, required=True)

    @validates_schema
    def one_instrument(self, data: dict[str, Any], **_: object) -> None:
        """A token with its cryptogram, a card, or a credential."""
        ways = [name for name in ("token", "card", "credential_id") if name in data]
        if len(ways) != 1:
            raise ValidationError("exactly one of token, card and credential_id is needed", "token")
        if (ways == ["token"]) != ("cryptogram" in data):
            raise ValidationError("belongs to a token, which is of no use without", "cryptogram")
        if "cvm" in data and ways != ["card"]:
            raise ValidationError("belongs to a card", "cvm")
        beside_token = [name for name in ("authentication", "initiated_by") if name in data and "token" in data]
        if beside_token:
            raise ValidationError({name: ["is not for a token"] for name in beside_token})

    @validates_schema
    def amount_fits_kind(self, data: dict[str, Any], **_: object) -> None:
        """A verification is of nothing, everything else of something."""
        if (data["kind"] == "verification") != (data["amount"] == 0):
            raise ValidationError("is 0 for a verification, and more for everything else", "amount")


class LimitAnswer(Schema):
    """Which limit stopped a payment."""

    name = fields.String()
    limit = fields.Integer(allow_none=True)
    spent = fields.Integer(allow_none=True)
    of = fields.String()


class CostAnswer(Schema):
    """What it costs the account, where it is in another currency: by a rate that the payment keeps (R-18)."""

    amount = fields.Integer(metadata={"description": "in minor units of the account's currency"})
    currency = fields.String()
    rate = fields.String(metadata={"description": "of one unit of the payment's currency", "example": "7.4605"})


class DecisionAnswer(Schema):
    """The decision; `response_code` is that of ISO 8583 field 39."""

    id = fields.String()
    approved = fields.Boolean()
    response_code = fields.String()
    reason = fields.String()
    amount = fields.Integer()
    currency = fields.String()
    billed = fields.Nested(CostAnswer, allow_none=True)
    scheme = fields.String()
    limit = fields.Nested(LimitAnswer, allow_none=True)
    remaining_attempts = fields.Integer(allow_none=True)


class Operation(Schema):
    """A capture, a reversal or a refund so far; or the expiry of what was held, which has no reference."""

    kind = fields.String()
    amount = fields.Integer(attribute="amount_minor")
    final = fields.Boolean(metadata={"description": "nothing more is captured after it"})
    network_reference = fields.String(allow_none=True)
    at = Moment()


class AuthorizationAnswer(DecisionAnswer):
    """A payment and what became of it."""

    status = fields.String()
    at = Moment()
    captured = fields.Integer()
    reversed = fields.Integer()
    refunded = fields.Integer()
    expired = fields.Integer(metadata={"description": "held and not captured in time"})
    history = fields.List(fields.Nested(Operation))


class CaptureInput(Schema):
    """Take the money, or part of it."""

    network_reference = Text(80, required=True, metadata=OWN_NAME)
    amount = Amount(1, required=True)
    final = Flag(load_default=True, metadata={"description": "nothing more is captured after it"})


class ReversalInput(Schema):
    """Give back the hold or the money; all of it without an amount."""

    network_reference = Text(80, required=True, metadata=OWN_NAME)
    amount = Amount(1, load_default=None, allow_none=True)


class RefundInput(Schema):
    """Give money back that was captured."""

    network_reference = Text(80, required=True, metadata=OWN_NAME)
    amount = Amount(1, required=True)


class LostAnswerReversal(ReversalInput):
    """Reverse an authorisation whose answer was lost."""

    original_network_reference = Text(80, required=True, metadata=about("that of the authorisation"))


class OperationAnswer(Schema):
    """What was done; `id` and `status` are the payment's. Of an authorisation that is unknown, `id` is null."""

    id = fields.String(allow_none=True)
    status = fields.String()
    network_reference = fields.String()
    kind = fields.String()
    amount = fields.Integer(metadata={"description": "what was moved; 0 where there was nothing to reverse"})
    currency = fields.String(allow_none=True)
    billed = fields.Nested(CostAnswer, allow_none=True)
    at = Moment()
