"""Reversing an authorisation whose answer was lost, before or after it came."""

import pytest

from tests.integration.payments.scene import Scene, money, refused


def test_a_lost_answer_is_reversed_by_the_reference_of_its_authorisation(scene: Scene) -> None:
    scene.approved(20_000, token=scene.emil, network_reference="lost")
    answer = scene.reverse_lost("lost")
    assert (answer.status_code, answer.json()["status"], answer.json()["amount"]) == (201, "reversed", 20_000)
    assert (money(scene), scene.used("per_day")) == ((0, 0), 0)


def test_a_lost_answer_may_be_reversed_in_part(scene: Scene) -> None:
    scene.approved(20_000, network_reference="lost")
    assert scene.reverse_lost("lost", amount=5_000).json()["status"] == "held"
    assert refused(scene.reverse_lost("lost", amount=15_001)) == (422, "amount-too-high")
    assert money(scene) == (0, 15_000)


@pytest.mark.parametrize("reference", ["aaa", "zzz"])
def test_a_reversal_that_comes_first_wins(scene: Scene, reference: str) -> None:
    first = scene.reverse_lost("mmm", network_reference=reference)
    assert first.status_code == 201
    expected = {"id": None, "status": "reversed", "amount": 0, "currency": None, "billed": None}
    asked = {"kind": "reversal", "network_reference": reference}
    assert first.json() == expected | asked | {"at": "2026-11-22T10:15:00Z"}
    answer = scene.pay(10_000, network_reference="mmm")
    assert (answer["approved"], answer["reason"], answer["response_code"]) == (False, "reversed", "12")
    assert scene.reverse_lost("mmm", network_reference=reference).content == first.content
    assert scene.look(answer["id"])["status"] == "declined"
    assert money(scene) == (0, 0)


def test_an_authorisation_that_was_reversed_before_it_came_is_answered_once_too(scene: Scene) -> None:
    scene.reverse_lost("early")
    request = scene.tap(10_000, network_reference="early")
    first = scene.ask(request)
    again = scene.ask(request)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert scene.ask(request | {"amount": 9_999}).json()["code"] == "network-reference-reused"


def test_an_unknown_number_that_was_reversed_before_it_came_is_reversed(scene: Scene) -> None:
    scene.reverse_lost("early")
    guessed = scene.plastic(10_000, network_reference="early")
    guessed["card"]["expiry"] = "2099-01"
    assert scene.decide(guessed)["reason"] == "reversed"


def test_a_cryptogram_is_used_up_though_its_reversal_came_first(scene: Scene) -> None:
    scene.reverse_lost("early")
    request = scene.tap(10_000, network_reference="early")
    assert scene.decide(request)["reason"] == "reversed"
    assert scene.decide(request | {"network_reference": "again"})["reason"] == "security_violation"


def test_two_reversals_of_what_has_not_come_are_one(scene: Scene) -> None:
    assert [scene.reverse_lost("early").json()["amount"] for _ in range(2)] == [0, 0]
    assert scene.pay(10_000, network_reference="early")["reason"] == "reversed"


def test_reversing_again_what_is_reversed_or_declined_is_fine_and_moves_nothing(scene: Scene) -> None:
    scene.approved(20_000, network_reference="lost")
    scene.reverse_lost("lost")
    again = scene.reverse_lost("lost")
    assert (again.status_code, again.json()["amount"], again.json()["status"]) == (201, 0, "reversed")
    declined = scene.pay(50_000, network_reference="no")
    answer = scene.reverse_lost("no").json()
    assert (answer["id"], answer["amount"], answer["status"], answer["currency"]) == (
        declined["id"],
        0,
        "declined",
        "DKK",
    )
    guessed = scene.plastic(10_000, network_reference="guessed")
    guessed["card"]["expiry"] = "2099-01"
    scene.decide(guessed)
    assert scene.reverse_lost("guessed").json()["status"] == "declined"


def test_a_captured_payment_whose_answer_was_lost_is_given_back_whole(scene: Scene) -> None:
    payment_id = scene.approved(20_000, network_reference="lost")
    scene.do("captures", payment_id, 15_000)
    assert scene.reverse_lost("lost").json()["amount"] == 15_000
    assert money(scene) == (0, 0)


def test_only_an_authorisation_can_be_reversed_by_its_reference(scene: Scene) -> None:
    payment_id = scene.approved(20_000)
    scene.do("captures", payment_id, 5_000, network_reference="capture", final=False)
    answer = scene.reverse_lost("capture")
    assert refused(answer) == (422, "not-an-authorization")
    assert answer.json()["errors"][0]["field"] == "original_network_reference"
    assert refused(scene.reverse_lost("itself", network_reference="itself")) == (422, "not-an-authorization")
    assert scene.pay(10_000, network_reference="itself")["approved"], "nothing of it was kept"


def test_another_clients_tombstone_is_its_own(scene: Scene) -> None:
    body = {"network_reference": "theirs", "original_network_reference": "mine"}
    scene.town.other_acquirer.request("POST", "/v1/network/reversals", body)
    assert scene.pay(10_000, network_reference="mine")["approved"]
    scene.town.other_acquirer.request("POST", "/v1/network/reversals", body | {"network_reference": "theirs-2"})
    assert money(scene) == (0, 10_000)
