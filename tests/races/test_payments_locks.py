"""Accounts and cards that are locked in both orders, by whatever moves money and by the bank: nobody deadlocks."""

import os
from collections.abc import Callable
from functools import partial
from threading import Barrier
from typing import Final

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests.integration.payments.lists import decided, value
from tests.integration.payments.scene import Answer, Scene
from tests.races.groups import engine_of
from tests.races.test_payments_limits import Purse
from tests.races.tills import Tills, at_once

TIMES: Final = max(8, int(os.environ.get("ROUNDS", "200")) // 25)  # that each does what he does
AMOUNT: Final = 100
_DEADLOCKS: Final = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def deadlocks(engine: Engine) -> int:
    """How many PostgreSQL has counted in the database: each of its processes says so at its end, at the latest."""
    engine.dispose()
    with engine.connect() as connection:
        return int(connection.scalar(_DEADLOCKS) or 0)


def four_cards(scene: Scene) -> list[dict[str, str]]:
    """Two of Anna's on one account, two of Bo's on another; of each account one."""
    who = scene.world.person("bo")
    owner = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"]}
    bos = scene.bank("POST", "/cards", owner | {"scheme": "visa_dankort"})
    cards = [scene.card, who["card"], Purse(scene).second, bos]
    return [{name: card[name] for name in ("number", "expiry", "cvc")} for card in cards]


def by(scene: Scene, card: dict[str, str]) -> Answer:
    return scene.plastic(AMOUNT) | {"card": card}


def test_nobody_who_pays_captures_reverses_or_blocks_waits_for_ever(scene: Scene) -> None:
    tills, cards, beside = Tills(scene), four_cards(scene), engine_of(scene)
    orders = [cards, cards[::-1], cards[2:] + cards[:2], [cards[1], cards[3], cards[0], cards[2]]]

    def pay(order: list[dict[str, str]]) -> list[Answer]:
        return [answer for _ in range(TIMES) for answer in tills.pay(*(by(scene, card) for card in order))]

    def move_on(card: dict[str, str], what: str, **more: object) -> list[Answer]:
        return [_moved(scene, scene.decide(by(scene, card)), what, **more) for _ in range(TIMES)]

    def block(_: object) -> list[Answer]:
        return [scene.bank("POST", scene.of_anna(path), body) for _ in range(TIMES) for path, body in BLOCK]

    acts: list[Callable[[], list[Answer]]] = [partial(pay, order) for order in orders * 2]
    acts += [partial(move_on, card, "reversals") for card in cards]
    acts += [partial(move_on, card, "captures", final=False) for card in cards[:3]]
    answers = at_once([*acts, partial(block, None)])
    assert {answer["reason"] for each in answers[:8] for answer in each} <= {"approved", "card_blocked"}
    assert deadlocks(beside) == 0


BLOCK: Final = (("/block", {"reason": "misused"}), ("/unblock", None))


def _moved(scene: Scene, payment: Answer, what: str, **more: object) -> Answer:
    """Capture or give back a part of a payment, if there was one."""
    if not payment["approved"]:
        return payment
    answer: httpx.Response = scene.do(what, payment["id"], AMOUNT // 2, **more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_control_cards_that_are_locked_in_the_order_of_a_list_deadlock(scene: Scene) -> None:
    """Two lists in opposite orders, each decided piece by piece in one transaction: nobody sorts their locks."""
    parts, cards, beside = scene.world.parts, four_cards(scene)[:2], engine_of(scene)
    first_is_locked = Barrier(2)

    def piece_by_piece(order: list[dict[str, str]]) -> list[Answer]:
        with parts.database.transaction("network:test") as session:
            for number, card in enumerate(order):
                asked = value(by(scene, card), scene.network.client_id)
                decided(session, parts.vault, [asked], parts.clock.now())
                if number == 0:
                    first_is_locked.wait(20)
        return []

    with pytest.raises(OperationalError) as raised:
        at_once([partial(piece_by_piece, cards), partial(piece_by_piece, cards[::-1])])
    assert isinstance(raised.value.orig, psycopg.errors.DeadlockDetected)
    assert deadlocks(beside) == 1
