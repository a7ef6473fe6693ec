"""Tills at which many pay at once, and what they may be answered: by plain sums over days, in the journal's order."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Barrier
from typing import Any, Final, TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mobile_mock.phone_token import PhoneToken
from tests.integration.payments.lists import authorize, value
from tests.integration.payments.scene import Answer, Scene
from tokenization import ids
from tokenization.clock import local_date
from tokenization.journal.models import JournalEntry
from wallet.payments import authorization, operations
from wallet.payments.group import Group, gather
from wallet.payments.references import Answer as Kept
from wallet.payments.requests import Operation, Reference

AMOUNT = 1_000
STEP = timedelta(hours=29)  # from round to round: another day, another hour
LIMITS: Final = ("per_day", "per_week", "per_month", "total", "payments_per_day")
REASONS: Final = dict.fromkeys(LIMITS, "amount_limit") | {"payments_per_day": "count_limit"}
TOLD: Final = ("payment.", "drawing_right.")
Entry = tuple[str, Answer]
Read = TypeVar("Read")


def at_once(acts: Iterable[Callable[[], list[Answer]]]) -> list[list[Answer]]:
    """Let everybody act in the same moment, in a thread each; what each was answered."""
    wanted = list(acts)
    start = Barrier(len(wanted))

    def one(act: Callable[[], list[Answer]]) -> list[Answer]:
        start.wait(20)
        return act()

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(one, wanted))


def before_the_lock(
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[Session], Read],
    wait: Callable[[], object],
    put: Callable[[Group, Read], None],
) -> None:
    """Let every till read something first, wait, and go by it once it holds the card's lock: what must not be."""

    def early(session: Session, *around: Any) -> Group:
        stale = read(session)
        wait()
        group = gather(session, *around)
        put(group, stale)
        return group

    monkeypatch.setattr(authorization, "gather", early)


def reasons(answers: Iterable[Answer]) -> Counter[str]:
    """How often each was given."""
    return Counter(answer["reason"] for answer in answers)


@dataclass
class Tills:
    """Where payments are made without HTTP in between, each list of them in a transaction of its own."""

    scene: Scene

    def taps(self, count: int, token: PhoneToken | None = None) -> list[Answer]:
        """So many requests of a phone, not yet sent."""
        token = token or self.scene.emil
        while token.keys_left < count:
            token.fetch_keys()
        return [self.scene.tap(AMOUNT, "pin", token=token) for _ in range(count)]

    def pay(self, *requests: Answer) -> list[Answer]:
        """What is answered to requests that are decided together."""
        parts, client_id = self.scene.world.parts, self.scene.network.client_id
        answers = authorize(parts, [value(request, client_id) for request in requests])
        return [answer.body for answer in answers if isinstance(answer, Kept)]

    def reverse(self, payment: Answer, amount: int | None) -> None:
        """Give an approved payment back, or a part of it."""
        parts, client_id = self.scene.world.parts, self.scene.network.client_id
        asked = Operation(Reference(client_id, f"back-{payment['id']}", bytes(32)), "reversal", amount)
        with parts.database.transaction("network:test") as session:
            outcome = operations.operate(session, ids.parse("pay", payment["id"]), asked, parts.clock.now())
        assert isinstance(outcome, Kept), outcome

    def pay_twice(self, first: Answer, second: Answer, back: int | None = 0) -> list[Answer]:
        """Pay, give so much of it back (None is all), and pay again."""
        answers = self.pay(first)
        if answers[0]["approved"] and back != 0:
            self.reverse(answers[0], back)
        return answers + self.pay(second)


@dataclass
class Round:
    """One limit, how much of it was used before, and how many more payments fit it."""

    limit: str
    used: int
    fits: int

    @property
    def unit(self) -> int:
        """What one payment takes of the limit."""
        return 1 if self.limit == "payments_per_day" else AMOUNT

    @property
    def most(self) -> int:
        """The limit that so many more payments fit."""
        return self.used + self.fits * self.unit

    def expected(self, payments: int) -> Counter[str]:
        """The reasons that so many payments at once are answered with."""
        return Counter({"approved": self.fits, REASONS[self.limit]: payments - self.fits})

    def limits(self, fits: int) -> dict[str, int | None]:
        """Of all six one is set, which so many payments fit."""
        return {**dict.fromkeys(LIMITS), "per_payment": None, self.limit: self.used + fits * self.unit}


