"""One limit of a card or of its account, sixteen who pay at once: exactly as many as fit, alone and in groups."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from threading import Barrier
from typing import Final

import pytest

from tests.books import assert_books_balance
from tests.integration.payments.scene import ATM, CASINO, Answer, Scene
from tests.races.test_drawing_right_races import FITS, seasons
from tests.races.tills import AMOUNT, Tills, at_once, reasons
from tokenization.clock import local_date
from wallet.payments import accounts, writing
from wallet.payments.group import Group

TILLS: Final = 16
ROUNDS: Final = max(6, int(os.environ.get("ROUNDS", "200")) // 20)  # of each limit
IN_A_GROUP: Final = (1, 4, 16)
DAY: Final = timedelta(days=1)
HIGH: Final = 10**9


@dataclass
class Purse:
    """Anna's card and another on the same account; what was spent on the first, by day."""

    scene: Scene
    second: dict[str, str] = field(init=False)
    spent: Counter[date] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        who = self.scene.world.person("anna")
        owner = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"]}
        issued = self.scene.bank("POST", "/cards", owner | {"scheme": "visa_dankort"})
        self.second = {name: issued[name] for name in ("number", "expiry", "cvc")}

    def limit(self, **figures: int) -> None:
        """Set some of the card's limits, and let the others be out of reach."""
        all_ = dict.fromkeys(("cash_per_day", "gambling_per_day", "visa_per_30_days", "visa_cash_per_day"), HIGH)
        self.scene.bank("PUT", "/policies/card_limits", {"figures": all_ | figures})

    def taps(self) -> list[Answer]:
        """As many taps without PIN as there are tills."""
        while self.scene.anna.keys_left <= TILLS:
            self.scene.anna.fetch_keys()
        return [self.scene.tap(AMOUNT) for _ in range(TILLS)]


def funds(purse: Purse, fits: int) -> list[Answer]:
    """Of two cards and a phone, which all pay from one account."""
    scene = purse.scene
    purse.limit()
    scene.money(scene.account()["holds"] + fits * AMOUNT + AMOUNT - 1)
    plastics = [scene.plastic(AMOUNT) | ({"card": purse.second} if odd else {}) for odd in (0, 1, 1) * 5]
    return [*plastics, scene.tap(AMOUNT, "pin")]


def cash(purse: Purse, fits: int) -> list[Answer]:
    purse.limit(cash_per_day=fits * AMOUNT)
    return [purse.scene.plastic(AMOUNT, at=ATM, kind="cash") for _ in range(TILLS)]


def gambling(purse: Purse, fits: int) -> list[Answer]:
    purse.limit(gambling_per_day=fits * AMOUNT + 1)
    return [purse.scene.plastic(AMOUNT, at=CASINO) for _ in range(TILLS)]


def visa(purse: Purse, fits: int) -> list[Answer]:
    """Over thirty days that end today, added up by hand."""
    today = local_date(purse.scene.world.clock.now())
    spent = sum(minor for day, minor in purse.spent.items() if today - day < timedelta(days=30))
    purse.limit(visa_per_30_days=spent + fits * AMOUNT)
    purse.spent[today] += fits * AMOUNT
    return [purse.scene.plastic(AMOUNT, scheme="visa") for _ in range(TILLS)]


def without_pin(purse: Purse, fits: int) -> list[Answer]:
    """A payment with PIN starts the count again."""
    purse.limit()
    figures = {"pin_above": 35_000, "counter": "count", "payments_without_pin": fits, "amount_without_pin": HIGH}
    purse.scene.bank("PUT", "/policies/contactless", {"figures": figures})
    requests = purse.taps()
    assert purse.scene.pay(AMOUNT, "pin")["approved"]
    return requests


LIMITS: Final[dict[str, tuple[Callable[[Purse, int], list[Answer]], str]]] = {
    "funds": (funds, "insufficient_funds"),
    "cash": (cash, "amount_limit"),
    "gambling": (gambling, "amount_limit"),
    "visa": (visa, "amount_limit"),
    "without_pin": (without_pin, "pin_required"),
}


def dealt(requests: list[Answer], size: int) -> list[list[Answer]]:
    """In groups of that size."""
    return [requests[at : at + size] for at in range(0, len(requests), size)]


@pytest.mark.parametrize("rounds", seasons(ROUNDS), ids=str)
@pytest.mark.parametrize("name", LIMITS)
def test_exactly_as_many_of_sixteen_at_once_pay_as_fit(scene: Scene, name: str, rounds: range) -> None:
    tills, purse, (prepare, full) = Tills(scene), Purse(scene), LIMITS[name]
    scene.money(HIGH)
    for number in rounds:
        fits = FITS[number % len(FITS)]
        groups = dealt(prepare(purse, fits), IN_A_GROUP[number % len(IN_A_GROUP)])
        answers = [answer for given in at_once(partial(tills.pay, *group) for group in groups) for answer in given]
        assert reasons(answers) == +Counter({"approved": fits, full: TILLS - fits})
        scene.world.clock.advance(DAY)


def test_control_an_account_that_is_read_before_its_lock_is_overdrawn(
    unchecked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cards, one account: each has its own lock, and what both read before the other wrote is lost."""
    tills, purse = Tills(unchecked), Purse(unchecked)
    requests = funds(purse, 1)[:2]
    lock, write, both_have_read = accounts._LOCK, writing.write, Barrier(2)  # noqa: SLF001 - what is broken here

    def late(group: Group) -> None:
        both_have_read.wait(20)
        write(group)

    unlocked = dataclasses.replace(lock, statement=lock.statement.removesuffix("FOR UPDATE OF t"))
    assert unlocked != lock
    monkeypatch.setattr(accounts, "_LOCK", unlocked)
    monkeypatch.setattr(writing, "write", late)
    answers = at_once(partial(tills.pay, request) for request in requests)
    assert reasons(answer for (answer,) in answers) == {"approved": 2}
    with unchecked.world.parts.database.reading() as session, pytest.raises(AssertionError):
        assert_books_balance(session, unchecked.opened_with)
