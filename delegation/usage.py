"""What was used, in day buckets per scope: a drawing right, or the card itself (then `scope_id` is the card's id).

Weeks, months and thirty days are sums over buckets; a reversal gives back to the day that was charged. The caller holds
the card's lock.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Self, cast
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Date, Table, Uuid, bindparam, column, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from delegation import periods
from delegation.categories import CASH, GAMBLING
from delegation.limits import Usage, tightest, used
from delegation.models import COUNTERS, UsageDay
from delegation.terms import Ceiling, RightTerms
from tokenization.clock import local_date
from tokenization.pipeline import Answer, Pipeline, array, as_json, compiled, inserting, pipeline


@dataclass(frozen=True, slots=True)
class Delta:
    """What one payment adds to the buckets of its day. Amounts in minor units."""

    spent_minor: int = 0
    payments: int = 0
    cash_minor: int = 0
    gambling_minor: int = 0
    visa_minor: int = 0
    visa_cash_minor: int = 0

    @classmethod
    def of(cls, amount_minor: int, *, counted_as: Collection[str], scheme: str, payments: int = 1) -> Self:
        """Where a payment counts, by `categories.counted_as` when it was authorised, and by its scheme: Visa and Visa
        cash (R-2.8).
        """
        cash = amount_minor if CASH in counted_as else 0
        visa = scheme == "visa"
        return cls(
            spent_minor=amount_minor,
            payments=payments,
            cash_minor=cash,
            gambling_minor=amount_minor if GAMBLING in counted_as else 0,
            visa_minor=amount_minor if visa else 0,
            visa_cash_minor=cash if visa else 0,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage is asked for. Without `total` only the last weeks are read, however old the scope is."""

    card_id: UUID
    scope_id: UUID
    total: bool = True


@dataclass(frozen=True, slots=True)
class Charge:
    """So much, on that day's bucket of that scope."""

    card_id: UUID
    scope_id: UUID
    day: date
    delta: Delta


@dataclass(frozen=True, slots=True)
class Week:
    """What counted in the limits in one week, in minor units, and by how many payments."""

    spent_minor: int
    payments: int


@dataclass(frozen=True, slots=True)
class Remaining:
    """How far a limit is used up: minor units or payments, the tighter of limit and ceiling (`of` says which)."""

    limit: int
    spent: int
    remaining: int
    resets_at: datetime | None
    of: str


def remaining(terms: RightTerms, ceiling: Ceiling, usage: Usage, now: datetime) -> dict[str, Remaining]:
    """What is left of each limit that exists, by the limit's name. Never below zero, though a limit may be lowered."""
    left = {}
    for name, limit, of in tightest(terms.limits, ceiling):
        spent = used(usage, name)
        left[name] = Remaining(limit, spent, max(0, limit - spent), periods.resets_at(name, now), of)
    return left


def load(session: Session, card_id: UUID, scope_id: UUID, now: datetime, *, total: bool = True) -> Usage:
    """What a scope has used at that moment, in one statement."""
    return load_many(session, [Scope(card_id, scope_id, total)], now)[scope_id]


def load_many(session: Session, scopes: Sequence[Scope], now: datetime) -> dict[UUID, Usage]:
    """The same for many scopes, by scope id, in one statement."""
    return of_rows(session.execute(_SUMS, _asked(scopes, now)), scopes)


def find(pipe: Pipeline, scopes: Sequence[Scope], now: datetime) -> Answer:
    """The same, to be read by `of_rows`."""
    asked = _asked(scopes, now)
    arrays = {"cards": array(asked["cards"]), "scopes": array(asked["scopes"])}
    return pipe.send(_SENT_SUMS, **asked | arrays)


def of_rows(rows: Iterable[Any], scopes: Iterable[Scope]) -> dict[UUID, Usage]:
    """By scope id, what the rows say of each scope that was asked for."""
    found = {row.scope_id: row for row in rows}
    return {scope.scope_id: _usage(found.get(scope.scope_id), scope.total) for scope in scopes}


def _asked(scopes: Sequence[Scope], now: datetime) -> dict[str, Any]:
    today = local_date(now)
    days = {
        "today": today,
        "week": periods.start_of_week(today),
        "month": periods.start_of_month(today),
        "thirty_days": periods.start_of_thirty_days(today),
    }
    since = [date.min if scope.total else min(days.values()) for scope in scopes]
    return {
        **days,
        "cards": [scope.card_id for scope in scopes],
        "scopes": [scope.scope_id for scope in scopes],
        "since": since,
    }


def charged(used: Usage, delta: Delta) -> Usage:
    """What a scope has used once that is charged today, which is in every period."""
    spent = delta.spent_minor
    return Usage(
        day_minor=used.day_minor + spent,
        week_minor=used.week_minor + spent,
        month_minor=used.month_minor + spent,
        thirty_days_minor=used.thirty_days_minor + spent,
        total_minor=None if used.total_minor is None else used.total_minor + spent,
        payments_today=used.payments_today + delta.payments,
        cash_today_minor=used.cash_today_minor + delta.cash_minor,
        gambling_today_minor=used.gambling_today_minor + delta.gambling_minor,
        visa_thirty_days_minor=used.visa_thirty_days_minor + delta.visa_minor,
        visa_cash_today_minor=used.visa_cash_today_minor + delta.visa_cash_minor,
    )


