"""Payments in other currencies (R-18): acquirers speak in theirs; account, limits and people count what is billed."""

from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from mobile_mock.shop import Merchant
from notifications.models import Message
from tests.integration.payments.scene import HOTEL, Answer, Scene, money, refused
from tokenization import ids
from wallet.payments import expiry
from wallet.payments.models import Payment

DAY: Final = timedelta(days=1)
GALLERIAN: Final = Merchant("SE-9", "Gallerian", "5651", "SE")
ABROAD: Final[dict[str, Any]] = {"at": GALLERIAN, "currency": "EUR"}


def billed(scene: Scene, payment_id: str) -> Answer:
    answer = scene.look(payment_id)["billed"]
    assert isinstance(answer, dict)
    return answer


def row(scene: Scene, payment_id: str) -> Payment:
    with scene.world.parts.database.reading() as session:
        return session.scalars(select(Payment).where(Payment.payment_id == ids.parse("pay", payment_id))).one()


def told(scene: Scene) -> dict[str, str]:
    """What people read, by kind."""
    scene.world.tell()
    with scene.world.parts.database.reading() as session:
        return {each.kind: each.text for each in session.scalars(select(Message).order_by(Message.message_id))}


@pytest.mark.parametrize(
    ("currency", "amount", "cost", "rate"),
    [("EUR", 2_000, 14_921, "7.4605"), ("JPY", 10_000, 44_800, "0.0448"), ("KWD", 12_345, 25_962, "21.03")],
)
def test_the_account_holds_and_pays_what_is_billed(
    scene: Scene, currency: str, amount: int, cost: int, rate: str
) -> None:
    decision = scene.pay(amount, "pin", at=GALLERIAN, currency=currency)
    assert (decision["approved"], decision["amount"], decision["currency"]) == (True, amount, currency)
    assert decision["billed"] == {"amount": cost, "currency": "DKK", "rate": rate}
    assert money(scene) == (0, cost)
    captured = scene.do("captures", decision["id"], amount).json()
    assert (captured["amount"], captured["currency"]) == (amount, currency)
    assert captured["billed"] == {"amount": cost, "currency": "DKK", "rate": rate}
    assert money(scene) == (cost, 0)
    kept = row(scene, decision["id"])
    assert (str(kept.rate), kept.rate_of and kept.rate_of.isoformat()) == (rate, "2026-11-20")


def test_at_home_nothing_is_converted(scene: Scene) -> None:
    decision = scene.pay(2_000)
    assert decision["billed"] is None
    assert scene.do("captures", decision["id"], 2_000).json()["billed"] is None
    assert row(scene, decision["id"]).rate is None


def test_parts_of_a_payment_come_to_what_the_whole_costs(scene: Scene) -> None:
    payment_id = scene.approved(3, **ABROAD)
    parts = [
        scene.do("captures", payment_id, 1, final=final).json()["billed"]["amount"] for final in (False, False, True)
    ]
    assert parts == [7, 8, 7], "EUR 0.01 costs 7 øre, and EUR 0.03 costs 22"
    assert money(scene) == (22, 0)
    back = [scene.do("refunds", payment_id, 1).json()["billed"]["amount"] for _ in range(3)]
    assert (back, money(scene)) == ([7, 8, 7], (0, 0))


def test_a_reversal_gives_back_what_was_held_in_parts_and_whole(scene: Scene) -> None:
    payment_id = scene.approved(2_000, token=scene.emil, **ABROAD)
    assert (money(scene), scene.used("per_day")) == ((0, 14_921), 14_921)
    assert scene.do("reversals", payment_id, 500).json()["billed"]["amount"] == 3_730
    assert (money(scene), scene.used("per_day")) == ((0, 11_191), 11_191)
    assert scene.do("reversals", payment_id).json()["billed"]["amount"] == 11_191
    assert (money(scene), scene.used("per_day")) == ((0, 0), 0)


