"""What no race may bring about (test_payments_races.py), where those who race are decided in groups."""

import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Final

import pytest

from tests.integration.payments.scene import Answer, Scene
from tests.races.groups import engine_of, together
from tests.races.test_payments_races import approved_after_the_block
from tests.races.tills import Tills, at_once, reasons
from tokenization.cryptogram import AtcWindow

TILLS: Final = 8
AMOUNT: Final = 100


def bos(scene: Scene) -> Answer:
    card = scene.world.person("bo")["card"]
    return scene.plastic(AMOUNT) | {"card": {name: card[name] for name in ("number", "expiry", "cvc")}}


def test_one_reference_in_many_groups_at_once_is_one_payment_and_one_answer(scene: Scene) -> None:
    tills = Tills(scene)
    for request in (scene.tap(AMOUNT, "pin"), scene.plastic(AMOUNT)):
        groups = [[bos(scene), request, scene.plastic(AMOUNT), request][:: 1 if odd else -1] for odd in (0, 1) * 4]
        before = scene.account()["holds"]
        answers = at_once(partial(tills.pay, *group) for group in groups)
        found = [given for group, each in zip(groups, answers, strict=True) for given in of(request, group, each)]
        assert len(found) == 2 * TILLS
        assert all(given == found[0] for given in found)
        assert scene.account()["holds"] - before == (TILLS + 1) * AMOUNT


def of(request: Answer, group: list[Answer], answers: list[Answer]) -> list[Answer]:
    """What was answered to that one."""
    return [answer for asked, answer in zip(group, answers, strict=True) if asked is request]


def test_one_reference_in_a_group_over_http_is_answered_with_the_same_bytes(scene: Scene) -> None:
    request = scene.tap(AMOUNT, "pin")
    answers = together(scene, engine_of(scene), [request, bos(scene), request, request])
    same = [answers[1], *answers[3:], scene.ask(request)]
    assert {(answer.status_code, answer.content) for answer in same} == {(200, same[0].content)}
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in same) == {None: 1, "true": 3}
    assert scene.account()["holds"] == 2 * AMOUNT


def copies(request: Answer, count: int) -> list[Answer]:
    """The same cryptogram, under references of their own."""
    return [request | {"network_reference": secrets.token_hex(8)} for _ in range(count)]


def pay_once_in_groups(scene: Scene) -> Counter[str]:
    tills, request = Tills(scene), scene.tap(AMOUNT, "pin")
    groups = [[bos(scene), *copies(request, 2), scene.plastic(AMOUNT)] for _ in range(TILLS)]
    return reasons(answer for each in at_once(partial(tills.pay, *group) for group in groups) for answer in each)


def test_one_cryptogram_in_many_groups_at_once_and_later_pays_once(scene: Scene) -> None:
    for _ in range(4):
        assert pay_once_in_groups(scene) == {"approved": 2 * TILLS + 1, "security_violation": 2 * TILLS - 1}


def test_control_a_window_that_forgets_lets_a_cryptogram_pay_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AtcWindow, "use", lambda _, atc: AtcWindow(atc, 0))
    assert pay_once_in_groups(scene) == {"approved": 4 * TILLS}


# A block, while groups are in flight.


def block_in_the_middle(scene: Scene) -> list[Answer]:
    """Tills pay in groups until Anna's card is refused; once they do, it is blocked. What they were told at last."""
    tills, paid = Tills(scene), Event()

    def pay() -> list[Answer]:
        for _ in range(100):
            answers = tills.pay(bos(scene), *(scene.plastic(AMOUNT) for _ in range(3)))
            paid.set()
            if not answers[-1]["approved"]:
                return answers[-1:]
        return []

    def block() -> list[Answer]:
        paid.wait(20)
        scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
        return tills.pay(scene.plastic(AMOUNT), scene.plastic(AMOUNT))

    acts: list[Callable[[], list[Answer]]] = [*([pay] * TILLS), block]
    return [answer for each in at_once(acts) for answer in each]


def test_no_group_approves_anything_after_a_block_was_acknowledged(scene: Scene) -> None:
    assert reasons(block_in_the_middle(scene)) == {"card_stolen": TILLS + 2}
    assert approved_after_the_block(scene) == []
