"""What comes back late is given to the day that was charged: to that day, and to what still adds it up (R-2.10)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from delegation.models import UsageDay
from mobile_mock.shop import Merchant
from tests.integration.payments.scene import ATM, CASINO, Scene
from tests.world import NETTO
from tokenization import ids
from wallet.payments import expiry
from wallet.payments.models import Payment

TUESDAY = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
LIMITS = ("per_day", "per_week", "per_month", "total")
SPENT, LATER = 20_000, 5_000
BACK_IN = {
    "on the next day": (datetime(2026, 11, 25, 11, 0, tzinfo=UTC), (0, SPENT, SPENT, SPENT)),
    "in the next week": (datetime(2026, 11, 30, 11, 0, tzinfo=UTC), (0, 0, SPENT, SPENT)),
    "in the next month": (datetime(2026, 12, 1, 11, 0, tzinfo=UTC), (0, 0, 0, SPENT)),
}


def used(scene: Scene) -> tuple[int, ...]:
    return tuple(scene.used(limit) for limit in LIMITS)


@pytest.mark.parametrize("back", BACK_IN)
@pytest.mark.parametrize("what", ["reversals", "refunds"])
def test_what_comes_back_late_makes_no_room_in_what_has_begun_since(scene: Scene, what: str, back: str) -> None:
    scene.world.clock.set(TUESDAY)
    scene.emils(total=1_000_000)
    payment_id = scene.approved(SPENT, token=scene.emil)
    scene.do("captures", payment_id, SPENT, final=True)
    at, still_counted = BACK_IN[back]
    scene.world.clock.set(at)
    scene.approved(LATER, token=scene.emil)
    assert used(scene) == tuple(LATER + counted for counted in still_counted)
    assert scene.do(what, payment_id, SPENT).status_code == 201
    assert used(scene) == (LATER,) * len(LIMITS)


@pytest.mark.parametrize(("what", "payments"), [("reversals", 0), ("refunds", 1)])
def test_a_payment_that_is_reversed_never_was_and_one_that_is_refunded_was_made(
    scene: Scene, what: str, payments: int
) -> None:
    payment_id = scene.approved(SPENT, token=scene.emil)
    scene.do("captures", payment_id, SPENT, final=True)
    scene.do(what, payment_id, SPENT)
    assert (scene.used("per_day"), scene.used("payments_per_day")) == (0, payments)


def test_what_is_given_up_at_the_final_capture_goes_to_the_day_of_the_payment(scene: Scene) -> None:
    scene.world.clock.set(TUESDAY)
    payment_id = scene.approved(SPENT, token=scene.emil)
    scene.world.clock.set(BACK_IN["on the next day"][0])
    scene.do("captures", payment_id, 1_000, final=True)
    assert (scene.used("per_day"), scene.used("per_week")) == (0, 1_000)


@pytest.mark.parametrize("comes_back", ["reversals", "refunds", "in time"])
@pytest.mark.parametrize(("was", "has_become"), [(NETTO, CASINO), (CASINO, NETTO), (ATM, CASINO)])
def test_a_payment_is_given_back_as_what_it_was_counted_as_whatever_the_tables_say_since(
    scene: Scene, was: Merchant, has_become: Merchant, comes_back: str
) -> None:
    payment_id = scene.approved(SPENT, at=was)
    before = counted(scene)
    _change_tables(scene, payment_id, has_become)
    if comes_back == "in time":
        scene.world.clock.advance(timedelta(days=7))
        parts = scene.world.parts
        assert expiry.run(lambda: parts.database.transaction("system"), parts.clock.now()) == 1
    else:
        assert scene.do("captures", payment_id, SPENT).status_code == 201
        assert scene.do(comes_back, payment_id, SPENT).status_code == 201
    assert sum(before) == SPENT * (was != NETTO)
    assert counted(scene) == (0, 0)


def counted(scene: Scene) -> tuple[int, ...]:
    """What Anna's card has counted as cash and as gambling."""
    card_id = ids.parse("card", scene.world.person("anna")["card_id"])
    with scene.world.parts.database.reading() as session:
        counters = select(UsageDay.cash_minor, UsageDay.gambling_minor).where(UsageDay.scope_id == card_id)
        return tuple(session.execute(counters).one())


def _change_tables(scene: Scene, payment_id: str, to: Merchant) -> None:
    """Have the payment's merchant stand in other categories than when it was paid."""
    with scene.world.parts.database.transaction("test") as session:
        of_payment = Payment.payment_id == ids.parse("pay", payment_id)
        session.execute(update(Payment).where(of_payment).values(merchant=to.as_json()))
