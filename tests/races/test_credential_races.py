"""Cards on file under load: nothing pays after a withdrawal, nobody is asked too often, and a no stays a no.

Each with a control in which a rule is broken on purpose.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Barrier, Event
from typing import Any
from uuid import UUID

import httpx
import pytest
from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.payments.scene import Scene
from tests.races.test_payments_races import AT_ONCE, at_once, card_id_of
from tests.races.tills import before_the_lock
from tokenization import cards, credentials, ids
from tokenization.journal.models import JournalEntry
from tokenization.models import Card, Credential
from wallet.payments.group import Group
from wallet.resources import owned

MOST = 5
ROUNDS = 6
TILLS = 8
SECONDS = 20


# A withdrawal, while payments are in flight.


def withdraw(scene: Scene, credential_id: str) -> httpx.Response:
    return scene.town.anna.request("DELETE", f"/v1/credentials/{credential_id}")


def pay_until_stopped(scene: Scene, credential_id: str, paid: Event) -> str:
    for _ in range(100):
        reason = str(scene.decide(scene.on_file(credential_id, 100))["reason"])
        paid.set()
        if reason != "approved":
            return reason
    return "never"


def withdraw_in_the_middle(scene: Scene) -> list[str]:
    """The shop charges at eight tills until it is refused; once it does, Anna withdraws. What they heard at last."""
    credential_id, paid = scene.confirmed(), Event()

    def act(number: int) -> str:
        if number:
            return pay_until_stopped(scene, credential_id, paid)
        paid.wait(SECONDS)
        assert withdraw(scene, credential_id).status_code == 200
        return str(scene.decide(scene.on_file(credential_id, 100))["reason"])

    return at_once(act, range(TILLS + 1))


def approved_after_the_withdrawal(scene: Scene) -> list[int]:
    """By the order of commit, which the journal has: its entries are numbered under the card's lock."""
    with scene.world.parts.database.reading() as session:
        of_card = select(JournalEntry.seq, JournalEntry.type).where(JournalEntry.card_id == card_id_of(scene))
        entries = session.execute(of_card.order_by(JournalEntry.seq)).all()
    withdrawn = next(seq for seq, type_ in entries if type_ == "credential.withdrawn")
    assert any(type_ == "payment.approved" for seq, type_ in entries if seq < withdrawn)
    return [seq for seq, type_ in entries if type_ == "payment.approved" and seq > withdrawn]


def test_no_payment_is_approved_after_a_withdrawal_was_acknowledged(scene: Scene) -> None:
    assert withdraw_in_the_middle(scene) == ["credential_withdrawn"] * (TILLS + 1)
    assert approved_after_the_withdrawal(scene) == []


def test_control_a_card_on_file_that_is_read_before_the_lock_pays_after_its_withdrawal(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(session: Session) -> str | None:
        return session.scalar(select(Credential.state).where(Credential.card_id == card_id_of(scene)))

    def put(group: Group, stale: str | None) -> None:
        for credential in group.credentials.values():
            credential.state = stale

    before_the_lock(monkeypatch, read, lambda: None, put)
    withdraw_in_the_middle(scene)
    assert approved_after_the_withdrawal(scene)


# A shop that asks, many times at once.


def ask(scene: Scene, reference: str) -> httpx.Response:
    card = {name: scene.card[name] for name in ("number", "expiry")}
    body = {"card": card, "agreement": "card_on_file", "reference": reference}
    return scene.world.machine("merchant").request("POST", "/v1/merchant/credentials", body)


def ask_at_once(scene: Scene, reference: Callable[[int], str]) -> tuple[Counter[int], int]:
    """How often each status was answered, and how many credentials there are then."""
    answers = at_once(lambda number: ask(scene, reference(number)), range(AT_ONCE))
    with scene.world.parts.database.reading() as session:
        made = session.scalars(select(Credential.credential_id).where(Credential.card_id == card_id_of(scene))).all()
    return Counter(answer.status_code for answer in answers), len(made)


def count_before_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody look at what waits first, and go by it once they hold the card's lock."""
    lock, everybody_has_looked = cards.lock, Barrier(AT_ONCE)

    def late(session: Session, card_id: UUID) -> Card | None:
        if "stale" not in session.info:
            of_card = select(Credential).where(Credential.card_id == card_id)
            session.info["stale"] = session.scalars(of_card).all()
            everybody_has_looked.wait(SECONDS)
        return lock(session, card_id)

    monkeypatch.setattr(cards, "lock", late)
    monkeypatch.setattr(credentials, "_unanswered", lambda session, *_: session.info["stale"])


def test_no_cardholder_is_asked_more_often_than_the_bank_allows_however_many_ask_at_once(scene: Scene) -> None:
    assert ask_at_once(scene, "customer-{}".format) == ({201: MOST, 409: AT_ONCE - MOST}, MOST)


def test_who_asks_for_the_same_many_times_at_once_asks_once(scene: Scene) -> None:
    assert ask_at_once(scene, lambda _: "customer-42") == ({201: AT_ONCE}, 1)


@pytest.mark.parametrize("reference", ["customer-{}", "customer-42"])
def test_control_questions_that_are_counted_before_the_lock_become_too_many(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    count_before_the_lock(monkeypatch)
    assert ask_at_once(scene, reference.format) == ({201: AT_ONCE}, AT_ONCE)


# A yes and a no at once.


def status(scene: Scene, credential_id: str) -> str:
    answer = scene.world.machine("merchant").request("GET", f"/v1/merchant/credentials/{credential_id}")
    return str(answer.json()["status"])


def confirm(scene: Scene, credential_id: str) -> httpx.Response:
    return scene.town.anna.request("POST", f"/v1/credentials/{credential_id}/confirm", {"automatic_update": True})


def test_a_no_stays_a_no_whatever_yes_comes_at_once(scene: Scene) -> None:
    for _ in range(ROUNDS - 1):
        credential_id = scene.register()
        acts = (partial(confirm, scene, credential_id), partial(withdraw, scene, credential_id))
        yes, no = at_once(lambda act: act(), acts)
        assert (yes.status_code, no.status_code) in {(200, 200), (409, 200)}
        assert status(scene, credential_id) == "withdrawn"


def test_control_a_yes_that_read_before_the_lock_undoes_a_no(unchecked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, has_read, was_withdrawn, real = unchecked, Event(), Event(), owned.credential

    def early(session: Session, who: Any, text: str, *, lock: bool = False) -> tuple[Card, Credential]:
        if request.method == "DELETE":
            return real(session, who, text, lock=lock)
        stale = session.get_one(Credential, (card_id_of(scene), ids.parse("cred", text)))
        has_read.set()
        was_withdrawn.wait(SECONDS)
        card = cards.lock(session, stale.card_id)
        assert card is not None
        return card, stale

    def say(no: bool) -> int:
        if not no:
            return confirm(scene, credential_id).status_code
        has_read.wait(SECONDS)
        answer = withdraw(scene, credential_id)
        was_withdrawn.set()
        return answer.status_code

    credential_id = scene.register()
    monkeypatch.setattr(owned, "credential", early)
    assert at_once(say, (False, True)) == [200, 200]
    assert status(scene, credential_id) == "active"
