"""Where the money of a payment stands after captures, reversals and refunds, table by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.payments.history import status
from wallet.payments.models import Payment
from wallet.payments.requests import Operation, Reference
from wallet.payments.standing import MOVES, Refused, Standing, expire, moved

HELD = Standing(held=1_000)
ESTIMATED = Standing(held=1_000, margin=150)


def do(before: Standing, kind: str, amount: int | None = None, *, final: bool = False) -> Standing | Refused:
    asked = Operation(Reference("acquirer", "acq-2", bytes(32)), kind, amount, final)
    return MOVES[kind](before, asked)


def test_what_was_given_back_made_no_payment_smaller() -> None:
    assert [standing.most for standing in (HELD, ESTIMATED, Standing(reversed=1_000))] == [1_000, 1_150, 1_000]
    assert Standing(captured=400, expired=600).most == 1_000
    assert Standing(held=100, captured=700, reversed=200, refunded=700).most == 1_000


@pytest.mark.parametrize(
    ("before", "amount", "final", "after"),
    [
        (HELD, 1_000, True, Standing(captured=1_000)),
        (HELD, 1_000, False, Standing(captured=1_000)),
        (HELD, 400, True, Standing(captured=400)),
        (HELD, 400, False, Standing(held=600, captured=400)),
        (Standing(held=600, captured=400), 600, False, Standing(captured=1_000)),
        (HELD, 1_001, True, Refused("amount-too-high", 1_000)),
        (Standing(captured=1_000), 1, True, Refused("nothing-held")),
        (Standing(reversed=1_000), 1, True, Refused("nothing-held")),
        (Standing(expired=1_000), 1, True, Refused("hold-expired")),
        (Standing(captured=400, expired=600), 1, True, Refused("hold-expired")),
        # R-3.1a: an estimate may be exceeded by its margin, once.
        (ESTIMATED, 1_150, True, Standing(captured=1_150)),
        (ESTIMATED, 1_151, True, Refused("amount-too-high", 1_150)),
        (ESTIMATED, 1_100, False, Standing(margin=50, captured=1_100)),
        (Standing(margin=50, captured=1_100), 50, False, Standing(captured=1_150)),
        (Standing(margin=50, captured=1_100), 51, False, Refused("amount-too-high", 50)),
        (ESTIMATED, 300, False, Standing(held=700, margin=150, captured=300)),
        (ESTIMATED, 300, True, Standing(captured=300)),
    ],
)
def test_capturing(before: Standing, amount: int, final: bool, after: Standing | Refused) -> None:
    assert do(before, "capture", amount, final=final) == after


@pytest.mark.parametrize(
    ("before", "amount", "after"),
    [
        (HELD, None, Standing(reversed=1_000)),
        (HELD, 400, Standing(held=600, reversed=400)),
        (HELD, 1_001, Refused("amount-too-high", 1_000)),
        (Standing(captured=1_000), None, Standing(reversed=1_000)),
        (Standing(held=600, captured=400), 700, Standing(captured=300, reversed=700)),
        (Standing(captured=1_000, refunded=300), 701, Refused("amount-too-high", 700)),
        (Standing(captured=1_000, refunded=300), 700, Standing(captured=300, reversed=700, refunded=300)),
        (Standing(captured=1_000, refunded=1_000), None, Refused("nothing-to-reverse")),
        (Standing(reversed=1_000), None, Refused("nothing-to-reverse")),
        (Standing(expired=1_000), None, Refused("nothing-to-reverse")),
        (Standing(captured=400, expired=600), 300, Standing(captured=100, reversed=300, expired=600)),
        (Standing(), None, Refused("nothing-to-reverse")),
        # What was corrected is no estimate any more.
        (ESTIMATED, 100, Standing(held=900, reversed=100)),
    ],
)
def test_reversing(before: Standing, amount: int | None, after: Standing | Refused) -> None:
    assert do(before, "reversal", amount) == after


@pytest.mark.parametrize(
    ("before", "amount", "after"),
    [
        (Standing(captured=1_000), 1_000, Standing(captured=1_000, refunded=1_000)),
        (Standing(captured=1_000, refunded=400), 601, Refused("amount-too-high", 600)),
        (Standing(held=600, captured=400), 401, Refused("amount-too-high", 400)),
        (Standing(margin=50, captured=1_100), 100, Standing(captured=1_100, refunded=100)),
        (HELD, 1, Refused("nothing-captured")),
        (Standing(captured=1_000, refunded=1_000), 1, Refused("nothing-captured")),
    ],
)
def test_refunding(before: Standing, amount: int, after: Standing | Refused) -> None:
    assert do(before, "refund", amount) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HELD, Standing(expired=1_000)),
        (ESTIMATED, Standing(expired=1_000)),
        (Standing(held=600, captured=400), Standing(captured=400, expired=600)),
        (Standing(margin=50, captured=1_100), Standing(captured=1_100)),
        (Standing(captured=1_000, refunded=1_000), Standing(captured=1_000, refunded=1_000)),
    ],
)
def test_ending(before: Standing, after: Standing) -> None:
    assert expire(before) == after
    assert moved(before, after) == before.held


MOVE = st.tuples(st.sampled_from(sorted(MOVES)), st.integers(1, 1_300), st.booleans())


@given(st.integers(1, 1_000), st.integers(0, 150), st.lists(MOVE, max_size=12))
def test_whatever_is_done_nothing_is_lost_and_nothing_more_is_taken_than_was_agreed(
    amount: int, margin: int, moves: list[tuple[str, int, bool]]
) -> None:
    standing, agreed = Standing(held=amount, margin=margin), amount + margin
    for kind, wanted, final in moves:
        after = do(standing, kind, wanted, final=final)
        if isinstance(after, Refused):
            continue
        assert moved(standing, after) == wanted
        assert after.used - after.held == after.taken
        standing = after
        assert min(standing.held, standing.margin, standing.captured, standing.reversed, standing.refunded) >= 0
        assert standing.refunded <= standing.captured
        assert standing.reserved + standing.refunded + standing.reversed <= agreed
    whole = do(standing, "reversal")
    gone = standing if isinstance(whole, Refused) else whole
    assert (gone.used, gone.reserved) == (0, 0)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (HELD, "held"),
        (Standing(held=400, reversed=600), "held"),
        (Standing(held=600, captured=400), "partly_captured"),
        (Standing(held=600, captured=400, refunded=400), "partly_captured"),
        (Standing(captured=1_000), "captured"),
        (Standing(captured=1_000, refunded=400), "captured"),
        (Standing(captured=400, reversed=600), "captured"),
        (Standing(captured=1_000, refunded=1_000), "refunded"),
        (Standing(captured=400, reversed=600, refunded=400), "refunded"),
        (Standing(reversed=1_000), "reversed"),
        (Standing(expired=1_000), "expired"),
        (Standing(reversed=400, expired=600), "expired"),
        (Standing(captured=400, expired=600), "captured"),
        (Standing(captured=400, refunded=400, expired=600), "refunded"),
    ],
)
def test_the_status_follows_from_where_the_money_stands(standing: Standing, expected: str) -> None:
    payment = Payment(
        approved=True,
        held_minor=standing.held,
        captured_minor=standing.captured,
        reversed_minor=standing.reversed,
        refunded_minor=standing.refunded,
        expired_minor=standing.expired,
    )
    assert status(payment) == expected


def test_what_was_declined_stays_declined() -> None:
    assert status(Payment(approved=False, held_minor=0, captured_minor=0, reversed_minor=0)) == "declined"


@pytest.mark.parametrize(
    ("standing", "used", "reserved", "payments"),
    [
        (Standing(), 0, 0, 0),
        (HELD, 1_000, 1_000, 1),
        (ESTIMATED, 1_000, 1_150, 1),
        (Standing(margin=50, captured=1_100), 1_100, 1_150, 1),
        (Standing(held=600, captured=400, refunded=100), 900, 900, 1),
        (Standing(captured=1_000, refunded=1_000), 0, 0, 1),
        (Standing(reversed=1_000), 0, 0, 0),
        (Standing(expired=1_000), 0, 0, 0),
        (Standing(captured=400, expired=600), 400, 400, 1),
    ],
)
def test_what_a_payment_counts_for_in_limits(standing: Standing, used: int, reserved: int, payments: int) -> None:
    assert (standing.used, standing.reserved, standing.payments) == (used, reserved, payments)
