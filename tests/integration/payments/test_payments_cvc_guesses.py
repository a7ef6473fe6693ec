"""A CVC is not to be tried out: by number and expiry alone, at whatever shop, whatever else is wrong."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.payments.scene import Answer, Scene, refused

WEB: dict[str, Any] = {"entry_mode": "ecommerce", "cvm": "none", "authentication": "3ds"}
LIMIT = {"name": "wrong_cvcs_per_day", "limit": 5, "spent": 5, "of": "policy"}


def cvc(scene: Scene, digits: int) -> str:
    """Anna's CVC, or one that is so many further."""
    return f"{(int(scene.card['cvc']) + digits) % 1_000:03d}"


def request(scene: Scene, digits: int = 0, amount: int = 20_000, **how: Any) -> Answer:
    """Anna's number with her CVC, or one that is so many further; not yet sent."""
    return scene.plastic(amount, **WEB | {"cvc": cvc(scene, digits)} | how)


def guess(scene: Scene, digits: int = 0, **how: Any) -> Answer:
    """The same, sent and decided."""
    return scene.decide(request(scene, digits, **how))


def keep(scene: Scene, digits: int | None = 0, **how: Any) -> httpx.Response:
    """A shop keeps Anna's card on file, with such a CVC, or with none."""
    card = scene.card | {"cvc": None if digits is None else cvc(scene, digits)} | how
    body = {"card": card, "agreement": "card_on_file", "reference": "customer-42"}
    return scene.world.machine("merchant").request("POST", "/v1/merchant/credentials", body)


def said(answer: httpx.Response) -> Answer:
    """What it says, without the one word that differs from answer to answer."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


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


@pytest.mark.parametrize("at_the_shop", [5, 0, 2])
def test_what_is_guessed_at_a_shop_and_in_payments_is_one_count_that_shuts_both(scene: Scene, at_the_shop: int) -> None:
    wrong = [keep(scene, digits) for digits in range(1, at_the_shop + 1)]
    assert {refused(answer) for answer in wrong} <= {(422, "card-not-verified")}
    assert {guess(scene, digits)["reason"] for digits in range(at_the_shop + 1, 6)} <= {"wrong_cvc"}
    shut = [keep(scene, digits) for digits in (0, 6, 0, 7)]
    assert {refused(answer) for answer in shut} == {(422, "card-not-verified")}
    assert all(said(answer) == said(shut[0]) for answer in (*shut, *wrong))
    assert (guess(scene)["reason"], guess(scene)["limit"]) == ("count_limit", LIMIT)
    assert keep(scene, None).status_code == 201
    scene.world.clock.advance(timedelta(days=1))
    assert keep(scene).status_code == 201


def test_at_a_shop_a_cvc_is_compared_only_where_all_else_fits(scene: Scene) -> None:
    """Its answer is no whatever the CVC: nothing is to be learned, so nothing counts."""
    for digits in range(1, 6):
        assert keep(scene, digits, expiry="2028-01").status_code == 422
    scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    for digits in range(1, 6):
        assert keep(scene, digits).status_code == 422
    scene.bank("POST", scene.of_anna("/unblock"))
    assert guess(scene)["approved"]


@pytest.mark.parametrize("at_the_shop", [5, 0])
def test_the_cardholder_is_told_once_a_day_that_somebody_guesses(scene: Scene, at_the_shop: int) -> None:
    for digits in range(1, at_the_shop + 1):
        keep(scene, digits)
    for digits in range(at_the_shop + 1, 8):
        guess(scene, digits)
    scene.world.tell()
    messages = scene.world.phone().request("GET", "/v1/inbox").json()["data"]
    [told] = [each["text"] for each in messages if each["kind"] == "card.cvc_guessed"]
    assert f"{scene.card['number'][-4:]}, med forkerte kontrolcifre 5 gange" in told
