"""`network_reference`: one content, one answer, for ever, for each client apart."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.payments.scene import Scene

DAY = timedelta(days=1)


@pytest.mark.parametrize("approved", [True, False])
def test_a_repeat_gets_the_first_answer_byte_for_byte(scene: Scene, approved: bool) -> None:
    request = scene.tap(20_000 if approved else 20_001, token=scene.emil)
    first = scene.ask(request)
    scene.emils(per_payment=1)
    scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    again = scene.ask(request)
    assert first.json()["approved"] == approved
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_repeat_takes_no_money_and_costs_no_try(scene: Scene) -> None:
    paid, wrong = scene.tap(20_000), scene.tap(20_000, "pin", pin="9999")
    for _ in range(3):
        assert scene.decide(paid)["approved"]
        assert scene.decide(wrong)["remaining_attempts"] == 2
    assert scene.account()["holds"] == 20_000


def test_a_repeat_is_answered_however_late_it_comes(scene: Scene) -> None:
    request = scene.tap(20_000)
    first = scene.ask(request)
    scene.world.clock.advance(30 * DAY)
    assert scene.ask(request).content == first.content
    late = scene.ask(scene.tap(20_000) | {"at": request["at"]})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "at")


def test_a_repeat_is_the_same_whatever_the_order_of_its_fields(scene: Scene) -> None:
    request = scene.tap(20_000)
    first = scene.ask(request)
    assert scene.ask(dict(reversed(request.items()))).content == first.content


@pytest.mark.parametrize(
    "changes",
    [{"amount": 20_001}, {"scheme": "visa"}, {"terminal": None}, {"at": "2026-11-22T10:16:00Z"}, {"estimated": True}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_reference_with_other_content_is_refused(scene: Scene, changes: dict[str, Any]) -> None:
    request = scene.tap(20_000)
    scene.decide(request)
    answer = scene.ask(request | changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "network-reference-reused")
    assert answer.json()["errors"] == [{"field": "network_reference", "message": "was used before with other content"}]
    assert scene.account()["holds"] == 20_000


def test_another_clients_reference_is_its_own(scene: Scene) -> None:
    scene.approved(20_000, network_reference="ours")
    request = scene.tap(10_000, network_reference="ours")
    theirs = scene.decide(request, scene.town.other_acquirer)
    assert theirs["approved"]
    assert scene.account()["holds"] == 30_000
    path = f"/v1/network/authorizations/{theirs['id']}"
    assert scene.town.other_acquirer.request("GET", path).json()["amount"] == 10_000
    assert scene.network.request("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("off", "expected"),
    [(timedelta(hours=24), 200), (timedelta(hours=24, seconds=1), 422)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_terminals_clock_may_be_a_day_off(scene: Scene, off: timedelta, sign: int, expected: int) -> None:
    at = scene.world.clock.now() + sign * off
    answer = scene.ask(scene.plastic(20_000) | {"at": at.isoformat()})
    assert answer.status_code == expected


def test_days_are_the_servers_whatever_the_terminal_says(scene: Scene) -> None:
    scene.emils(per_day=20_000)
    scene.approved(20_000, token=scene.emil)
    yesterday = (scene.world.clock.now() - DAY).isoformat()
    answer = scene.decide(scene.tap(1, token=scene.emil) | {"at": yesterday})
    assert answer["limit"]["name"] == "per_day"


def test_an_answer_can_be_looked_up(scene: Scene) -> None:
    declined = scene.pay(20_001, token=scene.emil)
    seen = scene.look(declined["id"])
    assert {name: seen[name] for name in declined} == declined
    assert (seen["status"], seen["captured"], seen["history"]) == ("declined", 0, [])
