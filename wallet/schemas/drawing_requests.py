"""What children ask and parents answer. Amounts in minor units of the account's currency."""

from marshmallow import Schema, fields

from delegation.requests import KINDS
from delegation.terms import LIMITS
from wallet.schemas.fields import Amount, Choice, Id, Moment, Text
from wallet.schemas.pages import list_of

MESSAGE_CHARACTERS_MAX = 200


class Ask(Schema):
    """A payment of at most `amount` once (`one_off`), or a `limit` that becomes `amount` for good (`raise`).

    With `payment_id`, a payment that was declined, both may be left out.
    """

    kind = Choice(*KINDS, required=True)
    amount = Amount(1, allow_none=True, load_default=None)
    limit = Choice(*LIMITS, allow_none=True, load_default=None)
    payment_id = Id("pay", allow_none=True, load_default=None)
    message = Text(MESSAGE_CHARACTERS_MAX, allow_none=True, load_default=None)


class MerchantAnswer(Schema):
    """Where the payment was declined that is asked for."""

    name = fields.String()
    country = fields.String()
    categories = fields.List(fields.String())


class RequestAnswer(Schema):
    """What was asked, and what became of it: open, approved, declined, spent, lapsed."""

    id = Id("rqst", attribute="request_id")
    drawing_right_id = Id("right", attribute="right_id")
    kind = fields.String()
    amount = fields.Integer()
    currency = fields.String()
    limit = fields.String()
    payment_id = Id("pay", allow_none=True)
    merchant = fields.Nested(MerchantAnswer, allow_none=True)
    message = fields.String(allow_none=True)
    status = fields.String()
    created_at = Moment()
    decided_at = Moment(allow_none=True)
    lapses_at = Moment(allow_none=True)


RequestList = list_of(RequestAnswer)
