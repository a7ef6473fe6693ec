"""The inbox over HTTP: each person's own messages, read once."""

import json
from datetime import timedelta
from typing import Any

import httpx

from mobile_mock.shop import Merchant
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
    assert {message["drawing_right_id"] for message in first["data"] + rest["data"]} == {None}


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
    more = {"kind": "raise", "limit": "per_payment", "amount": 25_000}
    asked = child.request("POST", f"/v1/drawing-rights/{right['id']}/requests", more).json()
    world.tell()
    assert kinds(child) == ["payment.declined", "drawing_right.paired"]
    told = kinds(parent)
    assert told[:2] == ["drawing_request.asked", "drawing_right.payment_declined"]
    assert {"drawing_right.granted", "drawing_right.paired", "drawing_right.token_provisioned"} <= set(told)
    about = [
        (each["drawing_right_id"], each["drawing_request_id"])
        for each in parent.request("GET", "/v1/inbox").json()["data"]
    ]
    assert about == [(right["id"], asked["id"]), *[(right["id"], None)] * (len(told) - 1)]
    texts = json.dumps(child.request("GET", "/v1/inbox").json(), ensure_ascii=False)
    assert world.person("anna")["card"]["number"][-4:] not in texts
    assert "200" in texts


def told(phone: Phone) -> dict[str, str]:
    """The newest text of each kind."""
    phone.world.tell()
    messages = phone.request("GET", "/v1/inbox?limit=100").json()["data"]
    return {message["kind"]: message["text"] for message in messages[::-1]}


