"""What parents and children send and get about drawing rights. A limit of `null` is none, of 0 is nothing at all."""

from marshmallow import Schema, fields

from delegation.drawing_rights import NOTIFY
from delegation.terms import PHONES_MOST, WEEKDAYS
from wallet.schemas.fields import Amount, Choice, Country, Day, Flag, Moment, Text, Whole
from wallet.schemas.pages import list_of


class Delegate(Schema):
    """Who may draw on the card."""

    name = Text(80, required=True)
    birthdate = Day(allow_none=True)


class Limits(Schema):
    """Amounts in minor units of the account's currency; `null` is no limit. What is left out of a change stays."""

    per_payment = Amount(allow_none=True)
    per_day = Amount(allow_none=True)
    per_week = Amount(allow_none=True)
    per_month = Amount(allow_none=True)
    total = Amount(allow_none=True)
    payments_per_day = Whole(0, 10_000, allow_none=True)


_HOUR = r"([01]\d|2[0-3]):[0-5]\d"


class Hours(Schema):
    """When payments are permitted, by the clock in Copenhagen; `to` at or before `from` is on the next day."""

    days = fields.List(Choice(*WEEKDAYS), required=True)
    from_ = Text(5, 5, data_key="from", attribute="from", pattern=_HOUR, required=True)
    to = Text(5, 5, pattern=_HOUR, required=True)


class Terms(Schema):
    """What a parent permits."""

    limits = fields.Nested(Limits)
    allowed_categories = fields.List(Text(40), allow_none=True)
    blocked_categories = fields.List(Text(40), allow_none=True)
    allowed_countries = fields.List(Country(), allow_none=True)
    allowed_merchants = fields.List(Text(60), allow_none=True)
    blocked_merchants = fields.List(Text(60), allow_none=True)
    allow_cash = Flag()
    allow_recurring = Flag()
    hours = fields.Nested(Hours, allow_none=True)
    valid_from = Day(allow_none=True)
    valid_until = Day(allow_none=True)
    phones_allowed = Whole(1, PHONES_MOST, allow_none=True)
    notify_grantor = Choice(*NOTIFY)
    notify_above = Amount(allow_none=True)
    weekly_summary = Flag()


class Grant(Terms):
    """A new drawing right."""

    delegate = fields.Nested(Delegate, required=True)
    limits = fields.Nested(Limits, required=True)


class Change(Terms):
    """What is to change; what is not named stays."""

    delegate = fields.Nested(Delegate(partial=True))


class UsageAnswer(Schema):
    """How far a limit is used up."""

    limit = fields.Integer()
    spent = fields.Integer()
    remaining = fields.Integer()
    resets_at = Moment(allow_none=True)


class RightAnswer(Schema):
    """A drawing right, for its grantor, and for the child its own."""

    id = fields.String()
    card_id = fields.String(allow_none=True)
    status = fields.String()
    delegate = fields.Dict()
    limits = fields.Dict()
    allowed_categories = fields.List(fields.String(), allow_none=True)
    blocked_categories = fields.List(fields.String(), allow_none=True)
    allowed_countries = fields.List(fields.String(), allow_none=True)
    allowed_merchants = fields.List(fields.String(), allow_none=True)
    blocked_merchants = fields.List(fields.String(), allow_none=True)
    allow_cash = fields.Boolean()
    allow_recurring = fields.Boolean()
    hours = fields.Dict(allow_none=True)
    valid_from = Day(allow_none=True)
    valid_until = Day(allow_none=True)
    phones_allowed = fields.Integer(allow_none=True)
    notify_grantor = fields.String()
    notify_above = fields.Integer(allow_none=True)
    weekly_summary = fields.Boolean()
    ceiling = fields.Dict()
    usage = fields.Dict(values=fields.Nested(UsageAnswer))
    created_at = Moment()


RightList = list_of(RightAnswer)


class PendingPairing(Schema):
    """A phone that asks to be let in; `match` stands on both phones."""

    device_name = fields.String()
    requested_at = Moment()
    match = fields.String()


class Pair(Schema):
    """Let that phone in."""

    user_code = Text(20, required=True)
