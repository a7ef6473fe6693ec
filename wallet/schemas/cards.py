"""What the cardholder's app sends and gets about cards, payments and credentials."""

from marshmallow import Schema, fields

from tokenization import cards
from wallet.schemas.fields import Choice, Flag, Id, Moment, QueryFlag
from wallet.schemas.pages import list_of


class Me(Schema):
    """Who is signed in."""

    name = fields.String()
    language = fields.String()
    mobile = fields.String(allow_none=True, metadata={"description": "masked"})
    assurance = fields.String(allow_none=True)


class Blocked(Schema):
    """R-10.1b: why, when and by whom."""

    reason = fields.String()
    at = Moment()
    by = fields.String()


class CardAnswer(Schema):
    """A card as its holder sees it."""

    id = Id("card", attribute="card_id")
    scheme = fields.String()
    last4 = fields.String()
    expiry = fields.String()
    status = fields.String()
    blocked = fields.Nested(Blocked, allow_none=True)
    par = fields.String()


class Cascade(Schema):
    """What a block reaches."""

    tokens = fields.Integer()
    drawing_rights = fields.Integer()
    credentials = fields.Integer()


class BlockedCard(CardAnswer):
    """The card after a block, and what it reached."""

    cascade = fields.Nested(Cascade)


CardList = list_of(CardAnswer)


class Block(Schema):
    """R-10.1a."""

    reason = Choice(*cards.CARDHOLDER_REASONS, required=True)
    also_suspend = fields.List(Id("tok"), load_default=list)


class DryRun(Schema):
    """Say what would happen, do nothing."""

    dry_run = QueryFlag(load_default=False)


class CredentialAnswer(Schema):
    """A merchant that holds the card, or waits for a yes."""

    id = Id("cred", attribute="credential_id")
    card_id = Id("card")
    merchant = fields.String()
    agreement = fields.String()
    status = fields.String(attribute="state")
    automatic_update = fields.Boolean()
    version = fields.Integer()
    created_at = Moment()
    confirmed_at = Moment(allow_none=True)


CredentialList = list_of(CredentialAnswer)


class AutomaticUpdate(Schema):
    """R-3.6c."""

    automatic_update = Flag(required=True)
