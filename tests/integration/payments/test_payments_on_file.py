"""A card on file: by the cardholder's consent, for that merchant."""

from typing import Any

import pytest

from tests.integration.payments.scene import Scene
from tests.world import NETTO

AT_NETTO: dict[str, Any] = {"at": NETTO}


def state(scene: Scene, credential_id: str) -> str:
    answer = scene.world.machine("merchant").request("GET", f"/v1/merchant/credentials/{credential_id}")
    return str(answer.json()["status"])


def test_a_card_on_file_pays_nothing_before_its_cardholder_said_yes(scene: Scene) -> None:
    answer = scene.decide(scene.on_file(scene.register(), 9_900))
    assert (answer["reason"], answer["response_code"]) == ("credential_pending", "R1")


def test_a_first_payment_that_the_cardholder_authenticates_is_the_yes(scene: Scene) -> None:
    credential_id = scene.register()
    assert scene.decide(scene.on_file(credential_id, 9_900, "cardholder", authentication="3ds"))["approved"]
    assert state(scene, credential_id) == "active"
    assert scene.decide(scene.on_file(credential_id, 9_900))["approved"]


def test_a_verification_that_the_cardholder_authenticates_is_the_yes_too(scene: Scene) -> None:
    credential_id = scene.register()
    request = scene.on_file(credential_id, 0, "cardholder", authentication="3ds", kind="verification")
    assert scene.decide(request)["approved"]
    assert state(scene, credential_id) == "active"


def test_a_first_payment_that_is_declined_is_no_yes(scene: Scene) -> None:
    credential_id = scene.register()
    request = scene.on_file(credential_id, 99_999_999, "cardholder", authentication="3ds")
    assert scene.decide(request)["reason"] == "insufficient_funds"
    assert state(scene, credential_id) == "pending"


@pytest.mark.parametrize(
    ("by", "authentication"), [("cardholder", "exempt"), ("cardholder", "none"), ("merchant", "3ds")]
)
def test_no_merchant_can_say_yes_alone(scene: Scene, by: str, authentication: str) -> None:
    credential_id = scene.register()
    answer = scene.decide(scene.on_file(credential_id, 9_900, by, authentication=authentication))
    assert answer["reason"] == "credential_pending"
    assert state(scene, credential_id) == "pending"


@pytest.mark.parametrize(
    ("by", "authentication", "reason"),
    [
        ("merchant", "none", "approved"),
        ("cardholder", "none", "customer_authentication_required"),
        ("cardholder", "3ds", "approved"),
        ("cardholder", "exempt", "approved"),
    ],
)
def test_whoever_uses_it_from_a_sofa_is_authenticated(scene: Scene, by: str, authentication: str, reason: str) -> None:
    answer = scene.decide(scene.on_file(scene.confirmed(), 9_900, by, authentication=authentication))
    assert answer["reason"] == reason


def test_a_withdrawn_card_on_file_pays_nothing(scene: Scene) -> None:
    credential_id = scene.confirmed()
    assert scene.town.anna.request("DELETE", f"/v1/credentials/{credential_id}").status_code == 200
    answer = scene.decide(scene.on_file(credential_id, 9_900))
    assert (answer["reason"], answer["response_code"]) == ("credential_withdrawn", "R1")


def test_another_merchant_is_refused_and_learns_nothing_of_how_the_card_stands(scene: Scene) -> None:
    credential_id = scene.confirmed()
    before = scene.decide(scene.on_file(credential_id, 9_900, **AT_NETTO))
    assert (before["reason"], before["response_code"]) == ("not_permitted", "57")
    scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    assert scene.decide(scene.on_file(credential_id, 9_900, **AT_NETTO))["reason"] == "not_permitted"


def test_a_credential_that_nobody_has_is_an_unknown_number(scene: Scene) -> None:
    answer = scene.decide(scene.on_file("cred_01jzzzzzzzfz7a9yqzzzzzzzzz", 9_900))
    assert answer["reason"] == "unknown_number"


def test_a_blocked_cards_credential_pays_nothing_and_does_not_say_why(scene: Scene) -> None:
    credential_id = scene.confirmed()
    scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    answer = scene.decide(scene.on_file(credential_id, 9_900))
    assert (answer["reason"], answer["response_code"]) == ("card_blocked", "62")
    assert answer["limit"] is None


def test_a_card_on_file_pays_on_when_the_card_gets_a_new_number(scene: Scene) -> None:
    credential_id = scene.confirmed()
    scene.bank("POST", scene.of_anna("/replace"), {"reason": "lost"})
    assert scene.decide(scene.on_file(credential_id, 9_900))["approved"]
    assert scene.decide(scene.plastic(9_900))["reason"] == "card_lost"


def test_a_suspended_merchant_is_paid_nothing(scene: Scene) -> None:
    credential_id = scene.confirmed()
    scene.suspend_merchant()
    assert scene.decide(scene.on_file(credential_id, 9_900))["reason"] == "credential_withdrawn"


def test_a_card_on_file_is_used_on_file_only(scene: Scene) -> None:
    credential_id = scene.confirmed()
    answer = scene.decide(scene.on_file(credential_id, 9_900, entry_mode="ecommerce", authentication="3ds"))
    assert answer["reason"] == "not_permitted"
