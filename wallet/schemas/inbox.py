"""What people get as messages."""

from marshmallow import Schema, fields

from wallet.schemas.fields import Id, Moment


class MessageAnswer(Schema):
    """A message."""

    id = Id("msg", attribute="message_id")
    kind = fields.String()
    title = fields.String()
    text = fields.String()
    card_id = Id("card", allow_none=True)
    at = Moment()
    read_at = Moment(allow_none=True)


class MessageList(Schema):
    """Messages, newest first."""

    data = fields.List(fields.Nested(MessageAnswer))
    next_cursor = fields.String(allow_none=True)
