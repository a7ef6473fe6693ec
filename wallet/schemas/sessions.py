"""The phones on which somebody is signed in, as the cardholder sees them."""

from marshmallow import Schema, fields

from wallet.schemas.fields import Id, Moment
from wallet.schemas.pages import list_of


class SessionAnswer(Schema):
    """A phone that is signed in, or was. Of a child's phone, `drawing_right_id` says under which right."""

    id = Id("sess", attribute="session_id")
    app = fields.String(metadata={"description": "the wallet app's name"})
    device_name = fields.String(allow_none=True, metadata={"description": "known once the phone holds a card"})
    drawing_right_id = Id("right", allow_none=True)
    current = fields.Boolean(metadata={"description": "the phone that asks"})
    assurance = fields.String(allow_none=True)
    created_at = Moment()
    signed_in_at = Moment(allow_none=True, metadata={"description": "with MitID, the last time; a child never does"})
    last_used_at = Moment(metadata={"description": "to within the five minutes that an access token lives"})
    ended_at = Moment(allow_none=True)
    end_reason = fields.String(allow_none=True)


SessionList = list_of(SessionAnswer)