def test_a_hold_that_ends_gives_back_all_that_it_held(scene: Scene) -> None:
    payment_id = scene.approved(3, token=scene.emil, **ABROAD)
    scene.do("captures", payment_id, 1, final=False)
    scene.world.clock.advance(8 * DAY)
    parts, card_id = scene.world.parts, ids.parse("card", scene.world.person("anna")["card_id"])
    with parts.database.transaction("system") as session:
        assert expiry.end(session, card_id, ids.parse("pay", payment_id), parts.clock.now())
    assert money(scene) == (7, 0)


def test_a_payment_keeps_its_rate_whatever_comes_later(scene: Scene) -> None:
    payment_id = scene.approved(2_000, **ABROAD)
    scene.rates(EUR=("8.0000", "2026-11-22"))
    assert scene.pay(2_000, "pin", **ABROAD)["billed"]["rate"] == "8.0000"
    assert scene.do("captures", payment_id, 1_000, final=False).json()["billed"] == {
        "amount": 7_461,
        "currency": "DKK",
        "rate": "7.4605",
    }
    assert money(scene) == (7_461, 16_000 + 7_460)
    assert scene.do("refunds", payment_id, 1_000).json()["billed"]["amount"] == 7_461
    assert billed(scene, payment_id)["rate"] == "7.4605"


def test_a_repeat_gets_the_same_answer_at_another_rate(scene: Scene) -> None:
    request = scene.tap(2_000, "pin", **ABROAD)
    first = scene.ask(request)
    scene.rates(EUR=("8.0000", "2026-11-22"))
    again = scene.ask(request)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


@pytest.mark.parametrize(
    ("currency", "why"),
    [("NOK", "nobody gave one"), ("GBP", "it is eight days old"), ("XDR", "nothing is priced in it")],
)
def test_without_a_rate_nothing_is_paid(scene: Scene, currency: str, why: str) -> None:
    answer = scene.ask(scene.plastic(2_000, at=GALLERIAN, currency=currency))
    if answer.status_code == 422:
        assert currency == "XDR", why
        return
    decision = answer.json()
    assert (decision["reason"], decision["response_code"], decision["billed"]) == ("currency_not_supported", "13", None)
    assert row(scene, decision["id"]).rate is None
    assert scene.approved(2_000), "at home all goes on"


def test_a_rate_that_nobody_replaced_ends_with_the_day_that_the_policy_says(scene: Scene) -> None:
    scene.world.clock.advance(5 * DAY)
    assert scene.decide(scene.plastic(2_000, **ABROAD))["approved"], "seven days after Friday"
    scene.world.clock.advance(DAY)
    assert scene.decide(scene.plastic(2_000, **ABROAD))["reason"] == "currency_not_supported"


def test_a_broken_file_changes_nothing_and_the_metrics_say_so(scene: Scene) -> None:
    path = scene.world.parts.settings.rates
    assert path is not None
    path.write_text("currency,rate,date\nEUR,1e400,2026-11-22\n")
    scene.world.clock.advance(timedelta(seconds=1))
    assert scene.pay(2_000, "pin", **ABROAD)["billed"]["rate"] == "7.4605"
    seen = scene.world.http.get("/metrics").text
    assert "tegnebog_rates_wrong 1.0" in seen
    assert 'tegnebog_rate_age_days{which="oldest"} 8.0' in seen
    assert 'tegnebog_rate_age_days{which="newest"} 2.0' in seen
    assert scene.world.http.get("/readyz").json()["status"] == "ready"
    scene.rates()
    assert "tegnebog_rates_wrong 0.0" in scene.world.http.get("/metrics").text


@pytest.mark.parametrize(("currency", "most"), [("EUR", 2_680), ("JPY", 4_464), ("KWD", 9_510)])
def test_a_childs_limit_is_of_what_is_billed(scene: Scene, currency: str, most: int) -> None:
    """DKK 200.00 a payment."""
    answer = scene.pay(most + 1, "pin", token=scene.emil, at=GALLERIAN, currency=currency)
    assert (answer["reason"], answer["limit"]["name"]) == ("amount_limit", "per_payment")
    assert scene.pay(most, "pin", token=scene.emil, at=GALLERIAN, currency=currency)["approved"]


