"""What children ask and parents answer. Amounts in minor units of the account's currency."""

from typing import Final

from marshmallow import Schema, fields

from delegation.requests import KINDS
from delegation.terms import LIMITS
from wallet.schemas.fields import Amount, Choice, Id, Moment, Text, about
from wallet.schemas.pages import Page, list_of

STATUSES: Final = ("open", "approved", "declined", "spent", "lapsed")
_MESSAGE_CHARACTERS_MAX: Final = 200


class Ask(Schema):
    """A payment of at most `amount` once (`one_off`), or a `limit` that becomes `amount` for good (`raise`).

    With `payment_id` both may be left out: then they are what that payment needed.
    """

    kind = Choice(*KINDS, required=True)
    amount = Amount(
        1, allow_none=True, load_default=None, metadata=about("payments, for a raise of `payments_per_day`")
    )
    limit = Choice(*LIMITS, allow_none=True, load_default=None, metadata=about("which is to be raised"))
    payment_id = Id("pay", allow_none=True, load_default=None, metadata=about("a payment of this right's, declined"))
    message = Text(_MESSAGE_CHARACTERS_MAX, allow_none=True, load_default=None, metadata=about("kept exactly"))


class RequestPage(Page):
    """Which requests."""

    status = Choice(*STATUSES, load_default=None, metadata=about("only those that are this now"))


class MerchantAnswer(Schema):
    """Where the payment was declined that is asked for."""

    name = fields.String()
    country = fields.String()
    categories = fields.List(fields.String())


class AskingPhoneAnswer(Schema):
    """The phone that asked."""

    id = Id("pair", attribute="pairing_id")
    name = fields.String(attribute="device_name")


class RequestAnswer(Schema):
    """What was asked, and what became of it."""

    id = Id("rqst", attribute="request_id")
    drawing_right_id = Id("right", attribute="right_id")
    kind = fields.String(metadata={"enum": list(KINDS)})
    amount = fields.Integer()
    currency = fields.String()
    limit = fields.String(metadata={"enum": list(LIMITS)})
    payment_id = Id("pay", allow_none=True)
    merchant = fields.Nested(MerchantAnswer, allow_none=True)
    phone = fields.Nested(AskingPhoneAnswer, allow_none=True, metadata=about("which asked; `null` for a child"))
    message = fields.String(allow_none=True)
    status = fields.String(metadata={"enum": list(STATUSES)})
    spent_by = Id("pay", allow_none=True, metadata=about("the payment that took the one-off"))
    created_at = Moment()
    decided_at = Moment(allow_none=True)
    lapses_at = Moment(
        allow_none=True, metadata=about("when it is of no more use; `null` where it stands, or was a no")
    )


RequestList = list_of(RequestAnswer)
