"""Paying with the plastic, or with its number."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.payments.scene import TRAM, Scene
from tokenization.numbers import luhn_digit

WEB = {"entry_mode": "ecommerce", "cvm": "none", "authentication": "3ds"}


def other_cvc(scene: Scene) -> str:
    return f"{(int(scene.card['cvc']) + 1) % 1000:03d}"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"entry_mode": "chip", "cvm": "online_pin"}, "approved"),
        ({"entry_mode": "chip", "cvm": "offline_pin"}, "approved"),
        ({"entry_mode": "chip", "cvm": "signature"}, "approved"),
        ({"entry_mode": "chip", "cvm": "none"}, "pin_required"),
        ({"entry_mode": "magstripe", "cvm": "online_pin"}, "approved"),
        ({"entry_mode": "magstripe", "cvm": "none"}, "pin_required"),
        ({"entry_mode": "contactless", "cvm": "none"}, "approved"),
        ({"entry_mode": "keyed", "cvm": "none"}, "approved"),
        ({"entry_mode": "moto", "cvm": "none"}, "approved"),
        (WEB, "approved"),
        (WEB | {"authentication": "exempt"}, "approved"),
        (WEB | {"authentication": "none"}, "customer_authentication_required"),
        (WEB | {"authentication": "none", "initiated_by": "merchant"}, "customer_authentication_required"),
        ({"entry_mode": "wallet", "cvm": "none"}, "not_permitted"),
        ({"entry_mode": "credential_on_file", "cvm": "none"}, "not_permitted"),
        (WEB | {"kind": "cash"}, "not_permitted"),
        ({"entry_mode": "chip", "cvm": "online_pin", "kind": "cash"}, "approved"),
        ({"entry_mode": "chip", "cvm": "signature", "kind": "cash"}, "pin_required"),
    ],
)
def test_how_a_plastic_may_pay(scene: Scene, how: dict[str, Any], reason: str) -> None:
    assert scene.decide(scene.plastic(20_000, **how))["reason"] == reason


@pytest.mark.parametrize("mode", ["keyed", "moto", "ecommerce"])
def test_a_cvc_that_is_given_must_be_right(scene: Scene, mode: str) -> None:
    how = {"entry_mode": mode, "cvm": "none", "authentication": "3ds"}
    answer = scene.decide(scene.plastic(20_000, **how, cvc=other_cvc(scene)))
    assert (answer["reason"], answer["response_code"]) == ("wrong_cvc", "N7")
    assert scene.decide(scene.plastic(20_000, **how, cvc=scene.card["cvc"]))["approved"]


def test_a_wrong_expiry_and_an_unknown_number_get_one_answer(scene: Scene) -> None:
    guessed = scene.plastic(20_000)
    guessed["card"]["expiry"] = "2099-01"
    unknown = scene.plastic(20_000)
    unknown["card"]["number"] = "920890000000000" + luhn_digit("920890000000000")
    answers = [scene.decide(each) for each in (guessed, unknown)]
    looks = [scene.look(each["id"]) for each in answers]
    for pair in (answers, looks):
        first, second = ({**each, "id": None} for each in pair)
        assert first == second
    assert (answers[0]["reason"], answers[0]["response_code"]) == ("unknown_number", "14")
    refusals = [scene.do("captures", each["id"], 100).json() for each in answers]
    assert {each["code"] for each in refusals} == {"payment-declined"}


def test_a_guessed_number_learns_nothing_of_a_blocked_card(scene: Scene) -> None:
    scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    guessed = scene.plastic(20_000)
    guessed["card"]["expiry"] = "2099-01"
    assert scene.decide(guessed)["reason"] == "unknown_number"


@pytest.mark.parametrize("scheme", ["dankort", "visa"])
def test_a_co_badged_card_pays_in_either_scheme_and_says_which(scene: Scene, scheme: str) -> None:
    answer = scene.decide(scene.plastic(20_000, scheme=scheme))
    assert (answer["approved"], answer["scheme"]) == (True, scheme)


@pytest.mark.parametrize(("scheme", "reason"), [("dankort", "approved"), ("visa", "not_permitted")])
def test_a_card_of_one_scheme_pays_in_that_alone(scene: Scene, scheme: str, reason: str) -> None:
    anna = scene.world.person("anna")
    body = {"cardholder_id": anna["cardholder_id"], "account_id": anna["account_id"], "scheme": "dankort"}
    made = scene.bank("POST", "/cards", body)
    request = scene.plastic(20_000, scheme=scheme)
    request["card"] = {"number": made["number"], "expiry": made["expiry"], "cvc": None}
    assert scene.decide(request)["reason"] == reason


@pytest.mark.parametrize(
    ("why", "reason", "code"),
    [("lost", "card_lost", "41"), ("stolen", "card_stolen", "43"), ("misused", "card_blocked", "62")],
)
def test_a_blocked_plastic_says_why_only_where_the_shop_may_keep_it(
    scene: Scene, why: str, reason: str, code: str
) -> None:
    scene.bank("POST", scene.of_anna("/block"), {"reason": why})
    answer = scene.decide(scene.plastic(20_000))
    assert (answer["reason"], answer["response_code"]) == (reason, code)


def test_a_new_plastic_pays_once_it_is_activated_and_the_old_one_until_then(scene: Scene) -> None:
    made = scene.bank("POST", scene.of_anna("/replace"), {"reason": "damaged"})
    fresh = scene.plastic(20_000)
    fresh["card"] = {"number": made["number"], "expiry": made["expiry"], "cvc": None}
    answer = scene.decide(fresh)
    assert (answer["reason"], answer["response_code"]) == ("card_inactive", "78")
    assert scene.decide(scene.plastic(20_000))["approved"]
    assert scene.pay(20_000)["approved"]
    scene.bank("POST", scene.of_anna("/activate-plastic"))
    assert scene.decide(fresh | {"network_reference": "again"})["approved"]
    answer = scene.decide(scene.plastic(20_000))
    assert (answer["reason"], answer["response_code"]) == ("card_replaced", "14")


def test_a_stolen_number_stays_stolen_when_the_card_has_a_new_one(scene: Scene) -> None:
    scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    scene.bank("POST", scene.of_anna("/replace"), {"reason": "stolen"})
    assert scene.decide(scene.plastic(20_000))["reason"] == "card_stolen"
    assert scene.pay(20_000)["approved"]


def test_a_closed_card_says_so_everywhere(scene: Scene) -> None:
    scene.bank("POST", scene.of_anna("/close"))
    for request in (scene.plastic(20_000), scene.tap(20_000)):
        answer = scene.decide(request)
        assert (answer["reason"], answer["response_code"]) == ("card_closed", "46")


def test_a_card_is_valid_through_the_last_day_of_its_month_in_copenhagen(scene: Scene) -> None:
    year, month = map(int, scene.card["expiry"].split("-"))
    clock, second = scene.world.clock, timedelta(seconds=1)
    first_of_next = clock.now().replace(year=year + month // 12, month=month % 12 + 1, day=1, hour=0, minute=0)
    clock.set(first_of_next - timedelta(hours=1 if month in {11, 12, 1, 2} else 2) - second)
    assert scene.decide(scene.plastic(20_000))["approved"]
    clock.advance(second)
    assert scene.decide(scene.plastic(20_000))["reason"] == "expired"


def test_the_sixth_contactless_payment_asks_for_the_pin_and_a_signature_is_none(scene: Scene) -> None:
    def tap(cvm: str = "none") -> str:
        return str(scene.decide(scene.plastic(1_000, "contactless", cvm))["reason"])

    assert [tap() for _ in range(4)] == ["approved"] * 4
    assert [tap("signature"), tap("signature"), tap()] == ["approved", "pin_required", "pin_required"]
    assert scene.decide(scene.plastic(1_000, "chip", "signature"))["approved"]
    assert tap() == "pin_required", "a signature shows no PIN"
    assert scene.decide(scene.plastic(1_000, "chip", "online_pin"))["approved"]
    assert tap() == "approved"


def test_the_phone_and_the_plastic_count_apart(scene: Scene) -> None:
    for _ in range(5):
        assert scene.pay(1_000)["approved"]
    assert scene.decide(scene.plastic(1_000, "contactless", "none"))["approved"]
    assert scene.pay(1_000)["reason"] == "pin_required"


def test_an_unattended_terminal_for_fares_asks_for_no_pin(scene: Scene) -> None:
    unattended: dict[str, Any] = {"terminal": {"id": "T9", "unattended": True}}
    assert scene.decide(scene.plastic(90_000, "chip", "none", at=TRAM, **unattended))["approved"]
    assert scene.decide(scene.plastic(90_000, "chip", "none", **unattended))["reason"] == "pin_required"


@pytest.mark.parametrize(("account", "asked"), [("DKK", "USD"), ("EUR", "EUR"), ("EUR", "DKK"), ("JPY", "JPY")])
def test_only_an_account_in_kroner_pays_and_what_there_is_a_rate_for(scene: Scene, account: str, asked: str) -> None:
    anna = scene.world.person("anna")
    opened = scene.bank(
        "POST", "/accounts", {"cardholder_id": anna["cardholder_id"], "currency": account, "balance": 1_000_000}
    )
    scene.open(opened)
    body = {"cardholder_id": anna["cardholder_id"], "account_id": opened["id"], "scheme": "visa_dankort"}
    made = scene.bank("POST", "/cards", body)
    request = scene.plastic(20_000, currency=asked)
    request["card"] = {"number": made["number"], "expiry": made["expiry"], "cvc": None}
    answer = scene.decide(request)
    assert (answer["reason"], answer["response_code"]) == ("currency_not_supported", "13")