def of_week(session: Session, card_id: UUID, scope_id: UUID, monday: date) -> Week:
    """What a scope used in the seven days from that Monday on. What was wholly reversed is in neither figure."""
    of_scope = (_DAYS.c.card_id == card_id) & (_DAYS.c.scope_id == scope_id)
    days = (_DAYS.c.day >= monday) & (_DAYS.c.day < monday + timedelta(weeks=1))
    summed = select(_sum("spent_minor", None).label("spent"), _sum("payments", None).label("payments"))
    row = session.execute(summed.where(of_scope, days)).one()
    return Week(row.spent or 0, row.payments or 0)


def charge(session: Session, card_id: UUID, scope_id: UUID, day: date, delta: Delta) -> None:
    """Count a payment on its day in Copenhagen, in one upsert."""
    with pipeline(session) as pipe:
        pipe.send(CHARGE, rows=as_json(buckets_of([Charge(card_id, scope_id, day, delta)])))


def buckets_of(charges: Iterable[Charge]) -> list[dict[str, Any]]:
    """The rows that CHARGE writes for many payments: each bucket stands there once."""
    buckets: dict[tuple[UUID, UUID, date], Counter[str]] = defaultdict(Counter)
    for each in charges:
        counted = {counter: getattr(each.delta, counter) for counter in COUNTERS}
        buckets[each.card_id, each.scope_id, each.day].update(counted)
    names = ("card_id", "scope_id", "day")
    return [dict(zip(names, bucket, strict=True)) | counted for bucket, counted in buckets.items()]


def give_back(session: Session, card_id: UUID, scope_id: UUID, day: date, delta: Delta) -> None:
    """Take a reversed payment, or a part of one, off the day that was charged. It must have been charged there."""
    bucket = {"of_card_id": card_id, "of_scope_id": scope_id, "of_day": day}
    session.execute(_TAKE_BACK, {**bucket, **asdict(delta)}).one()


def _usage(row: Any, total: bool) -> Usage:
    sums = {name: getattr(row, name, None) or 0 for name in _FIGURES}
    return Usage(**sums if total else {**sums, "total_minor": None})


def _sum(counter: str, since: str | None) -> ColumnElement[int]:
    whole = func.sum(_DAYS.c[counter])
    bounded = whole.filter(_DAYS.c.day >= bindparam(since, type_=Date)) if since else whole
    return sql_cast(bounded, BigInteger)


_DAYS: Final = cast(Table, UsageDay.__table__)
# Each figure of Usage: which counter is summed, and from which day on. There is no last day: at midnight another
# machine's clock may be a moment ahead, and what it charged must not be overlooked.
_FIGURES: Final = {
    "day_minor": ("spent_minor", "today"),
    "week_minor": ("spent_minor", "week"),
    "month_minor": ("spent_minor", "month"),
    "thirty_days_minor": ("spent_minor", "thirty_days"),
    "total_minor": ("spent_minor", None),
    "payments_today": ("payments", "today"),
    "cash_today_minor": ("cash_minor", "today"),
    "gambling_today_minor": ("gambling_minor", "today"),
    "visa_thirty_days_minor": ("visa_minor", "thirty_days"),
    "visa_cash_today_minor": ("visa_cash_minor", "today"),
}
_ASKED: Final = (
    func.unnest(
        bindparam("cards", type_=ARRAY(Uuid)),
        bindparam("scopes", type_=ARRAY(Uuid)),
        bindparam("since", type_=ARRAY(Date)),
    )
    .table_valued(column("card_id", Uuid), column("scope_id", Uuid), column("since", Date))
    .render_derived(name="asked")
)
_SUMS: Final = (
    select(_DAYS.c.scope_id, *(_sum(*figure).label(name) for name, figure in _FIGURES.items()))
    .join_from(_DAYS, _ASKED, (_DAYS.c.card_id == _ASKED.c.card_id) & (_DAYS.c.scope_id == _ASKED.c.scope_id))
    .where(_DAYS.c.day >= _ASKED.c.since)
    .group_by(_DAYS.c.card_id, _DAYS.c.scope_id)
)
_SENT_SUMS: Final = compiled(_SUMS)
CHARGE: Final = (
    inserting(UsageDay)
    + " ON CONFLICT (card_id, scope_id, day) DO UPDATE SET "
    + ", ".join(f"{counter} = usage_days.{counter} + excluded.{counter}" for counter in COUNTERS)
)
_TAKE_BACK: Final = (
    update(_DAYS)
    .where(*(_DAYS.c[name] == bindparam(f"of_{name}") for name in ("card_id", "scope_id", "day")))
    .values({counter: _DAYS.c[counter] - bindparam(counter, type_=BigInteger) for counter in COUNTERS})
    .returning(_DAYS.c.day)
)