@dataclass
class Season:
    """Rounds on one card, and what Emil used in them: by day, in minor units and in payments."""

    scene: Scene
    spent: Counter[date] = field(default_factory=Counter)
    payments: Counter[date] = field(default_factory=Counter)
    seen: int = 0

    def next(self, number: int, fits: int) -> Round:
        """Another round: exactly so many payments fit one limit, and all others are open."""
        self.scene.world.clock.advance(STEP)
        limit = LIMITS[number % len(LIMITS)]
        this = Round(limit, self.used(limit), fits)
        self.scene.emils(**this.limits(fits))
        return this

    @property
    def today(self) -> date:
        """In Copenhagen."""
        return local_date(self.scene.world.clock.now())

    def used(self, limit: str) -> int:
        """How much of a limit is used up, added up day by day."""
        first = {
            "per_week": self.today - timedelta(days=self.today.weekday()),
            "per_month": self.today.replace(day=1),
            "total": date.min,
        }.get(limit, self.today)
        counted = self.payments if limit == "payments_per_day" else self.spent
        return sum(much for day, much in counted.items() if first <= day)

    def by_plain_sums(self) -> dict[str, int]:
        """How much of each limit that there always is, the scheme's being the last, is used up."""
        return {limit: self.used(limit) for limit in LIMITS if limit != "total"}

    def shown(self) -> dict[str, int]:
        """The same, as Anna is shown it."""
        return {limit: self.scene.used(limit) for limit in LIMITS if limit != "total"}

    def count(self, minor: int, payments: int) -> None:
        """So much was used today."""
        self.spent[self.today] += minor
        self.payments[self.today] += payments

    def told(self) -> list[Entry]:
        """What the journal has of the card since it was asked last: it is numbered under the card's lock."""
        card_id = ids.parse("card", self.scene.world.person("anna")["card_id"])
        since = select(JournalEntry).where(JournalEntry.card_id == card_id, JournalEntry.seq > self.seen)
        with self.scene.world.parts.database.reading() as session:
            entries = session.scalars(since.order_by(JournalEntry.seq)).all()
        self.seen = entries[-1].seq if entries else self.seen
        return [(entry.type, entry.payload or {}) for entry in entries if entry.type.startswith(TOLD)]


@dataclass
class Replay:
    """One after the other, in the journal's order: every answer must be the one that this was the moment for."""

    round: Round
    lowered: int
    paused: bool = False
    left: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.most = self.round.most

    def follow(self, entries: Iterable[Entry]) -> None:
        """Raise AssertionError at the first that was decided otherwise than it should have been."""
        for type_, told in entries:
            if type_ == "drawing_right.changed":
                self.most = self.lowered
            elif type_.startswith("drawing_right."):
                self.paused = type_.endswith("paused")
            elif type_ == "payment.reversed":
                self.left[told["payment_id"]] -= told["amount"]
            else:
                self._decided(told)

    def _decided(self, told: Answer) -> None:
        assert told["reason"] == ("approved" if told["right_id"] is None else self._expected()), told
        if told["reason"] == "approved" and told["right_id"] is not None:
            self.left[told["payment_id"]] = AMOUNT

    def _expected(self) -> str:
        if self.paused:
            return "drawing_right_inactive"
        used = self.payments if self.round.unit == 1 else self.minor
        return "approved" if self.round.used + used + self.round.unit <= self.most else REASONS[self.round.limit]

    @property
    def minor(self) -> int:
        """What was paid in the round, and not given back."""
        return sum(self.left.values())

    @property
    def payments(self) -> int:
        """How many payments were not wholly given back."""
        return sum(1 for left in self.left.values() if left)
