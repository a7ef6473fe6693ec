"""What comes back late is given to the day that was charged: to that day, and to what still adds it up (R-2.10)."""

from datetime import UTC, datetime

import pytest

from tests.integration.payments.scene import Scene

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
