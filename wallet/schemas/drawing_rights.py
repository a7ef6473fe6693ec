"""What parents and children send and get about drawing rights. A limit of `null` is none, of 0 is nothing at all."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields

from delegation.categories import CATEGORIES
from delegation.limits import CEILING, DRAWING_RIGHT
from delegation.parties import NOTIFY
from delegation.terms import HOUR, MERCHANTS_MOST, PAYMENTS_MOST, PHONES_MOST, WEEKDAYS
from tokenization.money import MAX_AMOUNT_MINOR
from wallet.schemas.fields import Amount, Choice, Country, Day, Flag, Id, Moment, Several, Text, Whole, about
from wallet.schemas.pages import list_of

STATUSES: Final = ("invited", "active", "paused", "revoked", "expired")
# What of a right and of its card stops every payment under it: the first that holds is what is shown.
CAUSES: Final = (
    *("card_closed", "card_blocked", "card_expired"),
    *("drawing_right_revoked", "drawing_right_expired", "drawing_right_paused", "drawing_right_invited"),
    *("drawing_right_unpaired", "drawing_right_not_begun"),
)
_COUNTRIES_MOST: Final = 250
_NONE_OR_NOTHING: Final = (
    "`null` is no limit of the grantor's (the scheme's ceiling still holds), `0` lets nothing through"
)


class Figure(Whole):
    """A limit of the grantor's: a whole number, or `null`. What is wrong with one says what the two ends mean."""

    def __init__(self, what: str, example: int, most: int = MAX_AMOUNT_MINOR) -> None:
        super().__init__(0, most, allow_none=True, metadata=about(f"{what}; {_NONE_OR_NOTHING}", example, None))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:
        try:
            return super()._deserialize(value, attr, data, **more)
        except ValidationError as error:
            raise ValidationError(f"{error.messages[0]}; null is no limit, 0 lets nothing through") from None


class Delegate(Schema):
    """Who may draw on the card, a child or anybody else."""

    name = Text(80, required=True, metadata=about("in any script; kept and shown exactly as it is written", "Emil"))
    birthdate = Day(
        allow_none=True,
        metadata=about("makes a child of the delegate until the 18th birthday; `null`: not known", "2015-04-02"),
    )


class Limits(Schema):
    """Amounts in minor units of the account's currency. The tighter of each limit and the scheme's ceiling counts, and
    all of them count together: a limit per day may be above the one per month. What is left out of a change stays.
    """

    per_payment = Figure("the most that one payment may be", 20_000)
    per_day = Figure("the most in a day, from midnight to midnight in Copenhagen", 50_000)
    per_week = Figure("the most in a week, which begins on Monday", 100_000)
    per_month = Figure("the most in a calendar month", 150_000)
    total = Figure("the most in all; it never begins anew", 500_000)
    payments_per_day = Figure("how many payments in a day", 5, PAYMENTS_MOST)


class Hour(Text):
    """A time of day; what is wrong with one, `terms.Hours` says."""

    def __init__(self, example: str, **more: Any) -> None:
        super().__init__(metadata={"pattern": f"^(?:{HOUR})$", "examples": [example]}, required=True, **more)


class Hours(Schema):
    """When payments are permitted, by the clock in Copenhagen. `to` at or before `from` is on the next day, so that the
    same time twice is around the clock; `days` then names the day on which it starts.
    """

    days = Several(Choice(*WEEKDAYS), len(WEEKDAYS), required=True, metadata=about("at least one", ["mon"]))
    from_ = Hour("06:00", data_key="from", attribute="from")
    to = Hour("21:00")


def _categories(text: str, *examples: list[str]) -> Several:
    known = "names of `GET /v1/drawing-right-categories`"
    each = Choice(*sorted(CATEGORIES))
    return Several(each, len(CATEGORIES), allow_none=True, metadata=about(f"{text}; {known}", *examples))


class Terms(Schema):
    """What a parent permits. In a list an entry that stands twice counts once."""

    limits = fields.Nested(Limits)
    allowed_categories = _categories("only these; `null` is every one", ["groceries", "transport"])
    blocked_categories = _categories("none of these, whatever else a merchant is", ["gambling"])
    allowed_countries = Several(
        Country(),
        _COUNTRIES_MOST,
        allow_none=True,
        metadata=about("only merchants there: ISO 3166, two capitals; `null` is everywhere", ["DK"]),
    )
    allowed_merchants = Several(
        Text(60),
        MERCHANTS_MOST,
        allow_none=True,
        metadata=about("only these, by the id that stands in a payment; `null` is all", ["DK-123"]),
    )
    blocked_merchants = Several(
        Text(60), MERCHANTS_MOST, allow_none=True, metadata=about("none of these, by the same id", ["DK-666"])
    )
    allow_cash = Flag(metadata=about("cash, and what is as good as cash: money transfers; false unless said"))
    allow_recurring = Flag(metadata=about("payments that a merchant begins: subscriptions; false unless said"))
    hours = fields.Nested(Hours, allow_none=True, metadata=about("`null` is around the clock"))
    valid_from = Day(allow_none=True, metadata=about("the first day, in Copenhagen; `null` is at once", "2026-12-01"))
    valid_until = Day(
        allow_none=True, metadata=about("the last day, in Copenhagen; `null` is until revoked", "2027-06-30")
    )
    phones_allowed = Whole(
        1, PHONES_MOST, allow_none=True, metadata=about("how many phones; `null` is as many as the bank allows", 1)
    )
    notify_grantor = Choice(*NOTIFY, metadata=about("of which payments the grantor is told"))
    notify_above = Amount(
        allow_none=True,
        metadata=about("of approved payments only those above this, in minor units; `null` and 0 are all", 10_000),
    )
    weekly_summary = Flag(metadata=about("whether the grantor is told on Monday what was used; true unless said"))


