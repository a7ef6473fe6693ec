"""How much: the account, the card's own limits, and a drawing right's."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.payments.scene import ATM, CASINO, HOTEL, TOWN_HALL, Scene
from tests.world import NETTO

DAY = timedelta(days=1)


def stopped(answer: dict[str, Any]) -> tuple[str, str, int, int, str]:
    limit = answer["limit"]
    return answer["reason"], limit["name"], limit["limit"], limit["spent"], limit["of"]


def test_what_is_available_can_be_spent_to_the_last_oere_and_no_further(scene: Scene) -> None:
    scene.money(100_000)
    scene.approved(60_000)
    assert scene.pay(40_001, "pin")["reason"] == "insufficient_funds"
    scene.approved(40_000)
    answer = scene.pay(1)
    assert (answer["reason"], answer["response_code"]) == ("insufficient_funds", "51")
    assert scene.account()["available"] == 0


def test_an_overdraft_that_was_agreed_can_be_spent(scene: Scene) -> None:
    scene.money(-10_000)
    path = f"/accounts/{scene.world.person('anna')['account_id']}"
    scene.bank("PATCH", path, {"overdraft_limit": 30_000})
    assert scene.pay(20_001)["reason"] == "insufficient_funds"
    scene.approved(20_000)


def test_a_verification_asks_nothing_of_the_account(scene: Scene) -> None:
    scene.money(-10_000)
    assert scene.pay(0, kind="verification")["approved"]


def test_gambling_stops_at_its_daily_limit_until_the_next_day_in_copenhagen(scene: Scene) -> None:
    scene.approved(499_999, at=CASINO)
    answer = scene.pay(2, "pin", at=CASINO)
    assert stopped(answer) == ("amount_limit", "gambling_per_day", 500_000, 499_999, "policy")
    assert answer["response_code"] == "61"
    scene.approved(1, at=CASINO)
    scene.approved(10_000)
    clock = scene.world.clock
    clock.set(clock.now().replace(hour=22, minute=59))
    assert scene.pay(1, "pin", at=CASINO)["reason"] == "amount_limit"
    clock.set(clock.now().replace(hour=23, minute=0))
    scene.approved(1, at=CASINO)
    assert scene.pay(500_000, "pin", at=CASINO)["limit"]["spent"] == 1


def test_cash_stops_at_its_daily_limit_whichever_way_it_is_drawn(scene: Scene) -> None:
    scene.approved(300_000, kind="cash")
    assert scene.decide(scene.plastic(300_000, at=ATM))["approved"]
    assert stopped(scene.pay(1, "pin", kind="cash")) == ("amount_limit", "cash_per_day", 600_000, 600_000, "policy")
    scene.approved(10_000)


def test_visa_stops_at_its_maximum_over_thirty_days(scene: Scene) -> None:
    scene.money(20_000_000)
    visa = {"scheme": "visa"}
    assert scene.decide(scene.plastic(3_000_000, **visa))["approved"]
    scene.world.clock.advance(DAY)
    assert scene.decide(scene.plastic(2_000_000, **visa))["approved"]
    scene.world.clock.advance(28 * DAY)
    refused = scene.decide(scene.plastic(1, **visa))
    assert stopped(refused) == ("amount_limit", "visa_per_30_days", 5_000_000, 5_000_000, "policy")
    assert scene.decide(scene.plastic(1))["approved"], "the other half of the card has no such maximum"
    scene.world.clock.advance(DAY)
    assert scene.decide(scene.plastic(3_000_000, **visa))["approved"]
    assert scene.decide(scene.plastic(1, **visa))["limit"]["spent"] == 5_000_000


def test_a_child_card_stops_at_the_limit_of_one_payment(scene: Scene) -> None:
    assert scene.pay(20_000, token=scene.emil)["approved"]
    answer = scene.pay(20_001, token=scene.emil)
    assert stopped(answer) == ("amount_limit", "per_payment", 20_000, 0, "drawing_right")


def test_a_child_card_stops_at_the_limit_of_a_day_and_starts_anew_at_midnight(scene: Scene) -> None:
    for _ in range(2):
        scene.approved(20_000, token=scene.emil)
    answer = scene.pay(10_001, token=scene.emil)
    assert stopped(answer) == ("amount_limit", "per_day", 50_000, 40_000, "drawing_right")
    scene.approved(10_000, token=scene.emil)
    assert scene.used("per_day") == 50_000
    scene.world.clock.set(scene.world.clock.now().replace(hour=23, minute=0))
    scene.approved(10_000, token=scene.emil)


@pytest.mark.parametrize(("limit", "most", "days_until_new"), [("per_week", 30_000, 1), ("per_month", 30_000, 9)])
def test_a_child_card_stops_at_the_limits_of_a_week_and_a_month(
    scene: Scene, limit: str, most: int, days_until_new: int
) -> None:
    scene.emils(**{limit: most})
    scene.approved(20_000, token=scene.emil)
    assert stopped(scene.pay(10_001, token=scene.emil)) == ("amount_limit", limit, most, 20_000, "drawing_right")
    scene.approved(10_000, token=scene.emil)
    scene.world.clock.advance(days_until_new * DAY)
    scene.approved(20_000, token=scene.emil)


def test_a_child_card_stops_at_its_total_for_good(scene: Scene) -> None:
    scene.emils(total=30_000)
    scene.approved(20_000, token=scene.emil)
    scene.world.clock.advance(13 * DAY)
    assert stopped(scene.pay(10_001, token=scene.emil)) == ("amount_limit", "total", 30_000, 20_000, "drawing_right")


def test_a_child_card_stops_at_so_many_payments_a_day(scene: Scene) -> None:
    scene.emils(payments_per_day=2)
    for _ in range(2):
        scene.approved(100, token=scene.emil)
    answer = scene.pay(100, token=scene.emil)
    assert stopped(answer) == ("count_limit", "payments_per_day", 2, 2, "drawing_right")
    assert answer["response_code"] == "65"


def test_no_grantor_can_exceed_the_ceiling(scene: Scene) -> None:
    scene.emils(per_payment=None, per_day=None, total=10_000_000)
    answer = scene.pay(200_001, "pin", token=scene.emil)
    assert stopped(answer) == ("amount_limit", "per_payment", 200_000, 0, "ceiling")
    scene.approved(200_000, token=scene.emil)
    assert stopped(scene.pay(100_001, "pin", token=scene.emil))[1:] == ("per_day", 300_000, 200_000, "ceiling")


def test_what_a_child_spends_counts_for_the_card_too_and_never_the_other_way(scene: Scene) -> None:
    scene.emils(per_payment=200_000, per_day=300_000, total=None)
    scene.approved(150_000, token=scene.emil, at=CASINO)
    scene.approved(350_000, at=CASINO)
    assert stopped(scene.pay(1, "pin", at=CASINO)) == ("amount_limit", "gambling_per_day", 500_000, 500_000, "policy")
    child = scene.pay(1, "pin", token=scene.emil, at=CASINO)
    assert child["limit"] == {"name": "gambling_per_day", "limit": 500_000, "spent": 500_000, "of": "policy"}
    assert scene.used("per_day") == 150_000


def test_a_verification_by_a_child_spends_no_limit(scene: Scene) -> None:
    scene.emils(payments_per_day=1)
    assert scene.pay(0, token=scene.emil, kind="verification")["approved"]
    scene.approved(100, token=scene.emil)
    assert scene.pay(0, token=scene.emil, kind="verification")["approved"]


def test_a_child_draws_no_cash(scene: Scene) -> None:
    answer = scene.pay(100, "pin", token=scene.emil, kind="cash")
    assert (answer["reason"], answer["limit"]["name"]) == ("not_permitted", "cash")


def test_an_estimate_reserves_what_it_may_become_under_a_right(scene: Scene) -> None:
    assert scene.pay(17_393, token=scene.emil, at=HOTEL, estimated=True)["limit"]["name"] == "per_payment"
    scene.approved(17_392, token=scene.emil, at=HOTEL, estimated=True)
    assert scene.used("per_day") == 20_000
    assert scene.account()["holds"] == 17_392
    scene.approved(17_392, token=scene.emil, at=NETTO, estimated=True)
    assert scene.used("per_day") == 37_392, "a grocer estimates nothing"


def test_what_was_declined_uses_nothing(scene: Scene) -> None:
    before = scene.account()
    scene.pay(20_001, token=scene.emil)
    scene.pay(99_999_999, "pin")
    scene.pay(100, "pin", entry_mode="moto", at=TOWN_HALL)
    assert scene.account() == before
    assert scene.used("per_day") == 0
