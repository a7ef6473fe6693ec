"""What the cardholder's app sends and gets about cards, payments and credentials."""

from marshmallow import Schema, fields

from tokenization import cards, credentials
from wallet.schemas.fields import Choice, Flag, Id, Moment, QueryFlag
from wallet.schemas.pages import Page, list_of


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


class KnownPlastic(Schema):
    """The card as somebody knows it."""

    last4 = fields.String()
    expiry = fields.String()


class CredentialAnswer(Schema):
    """A merchant that holds the card, or waits for a yes."""

    id = Id("cred", attribute="credential_id")
    card_id = Id("card")
    merchant = fields.String()
    agreement = fields.String(metadata={"enum": list(credentials.AGREEMENTS)})
    status = fields.String(metadata={"enum": list(credentials.STATES)})
    automatic_update = fields.Boolean()
    known = fields.Nested(KnownPlastic, metadata={"description": "the card that the merchant knows"})
    version = fields.Integer()
    created_at = Moment()
    pending_until = Moment(allow_none=True, metadata={"description": "until when it waits for a yes, if it does"})
    confirmed_at = Moment(allow_none=True)
    last_paid_at = Moment(allow_none=True, metadata={"description": "when a purchase with it was last approved"})
    last_updated_at = Moment(allow_none=True, metadata={"description": "when the merchant last received a new card"})


CredentialList = list_of(CredentialAnswer)


class CredentialPage(Page):
    """Which cards on file."""

    status = Choice(
        *credentials.STATES, load_default=None, metadata={"description": "these alone; else all but `withdrawn`"}
    )


class CredentialUpdateAnswer(Schema):
    """What a merchant was told of a card on file, or is to be told."""

    version = fields.Integer()
    code = fields.String()
    change = fields.String()
    previous = fields.Nested(KnownPlastic, metadata={"description": "the card that the merchant knew"})
    current = fields.Nested(KnownPlastic, allow_none=True, metadata={"description": "the new card, with `A`"})
    at = Moment()
    received_at = Moment(
        allow_none=True, metadata={"description": "when the merchant had it, by webhook or from its feed"}
    )
    number_given = fields.Boolean(metadata={"description": "whether the number was in it, encrypted to the merchant"})


CredentialUpdateList = list_of(CredentialUpdateAnswer)


class AutomaticUpdate(Schema):
    """R-3.6c."""

    automatic_update = Flag(required=True)
