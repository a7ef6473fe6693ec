"""Holds that end while they are captured, and by several at once: each is captured or ends, once, and never both."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import httpx
import pytest
from sqlalchemy.orm import Session

from notifications.relay import Relay
from tests.books import assert_books_balance
from tests.integration.payments.scene import Scene, money
from tests.races.test_payments_races import at_once, card_id_of
from tokenization import cards, ids
from wallet import serving
from wallet.payments import accounts, books, expiry, operations
from wallet.payments.models import Payment
from wallet.payments.standing import expire

PAYMENTS, ROUNDS = 12, 3
WEEK = timedelta(days=7)


def go_round(scene: Scene) -> int:
    parts = scene.world.parts
    return expiry.run(lambda: parts.database.transaction("system"), parts.clock.now())


def held(scene: Scene) -> list[str]:
    """Payments whose holds are due."""
    payment_ids = [scene.decide(scene.plastic(1_000))["id"] for _ in range(PAYMENTS)]
    scene.world.clock.advance(WEEK)
    return payment_ids


def test_a_relay_ends_what_is_due_and_tells_it(unchecked: Scene) -> None:
    payment_id = unchecked.approved(10_000, token=unchecked.emil)
    unchecked.world.clock.advance(WEEK)
    with Relay(serving.surroundings(unchecked.world.parts)) as relay:
        relay.run_once()
    assert unchecked.look(payment_id)["status"] == "expired"
    inbox = unchecked.town.emil.request("GET", "/v1/inbox").json()["data"]
    assert inbox[0]["title"] == "Netto Vesterbro tog ikke 100,00 kr."


def test_several_who_end_holds_at_once_end_each_once(scene: Scene) -> None:
    held(scene)
    assert sum(at_once(lambda _: go_round(scene), range(4))) == PAYMENTS
    assert money(scene) == (0, 0)


def test_a_hold_that_is_captured_while_it_ends_is_one_or_the_other(scene: Scene) -> None:
    for _ in range(ROUNDS):
        payment_ids = held(scene)
        acts: list[Callable[[], int | httpx.Response]] = [partial(go_round, scene)] * 2
        acts[1:1] = [partial(scene.do, "captures", each, 1_000) for each in payment_ids]
        codes, ended = Counter[str](), 0
        for answer in at_once(lambda act: act(), acts):
            if isinstance(answer, httpx.Response):
                codes[answer.json().get("code", "captured")] += 1
            else:
                ended += answer
        assert codes == Counter({"captured": PAYMENTS - ended}) + Counter({"hold-expired": ended})
        shown = Counter(scene.look(each)["status"] for each in payment_ids)
        assert shown == Counter({"captured": PAYMENTS - ended}) + Counter({"expired": ended})


def end_what_was_read_before(session: Session, payment: Payment, now: datetime) -> None:
    """What a chore would do that doesn't look again under the lock."""
    cards.lock(session, payment.card_id)
    account, after = accounts.lock(session, payment.account_id), expire(books.standing(payment))
    operations.carry_out(session, payment, account, after, operations.Step(expiry.EXPIRY, final=True), now)


def test_control_who_does_not_look_again_under_the_lock_ends_what_was_captured(unchecked: Scene) -> None:
    payment_id, parts = held(unchecked)[0], unchecked.world.parts
    with parts.database.transaction("system") as session:
        payment = session.get_one(Payment, (card_id_of(unchecked), ids.parse("pay", payment_id)))
        assert unchecked.do("captures", payment_id, 1_000).status_code == 201
        end_what_was_read_before(session, payment, parts.clock.now())
    with parts.database.reading() as session, pytest.raises(AssertionError):
        assert_books_balance(session, unchecked.opened_with)