def test_a_childs_phone_is_called_as_its_parent_knows_it_and_its_refusals_flood_nobody(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    answers = []
    for name in ("Emils iPhone", "Emils iPad", "Emils ur"):
        child = world.child(right["id"], name=name)
        child.name = "iPhone. MitID: Svar JA og din kode"
        answers.append(child.provision(right_id=right["id"]))
    assert problem(answers[-1]) == (409, "provisioning-limit-reached")
    texts = told(parent)
    assert '"Emils iPad"' in texts["drawing_right.token_provisioned"]
    assert "token.provisioning_refused" not in texts
    assert not any("Svar JA" in text for text in texts.values())


def test_what_a_child_suspends_is_told_as_its_own_doing(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    for reason, words in (("fraud", "misbrug"), ("device_lost", "bortkommet")):
        child = world.child(right["id"])
        token = child.active(right_id=right["id"])
        child.request("POST", f"/v1/tokens/{token['id']}/suspend", {"reason": reason})
        texts = told(parent)
        assert texts["drawing_right.token_suspended"].startswith("Emil har selv spærret")
        assert words in texts["drawing_right.token_suspended"]
        assert "token.suspended" not in texts
    token = parent.active(world.person("anna")["card"])
    parent.request("POST", f"/v1/tokens/{token['id']}/suspend", {"reason": "fraud"})
    assert "token.suspended" in told(parent)


def test_an_estimate_is_told_by_what_it_may_become_and_so_is_that_it_came_back(world: World) -> None:
    parent, shop = world.phone(), world.shop(Merchant("DK-9", "Kro og Hotel", "7011"))
    right = world.grant(parent, notify_above=10_000)
    child = world.child(right["id"])
    paid = shop.tap(child.token(right_id=right["id"]), 10_000, estimated=True)
    assert paid["approved"], paid
    assert "Det kan blive op til 115,00 kr." in told(parent)["drawing_right.payment_approved"]
    back = {"network_reference": "acq-back", "amount": 10_000}
    reversal = world.machine("network").request("POST", f"/v1/network/authorizations/{paid['id']}/reversals", back)
    assert reversal.status_code == 201, reversal.text
    assert told(child)["payment.returned"].startswith("100,00 kr., som du betalte hos Kro og Hotel, kom tilbage ")
    assert told(parent)["drawing_right.payment_returned"].startswith("100,00 kr., som Emil betalte hos Kro og Hotel, ")


def test_nobody_is_sent_to_ask_for_what_no_grantor_can_give(world: World) -> None:
    """The limit that stops it is the grantor's, and behind it stands the scheme's ceiling."""
    right = world.grant(world.phone())
    child = world.child(right["id"])
    token, shop = child.token(right_id=right["id"]), world.shop()
    for amount, advice in ((25_000, "Du kan bede om mere i appen."), (250_000, "")):
        declined = shop.tap(token, amount, "pin", pin="1234")
        assert declined["limit"]["of"] == "drawing_right", declined
        assert told(child)["payment.declined"].rpartition("Grænsen pr. betaling er 200,00 kr.")[2].strip() == advice
        asked = {"kind": "one_off", "payment_id": declined["id"]}
        answer = child.request("POST", f"/v1/drawing-rights/{right['id']}/requests", asked)
        assert answer.status_code == (201 if advice else 422), answer.text


# What a person wants to hear


def preferences(phone: Phone) -> dict[str, dict[str, Any]]:
    """Each kind, and how it comes."""
    page = phone.request("GET", "/v1/inbox/preferences").json()
    assert page["next_cursor"] is None
    return {each.pop("kind"): each for each in page["data"]}


def test_a_person_sees_every_kind_and_switches_one_off_in_the_inbox_and_on_by_sms(world: World) -> None:
    phone, path = world.phone(), "/v1/inbox/preferences/payment.refunded"
    assert preferences(phone)["card.blocked"] == {
        "title": "Et kort er spærret",
        "inbox": True,
        "sms": True,
        "fixed": True,
    }
    answer = phone.request("PUT", path, {"inbox": False, "sms": True})
    expected = {"title": "Du får penge tilbage", "inbox": False, "sms": True, "fixed": False}
    assert (answer.status_code, answer.json()) == (200, {"kind": "payment.refunded", **expected})
    assert preferences(phone)["payment.refunded"] == expected
    assert preferences(world.phone("bo"))["payment.refunded"] == expected | {"inbox": True, "sms": False}
    assert phone.request("PUT", path, {"inbox": True}).json()["sms"] is False


def test_what_must_be_told_cannot_be_switched_off_and_the_answer_says_which_way(world: World) -> None:
    for body, field in (({"inbox": False}, "inbox"), ({"inbox": True, "sms": False}, "sms")):
        answer = world.phone().request("PUT", "/v1/inbox/preferences/card.blocked", body)
        assert problem(answer) == (422, "preference-fixed")
        assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_child_chooses_for_itself_in_its_parents_language_and_without_sms(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    child = world.child(right["id"])
    path = "/v1/inbox/preferences/payment.approved"
    expected = {"title": "Du har betalt", "inbox": False, "sms": None, "fixed": False}
    assert child.request("PUT", path, {"inbox": False, "sms": None}).json() == {"kind": "payment.approved", **expected}
    assert preferences(child)["payment.approved"] == expected
    assert problem(child.request("PUT", path, {"inbox": True, "sms": True})) == (422, "invalid")
    assert problem(parent.request("PUT", path, {"inbox": True})) == (404, "not-found")
    assert preferences(parent).keys() - preferences(child).keys() >= {"token.provisioned", "payment.refunded"}


def test_only_what_is_not_read_can_be_asked_for(world: World) -> None:
    phone = world.phone()
    token = phone.active(world.person("anna")["card"])
    phone.request("POST", f"/v1/cards/{token['card_id']}/block", {"reason": "lost"})
    world.tell()
    newest = phone.request("GET", "/v1/inbox").json()["data"][0]
    phone.request("POST", f"/v1/inbox/{newest['id']}/read")
    unread = phone.request("GET", "/v1/inbox?unread=true").json()["data"]
    assert [message["kind"] for message in unread] == ["token.provisioned"]
