"""Where webhooks go, and what became of them."""

from typing import Final

from marshmallow import Schema, fields

from notifications import replay, sending, webhooks
from wallet.schemas.fields import Choice, Moment, PublicKey, Text
from wallet.schemas.pages import Page, list_of
from wallet.schemas.updates import WEBHOOKS

STATES: Final = ("pending", "delivered", "failed", "superseded")


class PutEndpoint(Schema):
    """Where webhooks go."""

    url = Text(2000, required=True)
    update_format = Choice(*webhooks.FORMATS, load_default="token")
    encryption_key = PublicKey(load_default=None, allow_none=True)


class Check(Schema):
    """What a look at the endpoint found after it was set: connected and TLS shaken hands, nothing sent."""

    at = Moment()
    result = fields.String(
        metadata={
            "description": "`ok`, or what was wrong, as in a delivery's `last_error`",
            "enum": ["ok", *sorted(sending.ERRORS)],
        }
    )


class Disabled(Schema):
    """Since when nothing is sent, and why."""

    at = Moment()
    reason = fields.String(metadata={"enum": ["failed_for_five_days", "answered_410"]})


class EndpointAnswer(Schema):
    """A webhook endpoint; the secret is in the answers to PUT and rotate-secret alone."""

    id = fields.String()
    url = fields.String()
    update_format = fields.String()
    encryption_key = fields.Dict(allow_none=True)
    encryption_key_approved = fields.Boolean(metadata={"description": "by the issuer"})
    status = fields.String(metadata={"enum": ["enabled", "disabled", "gone"]})
    check = fields.Nested(Check, allow_none=True)
    failing_since = Moment(allow_none=True, metadata={"description": "when the first of its failures was; null: none"})
    disabled = fields.Nested(Disabled, allow_none=True)
    secret = fields.String()
    previous_secret_until = Moment(
        allow_none=True, metadata={"description": "until then webhooks are signed with the secret before, too"}
    )
    created_at = Moment()


class DeliveryPage(Page):
    """Which of the deliveries."""

    status = Choice(*STATES, load_default=None)


class DeliveryAnswer(Schema):
    """One webhook and what became of it."""

    id = fields.String(metadata={"description": "its `webhook-id`"})
    type = fields.String(metadata={"enum": list(WEBHOOKS)})
    status = fields.String(metadata={"enum": list(STATES)})
    attempts = fields.Integer()
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True, metadata={"enum": [*sorted(sending.ERRORS), None]})
    next_attempt_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)
    created_at = Moment()


DeliveryList = list_of(DeliveryAnswer)


class Replay(Schema):
    """From when on everything is sent again."""

    since = Moment(required=True)


class ReplayAnswer(Schema):
    """How much is sent again."""

    queued = fields.Integer(metadata={"description": f"at most {replay.AT_MOST}, {replay.A_SECOND} a second"})
