"""`network_reference`: one content, one answer, for ever, for each client apart."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.payments.scene import Scene
from tests.integration.test_http_bad_values import changed
from wallet.access.access_tokens import Grant

DAY = timedelta(days=1)


@pytest.mark.parametrize("verdict", ["approved", "amount_limit", "unknown_number"])
def test_a_repeat_gets_the_first_answer_byte_for_byte(scene: Scene, verdict: str) -> None:
    request = scene.tap(20_001 if verdict == "amount_limit" else 20_000, token=scene.emil)
    if verdict == "unknown_number":
        request["token"] = "4111111111111111"
    first = scene.ask(request)
    scene.emils(per_payment=1)
    scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    again = scene.ask(request)
    assert first.json()["reason"] == verdict
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


def raw(scene: Scene, body: str, key: str | None = None) -> httpx.Response:
    """A body as it is written; with an `Idempotency-Key`."""
    client_id = scene.network.client_id
    token = scene.world.tokens.issue(Grant(client_id, "network", client_id))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    return scene.world.http.post("/v1/network/authorizations", content=body, headers=headers)


def test_a_repeat_is_the_same_however_it_is_written(scene: Scene) -> None:
    request = scene.tap(20_000)
    first = scene.ask(request)
    request["merchant"] = dict(reversed(request["merchant"].items()))
    reordered = dict(reversed(request.items()))
    escaped = json.dumps(request).replace('"amount"', '"\\u0061mount"').replace("Netto", "\\u004eetto")
    for body in (json.dumps(reordered), json.dumps(request, indent=4), f"\r\n\t{json.dumps(request)}\n", escaped):
        assert raw(scene, body).content == first.content
    assert raw(scene, json.dumps(request).replace("20000", "20000.0")).json()["code"] == "invalid"


CHANGED: dict[str, Any] = {
    "card.expiry": "2029-10",
    "card.cvc": None,
    "cvm": "offline_pin",
    "authentication": "3ds",
    "initiated_by": "merchant",
    "entry_mode": "magstripe",
    "kind": "cash",
    "amount": 20_001,
    "currency": "SEK",
    "estimated": True,
    "scheme": "visa",
    "at": "2026-11-22T10:15:01Z",
    "terminal": None,
    "terminal.id": "T2",
    "terminal.unattended": True,
    "merchant.id": "DK-124",
    "merchant.name": "Netto vesterbro",
    "merchant.mcc": "5412",
    "merchant.country": "SE",
    "merchant.city": "Skagen",
    "cryptogram.atc": 99,
    "cryptogram.date": "261121",
    "cryptogram.unpredictable_number": "00000000",
    "cryptogram.mac": "0000000000000000",
}


def test_a_reference_with_other_content_is_refused_whatever_differs(scene: Scene) -> None:
    plastic = scene.plastic(20_000, cvc=scene.card["cvc"]) | {"authentication": "none", "initiated_by": "cardholder"}
    phone = scene.tap(20_000)
    scene.decide(plastic)
    scene.decide(phone)
    for path, value in CHANGED.items():
        answer = scene.ask(changed(phone if path.startswith("cryptogram") else plastic, path, value))
        assert (answer.status_code, answer.json()["code"]) == (422, "network-reference-reused"), path
        assert answer.json()["errors"] == [
            {"field": "network_reference", "message": "was used before with other content"}
        ]
    assert scene.account()["holds"] == 40_000


def test_an_idempotency_key_beside_it_changes_nothing(scene: Scene) -> None:
    one, other = scene.plastic(20_000), scene.plastic(10_000)
    first = raw(scene, json.dumps(one), "key-1")
    for key in ("key-1", "key-2", None):
        again = raw(scene, json.dumps(one), key)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true"), key
    assert raw(scene, json.dumps(other), "key-1").json()["code"] == "idempotency-key-reused"
    scene.world.clock.advance(2 * DAY)
    assert raw(scene, json.dumps(one), "key-1").content == first.content, "the reference is known for ever"
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
