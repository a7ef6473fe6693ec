"""Paying with a phone: who shows what, how often, and what a cryptogram is good for."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.integration.payments.scene import ATM, TRAM, Scene
from tests.world import FILMFLODEN
from tokenization.models import KeyBatch, Token

DAY = timedelta(days=1)


def test_a_small_amount_needs_no_pin_and_a_large_one_does(scene: Scene) -> None:
    assert scene.pay(35_000)["reason"] == "approved"
    assert scene.pay(35_001)["reason"] == "pin_required"


@pytest.mark.parametrize("cvm", ["pin", "biometric"])
def test_whoever_shows_who_they_are_may_pay_more(scene: Scene, cvm: str) -> None:
    answer = scene.pay(50_000, cvm)
    assert (answer["approved"], answer["response_code"], answer["remaining_attempts"]) == (True, "00", None)


def test_three_wrong_pins_lock_the_token_and_nothing_else(scene: Scene) -> None:
    answers = [scene.pay(50_000, "pin", pin="9999") for _ in range(3)]
    assert [(each["reason"], each["response_code"]) for each in answers] == [("wrong_pin", "55")] * 3
    assert [each["remaining_attempts"] for each in answers] == [2, 1, 0]
    locked = scene.pay(50_000, "pin")
    assert (locked["reason"], locked["response_code"]) == ("pin_locked", "75")
    assert scene.decide(scene.plastic(50_000))["approved"]
    assert scene.pay(10_000, token=scene.emil)["approved"]


def test_a_right_pin_gives_the_tries_back(scene: Scene) -> None:
    for _ in range(2):
        scene.pay(50_000, "pin", pin="9999")
    scene.approved(50_000)
    assert scene.pay(50_000, "pin", pin="9999")["remaining_attempts"] == 2


def test_a_right_pin_gives_the_tries_back_though_the_payment_is_declined(scene: Scene) -> None:
    scene.pay(50_000, "pin", pin="9999")
    assert scene.pay(99_999_999, "pin")["reason"] == "insufficient_funds"
    assert scene.pay(50_000, "pin", pin="9999")["remaining_attempts"] == 2


def test_a_wrong_mac_costs_no_try_and_leaves_the_atc_unused(scene: Scene) -> None:
    good = scene.tap(50_000, "pin")
    forged = good | {"cryptogram": good["cryptogram"] | {"mac": "00" * 8}, "network_reference": "forged"}
    answer = scene.decide(forged)
    assert (answer["reason"], answer["response_code"]) == ("security_violation", "63")
    assert answer["remaining_attempts"] is None
    assert scene.decide(good)["approved"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 10_001},
        {"kind": "cash"},
        {"currency": "SEK"},
        {"merchant": {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "SE"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_phone_signed_cannot_be_changed_on_the_way(scene: Scene, changes: dict[str, Any]) -> None:
    assert scene.decide(scene.tap(10_000, "pin") | changes)["reason"] == "security_violation"


@pytest.mark.parametrize("field", ["atc", "unpredictable_number", "date"])
def test_no_part_of_a_cryptogram_can_be_changed(scene: Scene, field: str) -> None:
    good = scene.tap(10_000)
    other = {"atc": 2, "unpredictable_number": "00000000", "date": "261123"}[field]
    assert scene.decide(good | {"cryptogram": good["cryptogram"] | {field: other}})["reason"] == "security_violation"


def test_a_cryptogram_without_pin_does_not_become_one_with(scene: Scene) -> None:
    good = scene.tap(50_000)
    claimed = good["cryptogram"] | {"cvm": "pin", "cvm_mac": "00" * 8}
    answer = scene.decide(good | {"cryptogram": claimed})
    assert (answer["reason"], answer["remaining_attempts"]) == ("security_violation", None)


def test_a_cryptogram_pays_once(scene: Scene) -> None:
    request = scene.tap(10_000)
    assert scene.decide(request)["approved"]
    assert scene.decide(request | {"network_reference": "again"})["reason"] == "security_violation"


def test_a_cryptogram_is_used_up_though_the_payment_was_declined(scene: Scene) -> None:
    request = scene.tap(50_000)
    assert scene.decide(request)["reason"] == "pin_required"
    assert scene.decide(request | {"network_reference": "again"})["reason"] == "security_violation"


def test_a_replayed_cryptogram_costs_no_pin_try(scene: Scene) -> None:
    request = scene.tap(50_000, "pin", pin="9999")
    assert scene.decide(request)["remaining_attempts"] == 2
    assert scene.decide(request | {"network_reference": "again"})["reason"] == "security_violation"
    assert scene.pay(50_000, "pin", pin="9999")["remaining_attempts"] == 1


def test_payments_may_arrive_in_any_order_and_each_counts_once(scene: Scene) -> None:
    requests = [scene.tap(10_000) for _ in range(3)]
    assert [scene.decide(each)["reason"] for each in reversed(requests)] == ["approved"] * 3
    again = [each | {"network_reference": f"again-{index}"} for index, each in enumerate(requests)]
    assert [scene.decide(each)["reason"] for each in again] == ["security_violation"] * 3


def test_keys_that_were_never_issued_pay_nothing(scene: Scene) -> None:
    request = scene.tap(10_000)
    unissued = request["cryptogram"] | {"atc": 11}
    assert scene.decide(request | {"cryptogram": unissued})["reason"] == "security_violation"


@pytest.mark.parametrize("atc", [-1, 0, 65_536, "7", 7.0, True, None])
def test_a_counter_that_cannot_be_is_named_as_wrong(scene: Scene, atc: object) -> None:
    request = scene.tap(10_000)
    answer = scene.ask(request | {"cryptogram": request["cryptogram"] | {"atc": atc}})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["cryptogram.atc"])
    assert scene.decide(request)["approved"]


def test_the_highest_counter_is_no_key_before_it_was_issued(scene: Scene) -> None:
    request = scene.tap(10_000)
    last = request["cryptogram"] | {"atc": 65_535}
    assert scene.decide(request | {"cryptogram": last})["reason"] == "security_violation"


def test_a_counter_more_than_64_behind_is_too_old(scene: Scene) -> None:
    for _ in range(6):
        scene.anna.fetch_keys()
    requests = [scene.tap(10_000, "pin") for _ in range(70)]
    assert scene.decide(requests[69])["approved"]
    assert scene.decide(requests[4])["reason"] == "security_violation"
    assert scene.decide(requests[5])["approved"]
    assert scene.decide(requests[5] | {"network_reference": "again"})["reason"] == "security_violation"


def test_a_phone_that_hoards_keys_gets_no_more_until_it_pays(scene: Scene) -> None:
    keys = f"/v1/tokens/{scene.anna.id}/keys"
    for _ in range(9):
        scene.anna.fetch_keys()
    answer = scene.town.anna.request("POST", keys)
    assert (answer.status_code, answer.json()["code"], answer.json()["unused"]) == (409, "keys-unused", 100)
    for _ in range(10):
        scene.approved(10_000)
    assert scene.anna.fetch_keys() == 10


def test_keys_end_after_fourteen_days(scene: Scene) -> None:
    scene.world.clock.advance(14 * DAY - timedelta(seconds=1))
    assert scene.pay(10_000)["approved"]
    scene.world.clock.advance(timedelta(seconds=1))
    while scene.anna.keys_left:
        assert scene.pay(10_000)["reason"] == "security_violation"
    scene.anna.fetch_keys()
    scene.approved(10_000)


def test_keys_die_with_the_suspension_of_their_token(scene: Scene) -> None:
    old = scene.tap(10_000)
    path = f"/v1/tokens/{scene.anna.id}"
    assert scene.town.anna.request("POST", f"{path}/suspend", {"reason": "other"}).status_code == 200
    answer = scene.decide(old)
    assert (answer["reason"], answer["response_code"]) == ("token_suspended", "62")
    assert scene.town.anna.step_up("resume").request("POST", f"{path}/resume").status_code == 200
    assert scene.decide(old | {"network_reference": "again"})["reason"] == "security_violation"


def test_keys_survive_the_block_of_their_card(scene: Scene) -> None:
    scene.bank("POST", scene.of_anna("/block"), {"reason": "suspected"})
    request = scene.tap(10_000)
    answer = scene.decide(request)
    assert (answer["reason"], answer["response_code"]) == ("card_blocked", "62")
    scene.bank("POST", scene.of_anna("/unblock"))
    assert scene.decide(request | {"network_reference": "again"})["reason"] == "security_violation"
    scene.approved(10_000)


@pytest.mark.parametrize(
    ("days", "reason"), [(-2, "security_violation"), (-1, "approved"), (1, "approved"), (2, "security_violation")]
)
def test_the_phones_day_may_differ_by_one(scene: Scene, days: int, reason: str) -> None:
    clock = scene.world.clock
    clock.advance(days * DAY)
    signed = scene.tap(10_000, "pin")
    clock.advance(-days * DAY)
    assert scene.decide(signed | {"at": "2026-11-22T10:15:00Z"})["reason"] == reason


def test_a_cryptogram_of_another_day_is_used_up_and_costs_no_try(scene: Scene) -> None:
    clock = scene.world.clock
    clock.advance(-2 * DAY)
    signed = scene.tap(10_000, "pin", pin="9999") | {"at": "2026-11-22T10:15:00Z"}
    clock.advance(2 * DAY)
    assert scene.decide(signed)["remaining_attempts"] is None
    clock.advance(-DAY)
    assert scene.decide(signed | {"network_reference": "again"})["reason"] == "security_violation"


def test_a_right_pin_of_another_day_gives_no_tries_back(scene: Scene) -> None:
    clock = scene.world.clock
    clock.advance(-2 * DAY)
    signed = scene.tap(10_000, "pin") | {"at": "2026-11-22T10:15:00Z"}
    clock.advance(2 * DAY)
    assert scene.pay(10_000, "pin", pin="9999")["remaining_attempts"] == 2
    assert scene.decide(signed)["reason"] == "security_violation"
    assert scene.pay(10_000, "pin", pin="9999")["remaining_attempts"] == 1


@pytest.mark.parametrize("mode", ["ecommerce", "moto", "keyed", "chip", "magstripe", "credential_on_file"])
def test_a_token_pays_nowhere_but_at_a_terminal(scene: Scene, mode: str) -> None:
    answer = scene.decide(scene.tap(10_000, "pin", entry_mode=mode, at=FILMFLODEN))
    assert (answer["reason"], answer["response_code"]) == ("not_permitted", "57")


def test_a_token_pays_in_its_own_half_of_a_co_badged_card(scene: Scene) -> None:
    assert scene.pay(10_000, "pin", scheme="visa")["reason"] == "not_permitted"


def test_a_token_pays_by_the_contactless_chip_of_the_terminal_too(scene: Scene) -> None:
    scene.approved(10_000, entry_mode="contactless")


def test_the_sixth_payment_without_pin_asks_for_it_and_a_pin_starts_the_count_again(scene: Scene) -> None:
    assert [scene.pay(1_000)["reason"] for _ in range(6)] == ["approved"] * 5 + ["pin_required"]
    scene.approved(1_000)
    scene.anna.fetch_keys()
    assert [scene.pay(1_000)["reason"] for _ in range(6)] == ["approved"] * 5 + ["pin_required"]


def test_declined_payments_verifications_and_fares_do_not_count(scene: Scene) -> None:
    for _ in range(4):
        scene.approved(1_000, "none")
    assert scene.pay(99_999, "none")["reason"] == "pin_required"
    assert scene.pay(0, kind="verification")["approved"]
    fare: dict[str, Any] = {"at": TRAM, "terminal": {"id": "T9", "unattended": True}}
    assert scene.pay(99_999, **fare)["approved"]
    assert scene.pay(1_000)["approved"]
    assert scene.pay(1_000)["reason"] == "pin_required"
    assert scene.pay(1_000, **fare)["approved"]


def test_the_bank_may_count_amounts_instead(scene: Scene) -> None:
    figures = {"pin_above": 35_000, "counter": "amount", "payments_without_pin": 5, "amount_without_pin": 70_000}
    now = scene.world.clock.now().isoformat()
    scene.bank("PUT", "/policies/contactless", {"figures": figures, "effective_at": now})
    assert [scene.pay(amount)["reason"] for amount in (35_000, 35_000, 1)] == ["approved", "approved", "pin_required"]


def test_cash_wants_a_pin_whatever_it_is_called(scene: Scene) -> None:
    assert scene.pay(10_000, kind="cash")["reason"] == "pin_required"
    assert scene.pay(10_000, at=ATM)["reason"] == "pin_required"
    scene.approved(10_000, kind="cash")


def test_a_verification_moves_nothing(scene: Scene) -> None:
    before = scene.account()
    answer = scene.pay(0, kind="verification")
    assert answer["approved"]
    assert scene.account() == before


def test_a_suspended_wallet_stops_its_tokens(scene: Scene) -> None:
    requestor = scene.town.anna.request("GET", f"/v1/tokens/{scene.anna.id}").json()["requestor"]["id"]
    scene.bank("PATCH", f"/requestors/{requestor}", {"status": "suspended"})
    assert scene.pay(10_000)["reason"] == "token_suspended"


def test_a_deactivated_token_says_so(scene: Scene) -> None:
    scene.bank("DELETE", f"/tokens/{scene.anna.id}")
    answer = scene.pay(10_000)
    assert (answer["reason"], answer["response_code"]) == ("token_inactive", "62")


def test_a_token_expires_with_its_card(scene: Scene) -> None:
    year, month = map(int, scene.card["expiry"].split("-"))
    clock = scene.world.clock
    clock.set(clock.now().replace(year=year, month=month, day=1) + 35 * DAY)
    answer = scene.pay(10_000)
    assert (answer["reason"], answer["response_code"]) == ("expired", "54")


def test_a_paused_right_stops_the_child_card_alone(scene: Scene) -> None:
    path = f"/v1/drawing-rights/{scene.town.right_id}"
    assert scene.town.anna.request("POST", f"{path}/pause").status_code == 200
    answer = scene.pay(10_000, token=scene.emil)
    assert (answer["reason"], answer["response_code"]) == ("drawing_right_inactive", "62")
    assert scene.pay(10_000)["approved"]


def test_an_erased_card_is_declined_and_fails_nobody(scene: Scene) -> None:
    scene.erase_anna()
    assert scene.pay(10_000, "pin")["reason"] == "unknown_number"
    assert scene.pay(10_000, "pin")["response_code"] == "14"


def test_keys_that_cannot_be_checked_any_more_are_our_fault_and_use_nothing_up(scene: Scene) -> None:
    request = scene.tap(10_000)
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(KeyBatch).values(key_version=99))
    answer = scene.decide(request)
    assert (answer["reason"], answer["response_code"]) == ("system_error", "96")
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(KeyBatch).values(key_version=1))
    assert scene.decide(request | {"network_reference": "again"})["approved"]


def test_a_pin_that_cannot_be_checked_any_more_is_our_fault_and_costs_no_try(scene: Scene) -> None:
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(Token).values(pin_key_sealed=b"tampered with"))
    for _ in range(3):
        answer = scene.pay(10_000, "pin")
        assert (answer["reason"], answer["remaining_attempts"]) == ("system_error", None)
    assert scene.pay(10_000)["approved"]
    assert scene.pay(10_000, "biometric")["approved"]