def test_a_child_abroad_and_who_watches_read_both_amounts(unchecked: Scene) -> None:
    scene = unchecked
    payment_id = scene.approved(2_000, token=scene.emil, **ABROAD)
    scene.pay(3_000, "pin", token=scene.emil, **ABROAD)
    scene.do("reversals", payment_id, 500)
    texts = told(scene)
    at = "hos Gallerian (Sverige) 22. november 2026 kl. 11.15."
    assert (
        texts["drawing_right.payment_approved"] == f"Emil betalte 20,00 € (149,21 kr.) {at} Tilbage i dag: 350,79 kr."
    )
    assert texts["drawing_right.payment_declined"].startswith(f"Emil ville betale 30,00 € (223,82 kr.) {at} ")
    assert "200,00 kr." in texts["drawing_right.payment_declined"], "limits are in kroner"
    assert texts["drawing_right.payment_returned"].startswith("5,00 € (37,30 kr.), som Emil betalte")
    for kind in ("payment.approved", "payment.declined", "payment.returned"):
        assert "kr.)" in texts[kind]


@pytest.mark.parametrize(("above", "hears"), [(14_920, True), (14_921, False)])
def test_who_watches_large_payments_hears_by_what_is_billed(unchecked: Scene, above: int, hears: bool) -> None:
    scene = unchecked
    scene.change({"notify_grantor": "all", "notify_above": above})
    scene.approved(2_000, token=scene.emil, **ABROAD)
    assert ("drawing_right.payment_approved" in told(scene)) == hears


def test_a_one_off_is_asked_for_by_what_the_payment_costs(scene: Scene) -> None:
    """EUR 30.00 cost DKK 223.82, and one øre less is not enough."""
    declined = scene.pay(3_000, "pin", token=scene.emil, **ABROAD)
    assert declined["limit"]["name"] == "per_payment"
    assert refused(scene.ask_for(22_381, payment_id=declined["id"])) == (422, "invalid")
    asked = scene.ask_for(payment_id=declined["id"])
    assert (asked.status_code, asked.json()["amount"], asked.json()["currency"]) == (201, 22_382, "DKK")
    scene.approve(asked.json())
    assert not scene.pay(3_001, "pin", token=scene.emil, **ABROAD)["approved"]
    assert scene.pay(3_000, "pin", token=scene.emil, **ABROAD)["approved"]


def test_an_estimate_abroad_reserves_what_it_may_become(scene: Scene) -> None:
    payment_id = scene.approved(2_000, token=scene.emil, at=HOTEL, currency="EUR", estimated=True)
    assert (money(scene), scene.used("per_day")) == ((0, 14_921), 17_159)
    assert scene.do("captures", payment_id, 2_200).json()["billed"]["amount"] == 16_413
    assert (money(scene), scene.used("per_day")) == ((16_413, 0), 16_413)


def test_a_pin_is_asked_for_by_what_is_billed(scene: Scene) -> None:
    """DKK 350.00 are EUR 46.91."""
    assert scene.pay(4_692, **ABROAD)["reason"] == "pin_required"
    assert scene.pay(4_691, **ABROAD)["approved"]


def test_no_more_than_is_available_is_billed(scene: Scene) -> None:
    scene.money(14_920)
    assert scene.pay(2_000, "pin", **ABROAD)["reason"] == "insufficient_funds"
    assert scene.pay(1_999, "pin", **ABROAD)["approved"]


def test_what_costs_more_than_an_amount_may_be_is_no_amount(scene: Scene) -> None:
    answer = scene.pay(999_999_999_999, "pin", **ABROAD)
    assert (answer["reason"], answer["billed"]) == ("invalid_amount", None)


def test_the_smallest_payment_costs_something(scene: Scene) -> None:
    scene.rates(SEK=("0.0001", "2026-11-22"))
    decision = scene.pay(1, at=GALLERIAN, currency="SEK")
    assert (decision["billed"]["amount"], money(scene)) == (1, (0, 1))


def test_a_verification_abroad_holds_nothing(scene: Scene) -> None:
    decision: Any = scene.pay(0, kind="verification", **ABROAD)
    assert (decision["approved"], decision["billed"]["amount"], money(scene)) == (True, 0, (0, 0))
