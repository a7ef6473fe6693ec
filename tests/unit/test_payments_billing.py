"""What a payment costs its account, step by step: nothing drifts by rounding, however it is cut into parts (R-18)."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization import ids
from wallet.payments import accounts, billing, rates
from wallet.payments.billing import Movement, billed, billed_step
from wallet.payments.models import Account, Payment
from wallet.payments.rates import Rate
from wallet.payments.requests import Operation, Reference
from wallet.payments.standing import MOVES, Refused, Standing, expire

FRIDAY = date(2026, 11, 20)
EUR = Rate("EUR", "DKK", Decimal("7.4605"), FRIDAY)
JPY = Rate("JPY", "DKK", Decimal("0.0448"), FRIDAY)
NEW = Standing()


def do(before: Standing, kind: str, amount: int | None, final: bool = False) -> Standing | Refused:
    if kind == "expiry":
        return expire(before)
    return MOVES[kind](before, Operation(Reference("acquirer", "acq-2", bytes(32)), kind, amount, final))


def test_an_approval_holds_what_it_costs_and_a_right_reserves_what_it_may_become() -> None:
    moved = Movement.between(NEW, Standing(held=2_000, margin=300), EUR)
    assert moved == Movement(held=14_921, taken=0, used=14_921, reserved=17_159, payments=1)


def test_in_the_accounts_own_currency_nothing_is_converted() -> None:
    moved = Movement.between(NEW, Standing(held=2_000, margin=300), None)
    assert moved == Movement(held=2_000, taken=0, used=2_000, reserved=2_300, payments=1)


def test_captures_in_parts_come_to_what_the_whole_costs() -> None:
    """EUR 0.01 costs 7 øre; three of them cost 22, not 21."""
    held = Standing(held=3)
    first, second, third = (Standing(held=3 - taken, captured=taken) for taken in (1, 2, 3))
    steps = ((held, first), (first, second), (second, third))
    assert [billed_step(*step, EUR) for step in steps] == [7, 8, 7]
    assert EUR.billed(3) == 22


def test_what_a_step_gave_back_is_told_as_the_account_got_it() -> None:
    captured = Standing(captured=2_000)
    assert billed_step(captured, Standing(captured=2_000, refunded=500), EUR) == 3_730
    assert billed_step(Standing(held=2_000), Standing(held=1_500, reversed=500), EUR) == 3_730
    assert billed_step(Standing(held=2_000, margin=300), expire(Standing(held=2_000, margin=300)), EUR) == 14_921


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Standing(held=1_000), Standing(expired=1_000)),
        (Standing(held=1_000, margin=150), Standing(expired=1_000)),
        (Standing(held=600, margin=150, captured=400), Standing(captured=400, expired=600)),
        (Standing(margin=50, captured=1_100), Standing(captured=1_100)),
        (Standing(held=300, reversed=700), Standing(reversed=700, expired=300)),
    ],
)
def test_a_hold_that_ends_gives_up_what_was_not_captured(before: Standing, after: Standing) -> None:
    assert expire(before) == after
    assert expire(after) == after


def test_what_ended_made_no_payment_smaller_and_counts_as_none() -> None:
    ended = expire(Standing(held=1_000))
    assert (ended.most, ended.used, ended.reserved, ended.payments) == (1_000, 0, 0, 0)


def payment(**changes: object) -> Payment:
    usual = {"currency": "EUR", "amount_minor": 2_000, "rate": Decimal("7.4605"), "rate_of": FRIDAY}
    return Payment(payment_id=ids.new_id(), **{**usual, **changes})


def test_what_is_billed_is_told_with_its_rate() -> None:
    assert billing.billed_as_json(payment()) == {"amount": 14_921, "currency": "DKK", "rate": "7.4605"}
    assert billing.billed_as_json(payment(), 3_730) == {"amount": 3_730, "currency": "DKK", "rate": "7.4605"}


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "DKK", "rate": None, "rate_of": None},
        {"currency": "USD", "rate": None, "rate_of": None},
        {"amount_minor": 999_999_999_999},
    ],
    ids=["the account's own", "no rate", "more than an amount may be"],
)
def test_nothing_is_billed_where_nothing_was_converted(changes: dict[str, object]) -> None:
    assert billing.billed_as_json(payment(**changes)) is None


VALUES = st.one_of(st.decimals("0.000001", "0.1", places=9), st.decimals("0.000001", "100000", places=9))
RATES = st.one_of(
    st.none(), st.builds(Rate, st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), st.just("DKK"), VALUES, st.just(FRIDAY))
)
STEPS = st.tuples(st.sampled_from([*sorted(MOVES), "expiry"]), st.integers(1, 1_300), st.booleans())


def book(account: Account, moved: Movement) -> None:
    accounts.reserve(account, moved.held)
    accounts.capture(account, moved.taken)


@given(RATES, st.integers(1, 1_000), st.integers(0, 150), st.lists(STEPS, max_size=12))
def test_whatever_is_done_account_and_usage_stand_where_the_sums_say(
    rate: Rate | None, amount: int, margin: int, steps: list[tuple[str, int, bool]]
) -> None:
    account = Account(balance_minor=0, held_minor=0)
    used = reserved = payments = 0
    before, told = NEW, 0

    def move(after: Standing) -> None:
        nonlocal before, used, reserved, payments
        moved = Movement.between(before, after, rate)
        book(account, moved)
        used, reserved, payments = used + moved.used, reserved + moved.reserved, payments + moved.payments
        now = billed(after, rate)
        assert (account.held_minor, -account.balance_minor) == (now.held, now.captured - now.refunded)
        assert used == account.held_minor - account.balance_minor
        assert reserved == used + now.margin
        assert payments == after.payments
        assert min(used, reserved, account.held_minor, -account.balance_minor, now.margin) >= 0
        assert reserved <= rates.billed_minor(amount + margin, rate), "never more than what was agreed costs"
        assert after.used == 0 or rate is None or payments == 1
        assert (payments == 1) or (used, reserved) == (0, 0), "what counts as no payment counts for nothing"
        before = after

    move(Standing(held=amount, margin=margin))
    for kind, wanted, final in steps:
        after = do(before, kind, wanted, final)
        if not isinstance(after, Refused):
            told += billed_step(before, after, rate) if kind == "capture" else 0
            move(after)
    captured = [wanted for kind, wanted, _ in steps if kind == "capture"]
    assert captured or told == 0
    whole = do(before, "reversal", None)
    if not isinstance(whole, Refused):
        move(whole)
    move(expire(before))
    assert (used, reserved, account.held_minor, account.balance_minor) == (0, 0, 0, 0)


@given(RATES, st.integers(1, 1_000), st.lists(st.integers(1, 400), min_size=1, max_size=9))
def test_however_it_is_captured_and_refunded_each_part_is_told_as_it_moved(
    rate: Rate | None, amount: int, parts: list[int]
) -> None:
    standing, moved = Standing(held=amount), 0
    for kind in ("capture", "refund"):
        told = 0
        for part in parts:
            after = do(standing, kind, part)
            if isinstance(after, Standing):
                told += billed_step(standing, after, rate)
                standing = after
        sums = billed(standing, rate)
        moved = sums.captured if kind == "capture" else sums.refunded
        assert told == moved


def test_a_movement_is_taken_back_by_its_opposite() -> None:
    there = Movement.between(NEW, Standing(held=2_000), EUR)
    assert -there == Movement.between(Standing(held=2_000), Standing(reversed=2_000), EUR)
