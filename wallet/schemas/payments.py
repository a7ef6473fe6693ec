"""Payments as the people whose card it is see them, and which of them are asked for."""

from datetime import date
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validates_schema

from delegation.categories import CATEGORIES
from delegation.terms import LIMITS
from wallet.payments.statement import CARD_ON_FILE, CHILD_CARD, PHONE, PLASTIC
from wallet.schemas.fields import Choice, Day, Id, Moment, Text, about
from wallet.schemas.network import ENTRY_MODES
from wallet.schemas.pages import Page, list_of

STATUSES: Final = ("held", "captured", "partly_captured", "reversed", "expired", "refunded", "declined")
CSV: Final = "text/csv"
CSV_MOST: Final = 5_000


class StatementDay(Day):
    """A day that a statement may begin or end with: one that has a midnight in UTC on either side of it, too."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> date:
        day = super()._deserialize(value, attr, data, **more)
        if not 1900 <= day.year < 3000:
            raise ValidationError("must be a date from 1900-01-01 to 2999-12-31")
        return day


class RightPaymentPage(Page):
    """Which payments: those of which all that is said holds."""

    from_ = StatementDay(
        data_key="from", attribute="from", load_default=None, metadata=about("the first day, in Copenhagen")
    )
    to = StatementDay(load_default=None, metadata=about("the last day, in Copenhagen"))
    status = Choice(*STATUSES, load_default=None, metadata=about("only those that are this now"))
    scheme = Choice("dankort", "visa", load_default=None)
    entry_mode = Choice(*ENTRY_MODES, load_default=None)
    category = Choice(
        *sorted(CATEGORIES), load_default=None, metadata=about("one of `GET /v1/drawing-right-categories`")
    )
    merchant = Text(100, load_default=None, metadata=about("stands in its name, in small letters or capitals"))

    @validates_schema
    def begins_before_it_ends(self, data: dict[str, Any], **_: object) -> None:
        """Of no days at all there is no statement."""
        if data["from"] and data["to"] and data["to"] < data["from"]:
            raise ValidationError("must not be before from", "to")


class PaymentPage(RightPaymentPage):
    """Which payments of a card."""

    token_id = Id("tok", load_default=None, metadata=about("paid by this token alone"))
    credential_id = Id("cred", load_default=None, metadata=about("paid by this card on file alone"))
    drawing_right_id = Id("right", load_default=None, metadata=about("paid under this drawing right alone"))


class PaidAtAnswer(Schema):
    """The merchant, as its acquirer named it."""

    id = fields.String()
    name = fields.String()
    mcc = fields.String(metadata=about("ISO 18245", "5411"))
    country = fields.String(metadata=about("ISO 3166", "DK"))
    city = fields.String(allow_none=True, metadata=about("`null` where the acquirer did not say", "Aarhus"))


class PaidWithAnswer(Schema):
    """What the card was paid with."""

    kind = fields.String(metadata={"enum": [PHONE, CHILD_CARD, PLASTIC, CARD_ON_FILE]})
    last4 = fields.String(
        allow_none=True, metadata=about("of the number that was used; `null` of a card on file", "4242")
    )
    device = fields.String(allow_none=True, metadata=about("what the phone is called"))
    delegate = fields.String(allow_none=True, metadata=about("who paid, under a drawing right", "Emil"))


class BilledAnswer(Schema):
    """R-18: in the account's currency, each as the amount of its name is, at the one rate that the payment keeps."""

    amount = fields.Integer()
    currency = fields.String()
    rate = fields.String(metadata=about("of one unit of the payment's currency, a decimal", "7.4605"))
    rate_of = fields.Date(metadata=about("the day of the rate"))
    held = fields.Integer()
    captured = fields.Integer()
    refunded = fields.Integer()
    final_amount = fields.Integer()


class PaymentAnswer(Schema):
    """A payment as the people whose card it is see it. Amounts are minor units of `currency`."""

    id = Id("pay", attribute="payment_id")
    at = Moment()
    kind = fields.String()
    entry_mode = fields.String(metadata={"enum": list(ENTRY_MODES)})
    scheme = fields.String(metadata=about("which was used (R-2.2)"))
    paid_with = fields.Nested(PaidWithAnswer)
    merchant = fields.Nested(PaidAtAnswer)
    categories = fields.List(fields.String(), metadata=about("those of the merchant", ["groceries"]))
    approved = fields.Boolean()
    status = fields.String(metadata={"enum": list(STATUSES)})
    reason = fields.String()
    limit = fields.Dict(allow_none=True, metadata=about("which stopped it"))
    amount = fields.Integer(attribute="amount_minor", metadata=about("that was asked for"))
    currency = fields.String()
    held = fields.Integer(attribute="held_minor", metadata=about("what is reserved on the account still"))
    held_until = Moment(allow_none=True, metadata=about("when that ends by itself; `null` where nothing is held"))
    captured = fields.Integer(attribute="captured_minor", metadata=about("less what was reversed of it"))
    refunded = fields.Integer(attribute="refunded_minor")
    reversed = fields.Integer(attribute="reversed_minor")
    expired = fields.Integer(attribute="expired_minor", metadata=about("what was held until its time was over"))
    final_amount = fields.Integer(metadata=about("what it cost so far: captured less refunded"))
    billed = fields.Nested(
        BilledAnswer, allow_none=True, metadata=about("`null` of a payment in the account's own currency")
    )
    token_id = Id("tok", allow_none=True)
    credential_id = Id("cred", allow_none=True)
    drawing_right_id = Id("right", attribute="right_id", allow_none=True)


PaymentList = list_of(PaymentAnswer)


class LeftAnswer(Schema):
    """What was left of the limit that was nearest, in minor units or payments."""

    limit = fields.String(metadata={"enum": list(LIMITS)})
    remaining = fields.Integer()


class RightPaymentAnswer(PaymentAnswer):
    """A payment under a drawing right, as its grantor and its child see it."""

    counts = fields.Integer(metadata=about("what it counts for in the right's limits: an estimate's most (R-3.1a)"))
    left = fields.Nested(
        LeftAnswer,
        allow_none=True,
        metadata=about("right after it; `null` of a decline, and where nothing is limited"),
    )
    can_be_asked_for = fields.Boolean(
        metadata=about(
            "declined by what the grantor can lift, under a right that is active: ask with `payment_id` "
            "(`POST …/requests`)"
        )
    )


RightPaymentList = list_of(RightPaymentAnswer)
