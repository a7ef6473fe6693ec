"""How many codes a person gets, whatever a wallet tries; and whose figures they are."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.test_resources_verification import ask, call, problem, provision, sent, wrong
from tests.world import Phone, World

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def set_figures(world: World, **changes: int) -> None:
    bank = world.machine("issuer")
    policies = bank.request("GET", "/v1/issuer/policies").json()["data"]
    [figures] = [each["figures"] for each in policies if each["name"] == "tokens"]
    answer = bank.request("PUT", "/v1/issuer/policies/tokens", {"figures": figures | changes})
    assert answer.status_code == 200, answer.text


def unverified(world: World, phone: Phone) -> dict[str, Any]:
    made: dict[str, Any] = provision(world, phone).json()
    assert made["status"] == "unverified"
    return made


def test_a_new_token_on_the_same_phone_is_no_way_to_more_codes(world: World) -> None:
    phone = world.phone()
    for _ in range(2):
        token = unverified(world, phone)
        assert [ask(phone, token).status_code for _ in range(3)] == [200] * 3
    refused = ask(phone, unverified(world, phone))
    assert problem(refused) == (429, "too-many-codes")
    assert int(refused.headers["Retry-After"]) == DAY.total_seconds()
    assert len(sent(world)) == 6


def test_codes_are_counted_over_all_phones_and_cards_of_a_person_and_for_nobody_else(world: World) -> None:
    set_figures(world, codes_per_day=1)
    first, second = world.phone(), world.phone()
    assert ask(first, unverified(world, first)).status_code == 200
    assert problem(ask(second, unverified(world, second))) == (429, "too-many-codes")
    bo, who = world.phone("bo"), world.person("bo")
    assert ask(bo, provision(world, bo, card_id=who["card_id"], cvc=who["card"]["cvc"]).json()).status_code == 200


def test_a_day_after_the_first_code_there_is_another(world: World) -> None:
    set_figures(world, codes_per_day=2, codes_per_token=9)
    phone = world.phone()
    token = unverified(world, phone)
    ask(phone, token)
    world.clock.advance(HOUR)
    ask(phone, token)
    refused = ask(phone, token)
    assert (problem(refused)[0], int(refused.headers["Retry-After"])) == (429, 23 * 3600)
    world.clock.advance(23 * HOUR)
    assert ask(phone, token).status_code == 200
    assert problem(ask(phone, token)) == (429, "too-many-codes")


def test_a_code_that_was_not_sent_costs_the_token_none_and_kills_none(world: World) -> None:
    set_figures(world, codes_per_day=1, codes_per_token=2)
    phone = world.phone()
    token = unverified(world, phone)
    ask(phone, token)
    assert problem(ask(phone, token)) == (429, "too-many-codes")
    assert call(phone, token, "verification/confirm", code=sent(world)[-1]).json()["status"] == "inactive"


def test_a_refusal_for_too_many_may_come_again_with_the_same_idempotency_key(world: World) -> None:
    set_figures(world, codes_per_day=1, codes_per_token=9)
    phone = world.phone()
    token = unverified(world, phone)
    ask(phone, token)
    path, body, key = f"/v1/tokens/{token['id']}/verification", {"method": "sms_code"}, {"Idempotency-Key": "once"}
    assert phone.request("POST", path, body, headers=key).status_code == 429
    world.clock.advance(DAY)
    assert phone.request("POST", path, body, headers=key).status_code == 200


def test_the_bank_sets_how_long_a_code_is_good_and_how_often_it_may_be_tried(world: World) -> None:
    set_figures(world, code_minutes=1, code_tries=1)
    phone = world.phone()
    token = unverified(world, phone)
    ask(phone, token)
    assert call(phone, token, "verification/confirm", code=wrong(sent(world)[-1])).json()["remaining_attempts"] == 0
    assert problem(call(phone, token, "verification/confirm", code=sent(world)[-1])) == (409, "no-code")
    ask(phone, token)
    world.clock.advance(MINUTE)
    assert problem(call(phone, token, "verification/confirm", code=sent(world)[-1])) == (409, "no-code")


def test_the_bank_sets_how_long_a_new_number_gets_none(world: World) -> None:
    path = f"/v1/issuer/cardholders/{world.person('anna')['cardholder_id']}"
    world.machine("issuer").request("PATCH", path, {"mobile": "+4500000099"})
    phone = world.phone()
    assert problem(provision(world, phone)) == (409, "verification-unavailable")
    set_figures(world, mobile_settled_days=0)
    assert unverified(world, phone)["verification_methods"] == ["sms_code"]


@pytest.mark.parametrize("figure", ["codes_per_token", "codes_per_day"])
def test_a_bank_that_sends_no_codes_offers_none(world: World, figure: str) -> None:
    set_figures(world, **{figure: 0})
    refused = provision(world, world.phone())
    assert problem(refused) == (409, "verification-unavailable")
    assert refused.json()["decision_reason"] == "cvc_only"


def change_mobile(world: World, mobile: str | None) -> None:
    path = f"/v1/issuer/cardholders/{world.person('anna')['cardholder_id']}"
    assert world.machine("issuer").request("PATCH", path, {"mobile": mobile}).status_code == 200


def report(phone: Phone, token: dict[str, Any], reason: str) -> None:
    """Anna says what became of the phone that a token is on."""
    assert call(phone, token, "suspend", reason=reason).status_code == 200


@pytest.mark.parametrize("reason", ["device_lost", "device_stolen"])
def test_no_code_goes_to_a_phone_that_is_missing(world: World, reason: str) -> None:
    thiefs, other = world.phone(), world.phone()
    active = thiefs.active(world.person("anna")["card"])
    waiting = unverified(world, other)
    report(other, active, reason)
    thiefs = world.phone("anna", thiefs.key)
    again = provision(world, thiefs)
    assert problem(again) == problem(ask(other, waiting)) == (409, "verification-unavailable")
    assert other.request("GET", f"/v1/tokens/{waiting['id']}").json()["verification_methods"] == []
    assert world.phone("bo").provision(world.person("bo")["card"]).json()["decision"] == "approved"


def test_a_code_that_was_sent_before_the_phone_was_missed_confirms_nothing(world: World) -> None:
    thiefs, other = world.phone(), world.phone()
    active = thiefs.active(world.person("anna")["card"])
    waiting = unverified(world, other)
    ask(other, waiting)
    report(other, active, "device_stolen")
    confirmed = call(other, waiting, "verification/confirm", code=sent(world)[-1])
    assert problem(confirmed) == (409, "verification-unavailable")


def test_who_ends_the_card_on_the_missing_phone_gets_no_code_either(world: World) -> None:
    thiefs, other = world.phone(), world.phone()
    active = thiefs.active(world.person("anna")["card"])
    report(other, active, "device_lost")
    thiefs = world.phone("anna", thiefs.key)
    assert thiefs.request("DELETE", f"/v1/tokens/{active['id']}").status_code == 200
    assert problem(provision(world, thiefs)) == (409, "verification-unavailable")


def test_codes_go_out_again_once_the_phone_is_found_or_the_number_is_another(world: World) -> None:
    lost, other = world.phone(), world.phone()
    active = lost.active(world.person("anna")["card"])
    report(other, active, "device_lost")
    assert problem(provision(world, other)) == (409, "verification-unavailable")
    assert other.step_up("resume").request("POST", f"/v1/tokens/{active['id']}/resume").status_code == 200
    assert ask(other, unverified(world, other)).status_code == 200
    report(other, active, "device_stolen")
    assert problem(provision(world, other)) == (409, "verification-unavailable")
    world.clock.advance(HOUR)
    change_mobile(world, "+4500000099")
    world.clock.advance(7 * DAY)
    assert ask(other, unverified(world, other)).status_code == 200


def test_what_a_child_lost_or_the_bank_looks_into_is_no_reason_to_send_no_codes(world: World) -> None:
    phone = world.phone()
    child = world.child(world.grant(phone)["id"])
    childs = child.active(right_id=child.subject)
    assert call(child, childs, "suspend", reason="device_lost").status_code == 200
    mine = phone.active(world.person("anna")["card"])
    path = f"/v1/issuer/tokens/{mine['id']}/suspend"
    assert world.machine("issuer").request("POST", path, {"reason": "fraud"}).status_code == 200
    assert unverified(world, phone)["verification_methods"] == ["sms_code"]


@pytest.mark.parametrize("settled_days", [0, 7])
def test_a_code_is_good_for_nothing_once_the_number_has_changed(world: World, settled_days: int) -> None:
    set_figures(world, mobile_settled_days=settled_days)
    phone = world.phone()
    token = unverified(world, phone)
    ask(phone, token)
    change_mobile(world, "+4500000099")
    change_mobile(world, "+4500000001")
    answer = call(phone, token, "verification/confirm", code=sent(world)[-1])
    expected = {0: (422, "wrong-code"), 7: (409, "verification-unavailable")}
    assert problem(answer) == expected[settled_days]
    world.clock.advance(settled_days * DAY)
    ask(phone, token)
    assert call(phone, token, "verification/confirm", code=sent(world)[-1]).json()["status"] == "inactive"
