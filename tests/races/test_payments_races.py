"""What no race may bring about, each with a control in which a rule is broken on purpose: so the race can be lost."""

import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.payments.lists import decide
from tests.integration.payments.scene import Answer, Scene
from tests.races.tills import before_the_lock
from tokenization import cardholders, cards, ids, tokens
from tokenization.cryptogram import AtcWindow
from tokenization.journal.models import JournalEntry
from tokenization.models import Card, Cardholder
from tokenization.provisioning import history, making
from tokenization.provisioning.decision import Facts
from wallet.payments.group import Group
from wallet.payments.references import Claim, Claims

AT_ONCE = 16
PHONES = 9
DAY = timedelta(days=1)
Asked = TypeVar("Asked")
Done = TypeVar("Done")


def at_once(act: Callable[[Asked], Done], each: Iterable[Asked]) -> list[Done]:
    """Do it with each, in a thread each, in the same moment."""
    wanted = list(each)
    start = Barrier(len(wanted))

    def one(asked: Asked) -> Done:
        start.wait()
        return act(asked)

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(one, wanted))


def reasons(answers: Iterable[httpx.Response]) -> Counter[str]:
    return Counter(answer.json()["reason"] for answer in answers)


def card_id_of(scene: Scene) -> UUID:
    return ids.parse("card", scene.world.person("anna")["card_id"])


# One drawing right whose limit fits exactly five of sixteen, over HTTP; more of this in test_drawing_right_races.py.


def sixteen_taps(scene: Scene) -> list[Answer]:
    while scene.emil.keys_left < AT_ONCE:
        scene.emil.fetch_keys()
    return [scene.tap(1_000, "pin", token=scene.emil) for _ in range(AT_ONCE)]


def test_a_limit_that_fits_five_of_sixteen_at_once_lets_exactly_five_pass(scene: Scene) -> None:
    scene.emils(per_day=5_000)
    for _ in range(3):
        found = reasons(at_once(scene.ask, sixteen_taps(scene)))
        assert found == {"approved": 5, "amount_limit": 11}
        scene.world.clock.advance(DAY)


# One reference, many times.


def test_one_reference_fifty_times_at_once_is_one_payment_and_one_answer(scene: Scene) -> None:
    request = scene.tap(10_000)
    answers = at_once(scene.ask, [request] * 50)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 49}
    assert scene.account()["holds"] == 10_000


def test_control_references_that_anybody_may_claim_make_many_payments(
    unchecked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Claims, "outcomes", lambda *_: [Claim.OURS])
    request = unchecked.plastic(10_000)
    at_once(unchecked.ask, [request] * 4)
    assert unchecked.account()["holds"] == 40_000


