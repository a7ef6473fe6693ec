"""The inbox over HTTP: each person's own messages, read once."""

import json
from datetime import timedelta

import httpx

from tests.world import Phone, World
from tokenization import ids


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def kinds(phone: Phone) -> list[str]:
    return [message["kind"] for message in phone.request("GET", "/v1/inbox").json()["data"]]


def test_messages_are_listed_newest_first_in_pages(world: World) -> None:
    phone = world.phone()
    token = phone.active(world.person("anna")["card"])
    phone.request("POST", f"/v1/tokens/{token['id']}/suspend", {"reason": "other"})
    phone.request("POST", f"/v1/cards/{token['card_id']}/block", {"reason": "lost"})
    world.tell()
    first = phone.request("GET", "/v1/inbox?limit=2").json()
    assert [message["kind"] for message in first["data"]] == ["card.blocked", "token.suspended"]
    rest = phone.request("GET", f"/v1/inbox?limit=2&cursor={first['next_cursor']}").json()
    assert ([message["kind"] for message in rest["data"]], rest["next_cursor"]) == (["token.provisioned"], None)
    assert {message["card_id"] for message in first["data"] + rest["data"]} == {token["card_id"]}


def test_each_thing_is_told_once(world: World) -> None:
    phone = world.phone()
    phone.active(world.person("anna")["card"])
    world.tell()
    world.tell()
    assert kinds(phone) == ["token.provisioned"]


def test_a_message_is_marked_as_read_once(world: World) -> None:
    phone = world.phone()
    phone.active(world.person("anna")["card"])
    world.tell()
    [message] = phone.request("GET", "/v1/inbox").json()["data"]
    assert message["read_at"] is None
    first = phone.request("POST", f"/v1/inbox/{message['id']}/read").json()
    assert first["read_at"] == "2026-11-22T10:15:00Z"
    world.clock.advance(timedelta(hours=1))
    assert phone.request("POST", f"/v1/inbox/{message['id']}/read").json() == first


def test_anothers_message_is_not_there(world: World) -> None:
    phone = world.phone()
    right = world.grant(phone)
    child = world.child(right["id"])
    child.active(right_id=right["id"])
    world.tell()
    [mine, *_] = phone.request("GET", "/v1/inbox").json()["data"]
    for stranger in (world.phone("bo"), child):
        for each in (mine["id"], ids.to_text("msg", ids.new_id()), "nonsense"):
            assert problem(stranger.request("POST", f"/v1/inbox/{each}/read")) == (404, "not-found")
    assert kinds(world.phone("bo")) == []


def test_a_child_reads_what_concerns_it_and_not_what_is_told_the_parent(world: World) -> None:
    parent, shop = world.phone(), world.shop()
    right = world.grant(parent)
    child = world.child(right["id"])
    token = child.token(right_id=right["id"])
    shop.tap(token, 25_000)
    world.tell()
    assert kinds(child) == ["payment.declined", "drawing_right.paired"]
    told = kinds(parent)
    assert told[0] == "drawing_right.payment_declined"
    assert {"drawing_right.granted", "drawing_right.paired", "drawing_right.token_provisioned"} <= set(told)
    texts = json.dumps(child.request("GET", "/v1/inbox").json(), ensure_ascii=False)
    assert world.person("anna")["card"]["number"][-4:] not in texts
    assert "200" in texts
