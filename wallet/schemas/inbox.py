"""What people get as messages."""

from marshmallow import Schema, fields

from wallet.schemas.fields import Id, Moment
from wallet.schemas.pages import list_of


class MessageAnswer(Schema):
    """A message."""

    id = Id("msg", attribute="message_id")
    kind = fields.String()
    title = fields.String()
    text = fields.String()
    card_id = Id("card", allow_none=True)
    drawing_right_id = Id("right", attribute="right_id", allow_none=True)
    drawing_request_id = Id("rqst", attribute="request_id", allow_none=True)
    at = Moment()
    read_at = Moment(allow_none=True)


MessageList = list_of(MessageAnswer)
