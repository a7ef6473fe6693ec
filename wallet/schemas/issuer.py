"""What the bank sends and gets."""

from marshmallow import Schema, fields

from tokenization import cards, replacement, requestors
from tokenization.cardholders import LANGUAGES
from wallet.schemas.cards import CardAnswer, Cascade
from wallet.schemas.fields import Amount, CardNumber, Choice, Currency, Flag, Id, Mobile, Moment, Text, Whole
from wallet.schemas.pages import list_of

_BALANCE = {"least": -999_999_999_999, "most": 999_999_999_999}


class Cardholder(Schema):
    """A customer of the bank."""

    name = Text(120, required=True)
    cpr = Text(11, 10, required=True)
    mobile = Mobile(load_default=None, allow_none=True)
    language = Choice(*LANGUAGES, load_default="da")
    mitid_uuid = Text(255, load_default=None, allow_none=True)
    address = Text(300, load_default=None, allow_none=True)


class ChangeCardholder(Schema):
    """What is to change; a CPR number doesn't."""

    name = Text(120)
    mobile = Mobile(allow_none=True)
    language = Choice(*LANGUAGES)
    mitid_uuid = Text(255, allow_none=True)
    address = Text(300, allow_none=True)


class CardholderAnswer(Schema):
    """A customer, without CPR, the mobile masked."""

    id = Id("holder", attribute="holder_id")
    name = fields.String()
    language = fields.String()
    address = fields.String(allow_none=True)
    mobile = fields.String(allow_none=True, metadata={"description": "masked"})
    mitid_linked = fields.Boolean()
    created_at = Moment()


class Account(Schema):
    """A new account; amounts in minor units."""

    cardholder_id = Id("holder", required=True)
    currency = Currency(load_default="DKK")
    balance = Whole(**_BALANCE, load_default=0)
    overdraft_limit = Amount(load_default=0)


class ChangeAccount(Schema):
    """The bank's own books moved."""

    balance = Whole(**_BALANCE)
    overdraft_limit = Amount()


class AccountAnswer(Schema):
    """available = balance + overdraft limit - holds (R-2.4)."""

    id = Id("acct", attribute="account_id")
    cardholder_id = Id("holder", attribute="holder_id")
    currency = fields.String()
    balance = fields.Integer(attribute="balance_minor")
    overdraft_limit = fields.Integer(attribute="overdraft_limit_minor")
    holds = fields.Integer(attribute="held_minor")
    available = fields.Integer()


class IssueCard(Schema):
    """A new card with its first plastic."""

    cardholder_id = Id("holder", required=True)
    account_id = Id("acct", required=True)
    scheme = Choice(*cards.SCHEMES, required=True)


class IssuerCardAnswer(CardAnswer):
    """A card as the bank sees it; `number` and `cvc` once, when a plastic is made."""

    cardholder_id = Id("holder", attribute="holder_id")
    account_id = Id("acct")
    noticed_at = Moment(allow_none=True)
    plastic = fields.Dict()
    number = fields.String()
    cvc = fields.String()
    cascade = fields.Nested(Cascade)


IssuerCardList = list_of(IssuerCardAnswer)


class BlockByIssuer(Schema):
    """R-12.1: broken rules and overdraft want a written reminder first, unless they are gross."""

    reason = Choice(*cards.BLOCK_REASONS, required=True)
    noticed_at = Moment(load_default=None, allow_none=True)
    reported_by = Text(120, load_default=None, allow_none=True)
    reminded_at = Moment(load_default=None, allow_none=True)
    gross = Flag(load_default=False)


class Replace(Schema):
    """R-12.2."""

    reason = Choice(*replacement.REASONS, required=True)


class Search(Schema):
    """For the blocking line (R-10.1a): every field given must fit."""

    name = Text(120)
    address = Text(300)
    cpr = Text(11, 10)
    number = CardNumber()
    last4 = Text(4, 4, pattern=r"[0-9]{4}")
    account_id = Id("acct")
    mobile = Text(20)


class Contact(Schema):
    """Who is told by SMS when a requestor's webhooks fail."""

    mobile = Mobile(required=True)
    language = Choice(*LANGUAGES, load_default="da")


class RequestorInput(Schema):
    """A wallet, a merchant or an acquirer that the bank and the scheme approved (R-3.3b)."""

    kind = Choice(*requestors.KINDS, required=True)
    name = Text(100, required=True)
    redirect_uris = fields.List(Text(2000), load_default=list)
    jwks = fields.Dict(load_default=None, allow_none=True)
    merchant_ids = fields.List(Text(60), load_default=list)
    schemes = fields.List(Choice("dankort", "visa"), load_default=lambda: ["dankort"])
    may_hold_numbers = Flag(load_default=False)
    app_attestation = Choice("off", "required", load_default="off")
    status = Choice("active", "suspended", load_default="active")
    contact = fields.Nested(Contact, load_default=None, allow_none=True)


class ChangeRequestor(Schema):
    """What the bank allows from now on, where the app is reached, and the machine's keys."""

    name = Text(100)
    redirect_uris = fields.List(Text(2000))
    jwks = fields.Dict()
    merchant_ids = fields.List(Text(60))
    schemes = fields.List(Choice("dankort", "visa"))
    may_hold_numbers = Flag()
    app_attestation = Choice("off", "required")
    status = Choice("active", "suspended")
    contact = fields.Nested(Contact, allow_none=True)


class ContactAnswer(Schema):
    """The same, the mobile masked."""

    mobile = fields.String(metadata={"description": "masked"})
    language = fields.String()


class RequestorAnswer(Schema):
    """A requestor and the OAuth clients that speak for it."""

    id = Id("reqr", attribute="requestor_id")
    kind = fields.String()
    name = fields.String()
    status = fields.String()
    merchant_ids = fields.List(fields.String())
    schemes = fields.List(fields.String())
    may_hold_numbers = fields.Boolean()
    app_attestation = fields.String()
    contact = fields.Nested(ContactAnswer, allow_none=True)
    clients = fields.List(fields.Dict())


class ApproveKey(Schema):
    """Which key the bank says yes to: its thumbprint (RFC 7638)."""

    thumbprint = Text(43, 43, required=True)


class PolicyInput(Schema):
    """A new version of a policy."""

    figures = fields.Dict(required=True)
    effective_at = Moment(load_default=None, allow_none=True)


class PolicyAnswer(Schema):
    """A version of a policy: from when it holds and who set it."""

    name = fields.String()
    version = fields.Integer()
    figures = fields.Dict()
    effective_at = Moment()
    set_by = fields.String()
    created_at = Moment()


PolicyList = list_of(PolicyAnswer)


class JournalAnswer(Schema):
    """One thing that happened."""

    seq = fields.Integer()
    type = fields.String()
    at = Moment()
    actor = fields.String()
    payload = fields.Dict()


JournalList = list_of(JournalAnswer)


class VerdictAnswer(Schema):
    """Whether the journal's chain holds."""

    valid = fields.Boolean()
    entries = fields.Integer()
    broken_at = fields.Integer(allow_none=True)
    erased = fields.Integer(metadata={"description": "entries whose payload is gone"})
