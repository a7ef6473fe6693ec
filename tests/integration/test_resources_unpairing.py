"""Putting phones out over HTTP: one of them or all, whatever has become of the right."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.test_resources_drawing_rights import fields, problem
from tests.pairing import Asking, let_in, pair, phones, ready, unpair
from tests.world import Phone, World
from tokenization import ids


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> dict[str, Any]:
    return world.grant(parent)


def test_one_phone_is_put_out_and_the_others_go_on(world: World, parent: Phone, right: dict[str, Any]) -> None:
    shop, children = world.shop(), [let_in(right, Asking(world, name)) for name in ("Old", "New")]
    old, new = [ready(child, right) for child in children]
    gone, stays = phones(parent, right)
    assert (gone["name"], stays["name"]) == ("Old", "New")
    assert unpair(parent, right, {"phone": gone["id"]}).json()["phones"] == [stays]
    assert [child.request("GET", "/v1/me").status_code for child in children] == [401, 200]
    assert (shop.tap(old, 1_000)["reason"], shop.tap(new, 1_000)["reason"]) == ("token_inactive", "approved")
    listed = parent.request("GET", f"/v1/drawing-rights/{right['id']}/tokens").json()["data"]
    assert {each["device"]["name"]: each["status"] for each in listed} == {"Old": "deactivated", "New": "active"}
    entries = world.machine("issuer").request("GET", f"/v1/issuer/cards/{right['card_id']}/journal?limit=200")
    [told] = [each for each in entries.json()["data"] if each["type"] == "drawing_right.unpaired"]
    assert (told["payload"]["pairing_id"], told["payload"]["device_name"]) == (gone["id"], "Old")


def test_a_phone_that_is_put_out_keeps_what_it_holds_under_another_right(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking, sister = Asking(world), world.grant(parent)
    here, there = let_in(right, asking), let_in(sister, asking)
    here.active(right_id=right["id"])
    kept = ready(there, sister)
    assert unpair(parent, right).json()["phones"] == []
    assert [child.request("GET", "/v1/me").status_code for child in (here, there)] == [401, 200]
    assert world.shop().tap(kept, 1_000)["reason"] == "approved"


@pytest.mark.parametrize("body", [None, {}], ids=["no body", "an empty body"])
def test_without_a_name_every_phone_is_put_out(world: World, parent: Phone, right: dict[str, Any], body: Any) -> None:
    children = [let_in(right, Asking(world)) for _ in range(2)]
    assert unpair(parent, right, body).json()["phones"] == []
    assert [child.request("GET", "/v1/me").status_code for child in children] == [401, 401]
    assert unpair(parent, right, body).status_code == 200


def test_a_phone_that_is_not_ones_own_or_not_let_in_any_more_is_not_there(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    bo = world.phone("bo")
    other, bos = world.grant(parent), world.grant(bo, "bo")
    for granted in (right, other, bos):
        let_in(granted, Asking(world))
    [gone], [sisters], [strange] = phones(parent, right), phones(parent, other), phones(bo, bos)
    unpair(parent, right)
    answers = [
        unpair(parent, right, {"phone": phone})
        for phone in (gone["id"], sisters["id"], strange["id"], ids.to_text("pair", ids.new_id()))
    ]
    assert [problem(answer) for answer in answers] == [(404, "not-found")] * 4
    assert len({answer.json()["detail"] for answer in answers}) == 1
    for wrong in (None, "", "pair_x", right["id"], [gone["id"]]):
        answer = unpair(parent, right, {"phone": wrong})
        assert (problem(answer), fields(answer)[0][:5]) == ((422, "invalid"), "phone"), wrong
    assert (phones(parent, other), phones(bo, bos)) == ([sisters], [strange])


@pytest.mark.parametrize("status", ["paused", "expired", "revoked"])
def test_phones_are_put_out_whatever_has_become_of_the_right(
    world: World, parent: Phone, right: dict[str, Any], status: str
) -> None:
    child, path = let_in(right, Asking(world)), f"/v1/drawing-rights/{right['id']}"
    token, [phone] = child.active(right_id=right["id"]), phones(parent, right)
    parent.request("PATCH", path, {"valid_until": "2026-11-22"})
    if status == "expired":
        world.clock.advance(timedelta(days=1))
    else:
        assert parent.request(*{"paused": ("POST", f"{path}/pause"), "revoked": ("DELETE", path)}[status]).is_success
    assert phones(parent, right) == ([] if status == "revoked" else [phone])
    answer = unpair(parent, right, {"phone": phone["id"]})
    assert (answer.status_code, answer.json()["status"], answer.json()["phones"]) == (200, status, [])
    assert parent.request("GET", f"/v1/tokens/{token['id']}").json()["because"] == "deactivated"
    assert child.request("GET", "/v1/me").status_code == 401


def test_what_a_phone_asked_goes_out_with_it(world: World, parent: Phone, right: dict[str, Any]) -> None:
    children = {name: let_in(right, Asking(world, name)) for name in ("Stolen", "Own")}
    path, body = f"/v1/drawing-rights/{right['id']}/requests", {"kind": "one_off", "amount": 25_000}
    for child in children.values():
        made = [child.request("POST", path, body).json() for _ in range(2)]
        assert made[0]["phone"] is None
        yes = parent.step_up("approve").request("POST", f"/v1/drawing-requests/{made[0]['id']}/approve").json()
        assert yes["phone"] in [{"id": each["id"], "name": each["name"]} for each in phones(parent, right)]
    right = parent.request("GET", f"/v1/drawing-rights/{right['id']}").json()
    assert (right["requests_open"], right["one_offs"]) == (2, 2)
    answer = unpair(parent, right, {"phone": phones(parent, right)[0]["id"]}).json()
    assert (answer["requests_open"], answer["one_offs"]) == (1, 1)
    listed = parent.request("GET", path).json()["data"]
    assert [(each["phone"]["name"], each["status"]) for each in listed] == [
        *(("Own", status) for status in ("open", "approved")),
        *(("Stolen", status) for status in ("declined", "declined")),
    ]


def test_a_phone_that_was_put_out_comes_back_with_another_yes(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    child = let_in(right, asking)
    unpair(parent, right)
    assert child.provision(right_id=right["id"]).status_code == 401
    assert let_in(right, asking).provision(right_id=right["id"]).status_code == 201


def test_a_phone_that_was_put_out_before_it_fetched_its_tokens_gets_none(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    asked = asking.ask()
    pair(parent, right, asked["user_code"])
    unpair(parent, right)
    assert asking.fetch(asked) == "access_denied"
