"""What people get as messages."""

from marshmallow import Schema, fields

from wallet.schemas.fields import Flag, Id, Moment, QueryFlag, about
from wallet.schemas.pages import Page, list_of


class Wanted(Page):
    """Which messages."""

    unread = QueryFlag(load_default=False)


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


class PreferenceAnswer(Schema):
    """A kind of message, and how it comes."""

    kind = fields.String(metadata=about("As messages have it.", "drawing_right.week_ended"))
    title = fields.String(metadata=about("What it is called, in the person's language."))
    inbox = fields.Boolean()
    sms = fields.Boolean(allow_none=True, metadata=about("null where there is no number to send a text message to"))
    fixed = fields.Boolean(metadata=about("Always told: no way that it comes by can be switched off"))


PreferenceList = list_of(PreferenceAnswer)


class Preference(Schema):
    """How a kind of message is to come."""

    inbox = Flag(required=True)
    sms = Flag(load_default=None, allow_none=True, metadata=about("null, or left out: as delivered"))
