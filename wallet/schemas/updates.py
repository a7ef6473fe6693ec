"""What requestors are told, by webhook and in their feeds, in one shape: notifications/bodies.py makes it.

Everything stands there as text already, so ids and times are described and not converted.
"""

from typing import Any, Final

from marshmallow import Schema, fields

from notifications import audiences
from notifications.credential_updates import CHANGES, CREDENTIAL_UPDATED
from notifications.updates import TOKEN_UPDATED
from notifications.webhooks import TEST
from tokenization import ids
from tokenization.token_status import STATUS_BY_CAUSE
from wallet.schemas.fields import about

STATUSES: Final = tuple(dict.fromkeys((*STATUS_BY_CAUSE.values(), "active")))


def _text(description: str | None = None, *, null: bool = False, **metadata: Any) -> fields.String:
    said = metadata | (about(description) if description else {})
    return fields.String(required=True, allow_none=null, metadata=said)


def _one_of(*words: str | None, description: str | None = None) -> fields.String:
    return _text(description, null=None in words, enum=list(words))


def _id(prefix: str) -> fields.String:
    return _text(pattern=ids.pattern(prefix))


def _moment() -> fields.String:
    return _text(format="date-time")


def _version() -> fields.Integer:
    return fields.Integer(required=True, metadata=about("Grows: drop what is not greater than the greatest that came."))


def _month() -> fields.String:
    return _text(pattern="^[0-9]{4}-[0-9]{2}$")


class KnownCard(Schema):
    """What a merchant may know of a card."""

    last4 = _text(pattern="^[0-9]{4}$")
    expiry = _month()


class CredentialChange(Schema):
    """What became of a card on file (docs/cards-on-file.md)."""

    credential_id = _id("cred")
    reference = _text("The merchant's own.")
    version = _version()
    code = _one_of(*CHANGES, description=", ".join(f"`{code}` {change}" for code, change in CHANGES.items()))
    change = _one_of(*CHANGES.values())
    previous = fields.Nested(KnownCard, required=True)
    current = fields.Nested(KnownCard, required=True, allow_none=True, metadata=about("With `A`, and else null."))
    encrypted_card = _text(
        "A JWE to the merchant's key, of `number` and `expiry`; null unless it may hold numbers.", null=True
    )


class CredentialUpdated(Schema):
    """A card on file is another one, is closed, has stayed blocked, or is not to be relied on any more."""

    type = _one_of(CREDENTIAL_UPDATED)
    timestamp = _moment()
    data = fields.Nested(CredentialChange, required=True)


class Holding(Schema):
    """Who holds a token back."""

    by = _text()
    reason = _text()
    at = _moment()


class WhatHappened(Schema):
    """What happened to a token, or to what it hangs on."""

    name = _one_of(*dict.fromkeys(audiences.OPERATIONS.values()))
    reason = _text(null=True)
    by = _text("Which party did it; null where time did.", null=True)


class TokenChange(Schema):
    """A token as it stands (docs/tokens.md)."""

    token_id = _id("tok")
    version = _version()
    status = _one_of(*STATUSES)
    because = _one_of(*STATUS_BY_CAUSE, None, description="The first that holds, in this order; null: it can pay.")
    expiry = _month()
    par = _text()
    reason = _text("Of what stands in its way, where that has one.", null=True)
    at = _moment()
    suspensions = fields.List(fields.Nested(Holding), required=True)
    operation = fields.Nested(
        WhatHappened, required=True, allow_none=True, metadata=about("null in what happened before this was told.")
    )


class TokenUpdated(Schema):
    """A token's status has changed, or something else of it."""

    type = _one_of(TOKEN_UPDATED)
    timestamp = _moment()
    data = fields.Nested(TokenChange, required=True)


class WebhookTest(Schema):
    """What `…/webhook-endpoint/test` sends."""

    type = _one_of(TEST)
    timestamp = _moment()
    data = fields.Dict(required=True)


WEBHOOKS: Final[dict[str, type[Schema]]] = {
    CREDENTIAL_UPDATED: CredentialUpdated,
    TOKEN_UPDATED: TokenUpdated,
    TEST: WebhookTest,
}


class _Feed(Schema):
    """Every update since, oldest first, in the shape of the webhooks."""

    next_cursor = fields.String(allow_none=True)
    cursor = fields.String(metadata=about("where this page ended: go on from here, now or next week"))


class CredentialUpdates(_Feed):
    """Every update of a card on file since, oldest first, in the shape of the webhooks."""

    data = fields.List(fields.Nested(CredentialUpdated))


class TokenUpdates(_Feed):
    """Every update of a token since, oldest first, in the shape of the webhooks."""

    data = fields.List(fields.Nested(TokenUpdated))
