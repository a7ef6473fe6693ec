"""One yes, many who would use it: what no race may bring about, with a control in which the rule is broken."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.orm import Session

from delegation import drawing_rights, requests
from delegation.judging import OneOff
from delegation.models import DrawingRequest
from tests.integration.payments.scene import Answer, Scene
from tests.races import tills
from tests.races.test_payments_races import AT_ONCE, at_once, card_id_of, reasons
from tests.races.tills import before_the_lock
from tokenization import cards, ids
from tokenization.models import Card
from tokenization.pipeline import pipeline
from wallet.payments.group import Group

ROUNDS = 10
DAY = timedelta(days=1)


def sixteen_taps(scene: Scene) -> list[Answer]:
    while scene.emil.keys_left < AT_ONCE:
        scene.emil.fetch_keys()
    return [scene.tap(25_000, "pin", token=scene.emil) for _ in range(AT_ONCE)]


def test_of_sixteen_payments_at_once_exactly_one_spends_a_one_off(scene: Scene) -> None:
    scene.emils(per_day=None)
    for _ in range(ROUNDS):
        request_id = scene.one_off()
        found = reasons(at_once(scene.ask, sixteen_taps(scene)))
        assert found == {"approved": 1, "amount_limit": AT_ONCE - 1}
        listed = scene.town.anna.request("GET", f"/v1/drawing-rights/{scene.town.right_id}/requests").json()["data"]
        assert (listed[0]["id"], listed[0]["status"]) == (request_id, "spent")
        scene.world.clock.advance(DAY)


def read_before_the_lock(monkeypatch: pytest.MonkeyPatch, read: Callable[[Session], Any]) -> None:
    """Let sixteen at once read something first, and lock the card then."""
    lock, everybody_has_read = cards.lock, Barrier(AT_ONCE)

    def late(session: Session, card_id: UUID) -> Card | None:
        session.info["stale"] = read(session)
        everybody_has_read.wait(20)
        return lock(session, card_id)

    monkeypatch.setattr(cards, "lock", late)


def test_control_a_one_off_that_is_read_before_the_lock_and_spent_unseen_lets_more_pass(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.emils(per_day=None)
    scene.one_off()
    taps, now, everybody_has_read = sixteen_taps(scene), scene.world.clock.now(), Barrier(AT_ONCE)
    card_id, right_id = card_id_of(scene), ids.parse("right", scene.town.right_id)

    def read(session: Session) -> dict[UUID, tuple[OneOff, ...]]:
        with pipeline(session) as pipe:
            found = requests.find_one_offs(pipe, [(card_id, right_id)], now)
        return requests.one_offs_of_rows(found.rows())

    def put(group: Group, stale: dict[UUID, tuple[OneOff, ...]]) -> None:
        group.one_offs = stale

    def unseen(request: DrawingRequest, payment_id: UUID, now: datetime) -> None:
        request.state, request.spent_by = "spent", payment_id

    before_the_lock(monkeypatch, read, partial(everybody_has_read.wait, 20), put)
    monkeypatch.setattr(requests, "spend", unseen)
    answers = tills.at_once(partial(tills.Tills(scene).pay, tap) for tap in taps)
    assert tills.reasons(answer for (answer,) in answers)["approved"] > 1


def test_of_sixteen_answers_at_once_one_counts(scene: Scene) -> None:
    request_id = scene.ask_for(25_000).json()["id"]
    phone = scene.town.anna.step_up("approve")
    paths = [f"/v1/drawing-requests/{request_id}/{how}" for how in ("approve", "decline")] * (AT_ONCE // 2)
    answers = at_once(lambda path: (path, phone.request("POST", path).status_code), paths)
    counted = Counter((path.rpartition("/")[2], status) for path, status in answers if status != 409)
    assert counted in ({("decline", 200): 1}, {("decline", 200): 1, ("approve", 200): 1})
    assert {status for _, status in answers} == {200, 409}


def test_of_payments_and_a_no_at_once_one_takes_a_one_off_or_nobody_does(scene: Scene) -> None:
    scene.emils(per_day=None)
    for _ in range(ROUNDS):
        request_id, taps = scene.one_off(), sixteen_taps(scene)[: AT_ONCE - 1]
        say_no = partial(scene.town.anna.request, "POST", f"/v1/drawing-requests/{request_id}/decline")
        acts: list[Callable[[], httpx.Response]] = [say_no, *(partial(scene.ask, tap) for tap in taps)]
        answers = at_once(lambda act: act(), acts)
        became = scene.town.anna.request("GET", f"/v1/drawing-rights/{scene.town.right_id}/requests").json()["data"][0]
        found = reasons(answers[1:])
        expected = {200: ("declined", 0), 409: ("spent", 1)}[answers[0].status_code]
        assert (became["status"], found["approved"]) == expected
        scene.world.clock.advance(DAY)


def statuses(scene: Scene) -> Counter[int]:
    return Counter(answer.status_code for answer in at_once(lambda _: scene.ask_for(25_000), range(AT_ONCE)))


def test_of_sixteen_requests_at_once_as_many_wait_as_may(scene: Scene) -> None:
    assert statuses(scene) == {201: 5, 409: AT_ONCE - 5}


def test_control_requests_that_are_counted_before_the_lock_are_too_many(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, now = requests._check_open, scene.world.clock.now()  # noqa: SLF001 - what is broken here

    def too_early(session: Session, right: Any, most: int, at: datetime) -> None:
        """It was looked at before."""

    right_id = ids.parse("right", scene.town.right_id)

    def count(session: Session) -> None:
        right = drawing_rights.load(session, card_id_of(scene), right_id)
        check(session, right, 5, now)

    read_before_the_lock(monkeypatch, count)
    monkeypatch.setattr(requests, "_check_open", too_early)
    assert statuses(scene) == {201: AT_ONCE}
