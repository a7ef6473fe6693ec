"""A drawing right once more, by one person with a pocket calendar: a list of payments, added up anew at each question.

Written from R-2.10 and the contract, and not from the code that it is held against: nothing here imports any of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LIMITS: Final = ("per_payment", "per_day", "per_week", "per_month", "total", "payments_per_day")
# Two moments are of one period where these are equal.
PERIOD: Final[dict[str, Callable[[datetime], object]]] = {
    "per_day": lambda local: local.date(),
    "per_week": lambda local: local.isocalendar()[:2],
    "per_month": lambda local: (local.year, local.month),
    "total": lambda _: "for ever",
    "payments_per_day": lambda local: local.date(),
}
PERIOD_NAMES: Final = ("per_day", "per_week", "per_month", "payments_per_day")
HOW_MUCH: Final = frozenset(LIMITS)
WHERE_AND_WHEN: Final = frozenset({"cash", "category", "country", "merchant", "hours"})
CASH: Final = frozenset({"cash", "money_transfers"})
_HALF_HOURS: Final = [datetime(2026, 11, 16, tzinfo=COPENHAGEN) + timedelta(minutes=30 * each) for each in range(336)]


@dataclass(frozen=True)
class Shop:
    """Where somebody pays. `estimates`: it reserves 15 % more than it asks for."""

    id: str
    mcc: str
    categories: frozenset[str]
    country: str = "DK"
    kind: str = "purchase"
    estimates: bool = False

    def reserved(self, amount: int) -> int:
        """What a payment of that amount counts for at first."""
        return amount * 115 // 100 if self.estimates else amount


@dataclass
class OneOff:
    """A yes to one payment."""

    request_id: str
    amount: int
    shop: Shop | None
    lapses_at: datetime
    is_spent: bool = False
    is_taken_back: bool = False

    def stands(self, now: datetime) -> bool:
        """Whether a payment may take it."""
        return not self.is_spent and not self.is_taken_back and now < self.lapses_at

    def is_for(self, shop: Shop) -> bool:
        """Anywhere, or in the place that the grantor saw: in no other country, and for nothing else besides."""
        seen = self.shop or shop
        return (seen.id, seen.country) == (shop.id, shop.country) and shop.categories <= seen.categories


Decision = tuple[str, dict[str, Any] | None, OneOff | None]


@dataclass
class Paid:
    """An approved payment: where its money is."""

    id: str
    at: datetime
    held: int
    margin: int
    captured: int = 0
    refunded: int = 0
    one_off: OneOff | None = None

    @property
    def counts_for(self) -> int:
        """What it takes of a limit of amounts."""
        return self.held + self.margin + self.captured - self.refunded

    @property
    def reversible(self) -> int:
        """What can be given back by a reversal."""
        return self.held + self.captured - self.refunded

    @property
    def is_one(self) -> bool:
        """Whether it counts as a payment."""
        return self.held + self.captured > 0

    def capture(self, amount: int, *, final: bool) -> None:
        """Take it from the hold, then from the margin."""
        rest = self.held + self.margin - amount
        self.captured += amount
        self.held = 0 if final else max(0, self.held - amount)
        self.margin = 0 if final else rest - self.held

    def reverse(self, amount: int) -> None:
        """Give the hold back, then what was captured."""
        from_hold = min(self.held, amount)
        self.held, self.captured, self.margin = self.held - from_hold, self.captured - amount + from_hold, 0
        if not self.is_one and self.one_off:
            self.one_off.is_spent = False

    def refund(self, amount: int) -> None:
        """Give captured money back."""
        self.refunded, self.margin = self.refunded + amount, 0


@dataclass
class Model:
    """What the grantor said, what the scheme says, and what was paid."""

    limits: dict[str, int | None]
    ceiling: dict[str, int]
    terms: dict[str, Any] = field(default_factory=dict)
    paused: bool = False
    paid: list[Paid] = field(default_factory=list)
    one_offs: list[OneOff] = field(default_factory=list)

    def spent(self, limit: str, now: datetime) -> int:
        """How much of a limit is used up."""
        if limit == "per_payment":
            return 0
        period = PERIOD[limit]
        same = [each for each in self.paid if period(_local(each.at)) == period(_local(now))]
        if limit == "payments_per_day":
            return sum(1 for each in same if each.is_one)
        return sum(each.counts_for for each in same)

    def figures(self) -> list[tuple[str, int, str]]:
        """(limit, figure, whose) for each limit that somebody set: the lower of the two."""
        found = []
        for name in LIMITS:
            own, most = self.limits[name], self.ceiling.get(name)
            if own is not None and (most is None or own <= most):
                found.append((name, own, "drawing_right"))
            elif most is not None:
                found.append((name, most, "ceiling"))
        return found

    def usage(self, now: datetime) -> dict[str, dict[str, Any]]:
        """What is shown of each limit."""
        return {
            name: {
                "limit": figure,
                "spent": (spent := self.spent(name, now)),
                "remaining": max(0, figure - spent),
                "resets_at": _resets_at(name, now),
                "of": whose,
            }
            for name, figure, whose in self.figures()
        }

    def change(self, limits: dict[str, int | None], terms: dict[str, Any]) -> None:
        """The grantor says something else. Where that takes anything away, every yes of before is gone."""
        if self._takes_away(limits, terms):
            for each in self.one_offs:
                each.is_taken_back = True
        self.limits, self.terms = limits, terms

    def _takes_away(self, limits: dict[str, int | None], terms: dict[str, Any]) -> bool:
        before, after = self.terms.get, terms.get
        lower = [_no_limit(limits[name]) < _no_limit(self.limits[name]) for name in LIMITS]
        blocked = [
            set(after(name) or []) - set(before(name) or []) for name in ("blocked_categories", "blocked_merchants")
        ]
        allowed = [
            after(name) is not None and (before(name) is None or set(before(name) or ()) - set(after(name) or ()))
            for name in ("allowed_categories", "allowed_countries", "allowed_merchants")
        ]
        closed = any(_is_open(before("hours"), at) and not _is_open(after("hours"), at) for at in _HALF_HOURS)
        return any((*lower, *blocked, *allowed, closed, _cash(self.terms) - _cash(terms)))

    def decide(self, amount: int, shop: Shop, now: datetime) -> Decision:
        """The reason, the limit that is named, and the one-off that is spent."""
        if self.paused:
            return "drawing_right_inactive", None, None
        minor = shop.reserved(amount)
        where = self._where_and_when(shop, now)
        own, of_scheme = self._how_much(minor, now, self.limits), self._how_much(minor, now, self.ceiling)
        if shop.kind == "verification":
            return _no("not_permitted", where[0], None, None) if where else ("approved", None, None)
        if not where and not own and not of_scheme:
            return "approved", None, None
        one_off = self._one_off(minor, shop, now, {*where, *own})
        if one_off and not of_scheme:
            return "approved", None, one_off
        if where and not one_off:
            return _no("not_permitted", where[0], None, None)
        stopped = of_scheme if one_off else own | of_scheme
        name = next(each for each in LIMITS if each in stopped)
        reason = "count_limit" if name == "payments_per_day" else "amount_limit"
        figures = {each: (figure, whose) for each, figure, whose in self.figures()}
        figure, whose = (self.ceiling[name], "ceiling") if one_off else figures[name]
        return _no(reason, name, figure, self.spent(name, now), whose)

    def _one_off(self, minor: int, shop: Shop, now: datetime, in_the_way: set[str]) -> OneOff | None:
        for each in self.one_offs:
            lifts = HOW_MUCH if each.shop is None else HOW_MUCH | WHERE_AND_WHEN
            if each.stands(now) and minor <= each.amount and each.is_for(shop) and in_the_way <= lifts:
                return each
        return None

    def _how_much(self, minor: int, now: datetime, figures: Any) -> set[str]:
        set_ = {name: figure for name in LIMITS if (figure := figures.get(name)) is not None}
        return {
            name
            for name, figure in set_.items()
            if self.spent(name, now) + (1 if name == "payments_per_day" else minor) > figure
        }

    def _where_and_when(self, shop: Shop, now: datetime) -> list[str]:
        said = self.terms.get
        cash = shop.categories & CASH
        allowed, blocked = said("allowed_categories"), said("blocked_categories") or []
        in_the_way = {
            "cash": not cash <= _cash(self.terms),
            "category": (allowed is not None and not shop.categories & set(allowed))
            or bool(shop.categories & set(blocked)),
            "country": shop.country not in (said("allowed_countries") or [shop.country]),
            "merchant": shop.id not in (said("allowed_merchants") or [shop.id])
            or shop.id in (said("blocked_merchants") or []),
            "hours": not _is_open(said("hours"), _local(now)),
        }
        return [name for name, stands in in_the_way.items() if stands]


def _no_limit(figure: int | None) -> float:
    return math.inf if figure is None else figure


def _cash(terms: dict[str, Any]) -> frozenset[str]:
    """What leaves the limits behind, and is allowed."""
    return CASH if terms.get("allow_cash") else CASH & set(terms.get("allowed_categories") or [])


def _local(at: datetime) -> datetime:
    return at.astimezone(COPENHAGEN)


def _no(reason: str, name: str, figure: int | None, spent: int | None, of: str = "drawing_right") -> Decision:
    return reason, {"name": name, "limit": figure, "spent": spent, "of": of}, None


def _resets_at(limit: str, now: datetime) -> datetime | None:
    """The first full hour that is of another period: so the calendar is asked, and nothing is reckoned."""
    if limit not in PERIOD_NAMES:
        return None
    hour = now.replace(minute=0, second=0, microsecond=0)
    while PERIOD[limit](_local(hour)) == PERIOD[limit](_local(now)) or hour < now:
        hour += timedelta(hours=1)
    return hour.astimezone(UTC)


def _is_open(hours: dict[str, Any] | None, local: datetime) -> bool:
    """Whether a span that began today or yesterday, on a day that is named, still lasts."""
    if hours is None:
        return True
    start, end, clock = (time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"]), local.replace(tzinfo=None))
    for back in (0, 1):
        day = clock.date() - timedelta(days=back)
        opens, closes = datetime.combine(day, start), datetime.combine(day, end)
        closes += timedelta(days=0 if closes > opens else 1)
        if DAYS[day.weekday()] in hours["days"] and opens <= clock < closes:
            return True
    return False