class Grant(Terms):
    """A new drawing right: a name and one limit are enough."""

    delegate = fields.Nested(Delegate, required=True)
    limits = fields.Nested(Limits, required=True, metadata=about("at least one that is not `null`"))


class Change(Terms):
    """What is to change; what is not named stays."""

    delegate = fields.Nested(Delegate(partial=True))


# Whole bodies, for the OpenAPI document.
GRANT: Final[dict[str, Any]] = {
    "delegate": {"name": "Emil", "birthdate": "2015-04-02"},
    "limits": {"per_payment": 20_000, "per_day": 50_000, "per_week": None, "per_month": 150_000, "payments_per_day": 5},
    "blocked_categories": ["gambling", "alcohol_and_tobacco"],
    "allowed_countries": ["DK"],
    "hours": {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "06:00", "to": "21:00"},
    "valid_until": "2027-06-30",
    "notify_grantor": "all",
}
CHANGE: Final[dict[str, Any]] = {"limits": {"per_day": 0}, "hours": None}


class DelegateAnswer(Schema):
    """Who may draw on the card."""

    name = fields.String(metadata=about("exactly as it was written: show it as text, never as markup", "Emil"))
    birthdate = Day(allow_none=True)


class CeilingAnswer(Schema):
    """The scheme's maximum, which no grantor can exceed (R-2.10b)."""

    per_payment = fields.Integer()
    per_day = fields.Integer()
    per_week = fields.Integer()
    per_month = fields.Integer()
    payments_per_day = fields.Integer()


class UsageAnswer(Schema):
    """How far a limit is used up, in minor units or payments."""

    limit = fields.Integer(metadata=about("the tighter of the grantor's limit and the ceiling; 0 lets nothing through"))
    spent = fields.Integer(metadata=about("may be above the limit, where that was lowered since"))
    remaining = fields.Integer(metadata=about("never below 0"))
    resets_at = Moment(allow_none=True, metadata=about("when the period ends; `null` where there is none"))
    of = fields.String(
        metadata={"enum": [DRAWING_RIGHT, CEILING], **about("whose it is: the grantor's or the scheme's")}
    )


class PhoneAnswer(Schema):
    """A phone that the grantor let in."""

    id = Id("pair", attribute="pairing_id")
    name = fields.String(attribute="device_name", metadata=about("as the phone called itself", "Emil's phone"))
    paired_at = Moment()


class RightAnswer(Schema):
    """A drawing right, for its grantor and the bank; and for the child its own, without the card, the phones and
    what the grantor hears of it.
    """

    id = fields.String()
    card_id = fields.String(allow_none=True, metadata=about("`null` for a child"))
    status = fields.String(metadata={"enum": list(STATUSES)})
    because = fields.String(
        allow_none=True,
        metadata={
            "enum": [*CAUSES, None],
            **about(
                "what of the right and of its card stops every payment under it right now, the first that holds, or "
                "`null`; what stops a single phone's is its token's own `because` (`…/tokens`)"
            ),
        },
    )
    delegate = fields.Nested(DelegateAnswer)
    currency = fields.String(metadata=about("the account's, of every amount here", "DKK"))
    limits = fields.Nested(Limits)
    allowed_categories = fields.List(fields.String(), allow_none=True)
    blocked_categories = fields.List(fields.String(), allow_none=True)
    allowed_countries = fields.List(fields.String(), allow_none=True)
    allowed_merchants = fields.List(fields.String(), allow_none=True)
    blocked_merchants = fields.List(fields.String(), allow_none=True)
    allow_cash = fields.Boolean()
    allow_recurring = fields.Boolean()
    hours = fields.Nested(Hours, allow_none=True)
    valid_from = Day(allow_none=True)
    valid_until = Day(allow_none=True)
    phones_allowed = fields.Integer(allow_none=True)
    notify_grantor = fields.String(
        allow_none=True, metadata={"enum": [*NOTIFY, None], **about("`null` for a child, as are the next two")}
    )
    notify_above = fields.Integer(allow_none=True)
    weekly_summary = fields.Boolean(allow_none=True)
    comes_of_age_on = Day(
        allow_none=True,
        metadata=about("the delegate's 18th birthday; `null` where it is not known, or was over when this was granted"),
    )
    ends_when_of_age = fields.Boolean(metadata=about("whether it expires on that day; else people are only told"))
    invitation_lapses_at = Moment(allow_none=True, metadata=about("`null` once a phone was let in"))
    phones = fields.List(
        fields.Nested(PhoneAnswer), allow_none=True, metadata=about("those that are let in; `null` for a child")
    )
    requests_open = fields.Integer(metadata=about("how many requests wait for the grantor's answer"))
    one_offs = fields.Integer(metadata=about("how many that were approved wait for their payment"))
    ceiling = fields.Nested(CeilingAnswer)
    usage = fields.Dict(
        values=fields.Nested(UsageAnswer),
        metadata=about("by the limit's name; a limit that is `null` and has no ceiling has no entry"),
    )
    created_at = Moment()


RightList = list_of(RightAnswer)


class LabelAnswer(Schema):
    """In Danish and in English."""

    da = fields.String()
    en = fields.String()


class CategoryAnswer(Schema):
    """A group of merchants, by their ISO 18245 codes."""

    name = fields.String(metadata=about("as terms and payments name it", "groceries"))
    label = fields.Nested(LabelAnswer)


CategoryList = list_of(CategoryAnswer)
