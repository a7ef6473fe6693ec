"""A CVC is not to be tried out: by number and expiry alone, at whatever shop, whatever else is wrong."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.payments.scene import Answer, Scene

WEB: dict[str, Any] = {"entry_mode": "ecommerce", "cvm": "none", "authentication": "3ds"}
LIMIT = {"name": "wrong_cvcs_per_day", "limit": 5, "spent": 5, "of": "policy"}


def request(scene: Scene, digits: int = 0, amount: int = 20_000, **how: Any) -> Answer:
    """Anna's number with her CVC, or one that is so many further; not yet sent."""
    cvc = f"{(int(scene.card['cvc']) + digits) % 1_000:03d}"
    return scene.plastic(amount, **WEB | {"cvc": cvc} | how)


def guess(scene: Scene, digits: int = 0, **how: Any) -> Answer:
    """The same, sent and decided."""
    return scene.decide(request(scene, digits, **how))


def test_after_five_wrong_cvcs_the_right_one_is_declined_until_tomorrow_and_the_rest_goes_on(scene: Scene) -> None:
    wrong = [guess(scene, digits) for digits in range(1, 6)]
    assert {(each["reason"], each["limit"] and each["limit"]["name"]) for each in wrong} == {("wrong_cvc", None)}
    for digits in (0, 6, 0):
        answer = guess(scene, digits)
        assert (answer["reason"], answer["response_code"], answer["limit"]) == ("count_limit", "65", LIMIT)
    assert guess(scene, cvc=None)["approved"]
    assert scene.decide(scene.plastic(20_000))["approved"]
    assert scene.decide(scene.plastic(20_000, "contactless", "none"))["approved"]
    assert scene.pay(20_000)["approved"]
    scene.world.clock.advance(timedelta(days=1))
    assert guess(scene)["approved"]


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [
        ({"entry_mode": "wallet"}, "not_permitted"),
        ({"kind": "verification", "amount": 0}, "wrong_cvc"),
        ({"currency": "KWD"}, "wrong_cvc"),
    ],
)
def test_a_wrong_cvc_counts_whatever_else_is_wrong(scene: Scene, elsewhere: dict[str, Any], reason: str) -> None:
    answers = [guess(scene, digits, **elsewhere) for digits in range(1, 6)]
    assert {each["reason"] for each in answers} == {reason}
    assert guess(scene)["reason"] == "count_limit"


def test_a_wrong_cvc_counts_behind_a_block_and_beside_a_reversal_that_came_first(scene: Scene) -> None:
    scene.reverse_lost("early")
    assert guess(scene, 1, network_reference="early")["reason"] == "reversed"
    scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    for digits in range(2, 6):
        assert guess(scene, digits)["reason"] == "card_lost"
    scene.bank("POST", scene.of_anna("/unblock"))
    assert guess(scene)["reason"] == "count_limit"


def test_a_guess_that_is_sent_again_is_one_guess(scene: Scene) -> None:
    sent = request(scene, 1)
    assert {scene.decide(sent)["reason"] for _ in range(6)} == {"wrong_cvc"}
    assert guess(scene)["approved"]


def test_a_new_plastic_has_tries_of_its_own(scene: Scene) -> None:
    for digits in range(1, 6):
        guess(scene, digits)
    made = scene.bank("POST", scene.of_anna("/replace"), {"reason": "lost"})
    scene.bank("POST", scene.of_anna("/activate-plastic"))
    card = {"number": made["number"], "expiry": made["expiry"], "cvc": made["cvc"]}
    assert scene.decide(scene.plastic(20_000, **WEB) | {"card": card})["approved"]