def test_a_capture_fifty_times_at_once_is_one_capture(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    answers = at_once(
        lambda once: scene.do("captures", payment_id, 10_000, final=False, network_reference=once), ["once"] * 50
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert scene.look(payment_id)["captured"] == 10_000


# One ATC, twice.


def test_one_cryptogram_many_times_at_once_pays_once(scene: Scene) -> None:
    for _ in range(8):
        request = scene.tap(1_000, "pin")
        copies = [request | {"network_reference": secrets.token_hex(8)} for _ in range(8)]
        assert reasons(at_once(scene.ask, copies)) == {"approved": 1, "security_violation": 7}


def test_control_a_window_that_forgets_lets_a_cryptogram_pay_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AtcWindow, "use", lambda _, atc: AtcWindow(atc, 0))
    request = scene.tap(1_000, "pin")
    copies = [request | {"network_reference": secrets.token_hex(8)} for _ in range(4)]
    assert reasons(at_once(scene.ask, copies))["approved"] > 1


# A block, while payments are in flight.


def pay_until_stopped(scene: Scene, paid: Event) -> Callable[[int], str]:
    def pay(_: int) -> str:
        for _ in range(100):
            reason = str(scene.decide(scene.plastic(100))["reason"])
            paid.set()
            if reason != "approved":
                return reason
        return "never"

    return pay


def block_in_the_middle(scene: Scene) -> list[str]:
    """Eight tills charge the card until they are refused; once they do, it is blocked. What they were told at last."""
    paid = Event()
    pay = pay_until_stopped(scene, paid)

    def act(number: int) -> str:
        if number:
            return pay(number)
        paid.wait(20)
        scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
        return str(scene.decide(scene.plastic(100))["reason"])

    return at_once(act, range(9))


def approved_after_the_block(scene: Scene) -> list[int]:
    """By the order of commit, which the journal has: its entries are numbered under the card's lock."""
    with scene.world.parts.database.reading() as session:
        of_card = select(JournalEntry.seq, JournalEntry.type).where(JournalEntry.card_id == card_id_of(scene))
        entries = session.execute(of_card.order_by(JournalEntry.seq)).all()
    blocked = next(seq for seq, type_ in entries if type_ == "card.blocked")
    assert any(type_ == "payment.approved" for seq, type_ in entries if seq < blocked)
    return [seq for seq, type_ in entries if type_ == "payment.approved" and seq > blocked]


def test_no_payment_is_approved_after_a_block_was_acknowledged(scene: Scene) -> None:
    assert block_in_the_middle(scene) == ["card_stolen"] * 9
    assert approved_after_the_block(scene) == []


def test_control_a_card_that_is_read_before_its_lock_pays_after_the_block(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(session: Session) -> str | None:
        return session.scalar(select(Card.state).where(Card.card_id == card_id_of(scene)))

    def put(group: Group, stale: str | None) -> None:
        group.cards[card_id_of(scene)].state = stale

    before_the_lock(monkeypatch, read, lambda: None, put)
    block_in_the_middle(scene)
    assert approved_after_the_block(scene)


# More phones than the bank allows (R-3.3c).


def provision_at_once(scene: Scene) -> Counter[int]:
    phones = [scene.world.phone() for _ in range(PHONES)]
    return Counter(answer.status_code for answer in at_once(lambda phone: phone.provision(scene.card), phones))


def live_tokens(scene: Scene) -> int:
    with scene.world.parts.database.reading() as session:
        return sum(token.right_id is None for token in tokens.live_tokens(session, card_id_of(scene)))


def test_no_more_phones_than_the_bank_allows_get_the_card_however_many_ask_at_once(scene: Scene) -> None:
    assert live_tokens(scene) == 1
    assert provision_at_once(scene) == {201: 4, 409: 5}
    assert live_tokens(scene) == 5


def test_control_tokens_that_are_counted_before_the_lock_become_too_many(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, gather, everybody_has_counted = cards.lock, history.gather, Barrier(PHONES)

    def late(session: Session, card_id: UUID) -> Card | None:
        if "stale" not in session.info:
            session.info["stale"] = sum(token.right_id is None for token in tokens.live_tokens(session, card_id))
            everybody_has_counted.wait(20)
        return lock(session, card_id)

    def stale(session: Session, *around: Any) -> Facts:
        return dataclasses.replace(gather(session, *around), active_tokens=session.info["stale"])

    def unlocked(session: Session, holder_id: UUID, *, lock: bool = False) -> Cardholder:
        return session.get_one(Cardholder, holder_id)

    monkeypatch.setattr(cards, "lock", late)
    monkeypatch.setattr(making, "gather", stale)
    monkeypatch.setattr(cardholders, "get", unlocked)
    assert provision_at_once(scene) == {201: PHONES}
    assert live_tokens(scene) == 1 + PHONES


# Captures, reversals, and lists that overlap.


def test_parts_that_are_captured_at_once_are_never_more_than_the_whole(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    answers = at_once(lambda _: scene.do("captures", payment_id, 10_000, final=False), range(AT_ONCE))
    assert Counter(answer.status_code for answer in answers) == {201: 5, 409: 11}
    assert scene.account()["holds"] == 0


@pytest.mark.parametrize("own", ["a-reversal", "z-reversal"])
def test_an_authorisation_and_its_reversal_at_once_hold_nothing(scene: Scene, own: str) -> None:
    for number in range(6):
        request = scene.plastic(10_000, network_reference=f"payment-{number}")
        reverse = partial(scene.reverse_lost, f"payment-{number}", network_reference=f"{own}-{number}")
        asked, reversed_ = at_once(lambda act: act(), (partial(scene.ask, request), reverse))
        came_first = reversed_.json()["id"] is None
        assert asked.json()["reason"] == ("reversed" if came_first else "approved")
        assert scene.account()["holds"] == 0


def test_lists_that_overlap_in_opposite_orders_never_deadlock(scene: Scene) -> None:
    bo = {name: scene.world.person("bo")["card"][name] for name in ("number", "expiry", "cvc")}

    def both(number: int) -> list[str]:
        requests = [scene.plastic(100), scene.plastic(100) | {"card": bo}]
        return decide(scene, *(requests if number % 2 else reversed(requests)))

    for _ in range(3):
        assert at_once(both, range(8)) == [["approved", "approved"]] * 8
