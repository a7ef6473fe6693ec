"""A token's life over HTTP: PIN, payment keys, suspended, resumed, ended; from its own phone, by its own people."""

from datetime import timedelta
from typing import Any

import httpx
from joserfc.jwk import ECKey

from tests.world import PIN_KEY, Phone, World
from tokenization import ids

OTHER_PIN_KEY = PIN_KEY.replace("Bw", "CQ")


def card_of(world: World, name: str = "anna") -> dict[str, str]:
    card: dict[str, str] = world.person(name)["card"]
    return card


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def shown(phone: Phone, token: dict[str, Any]) -> tuple[str, str | None]:
    now = phone.request("GET", f"/v1/tokens/{token['id']}").json()
    return now["status"], now["because"]


def call(phone: Phone, token: dict[str, Any], what: str, body: object = None) -> httpx.Response:
    method = "PUT" if what == "pin" else "POST"
    return phone.request(method, f"/v1/tokens/{token['id']}/{what}", body)


def test_a_token_is_activated_once_by_choosing_a_pin(world: World) -> None:
    phone = world.phone()
    token = phone.provision(card_of(world)).json()
    answer = call(phone, token, "activate", {"pin_key": PIN_KEY, "biometric_key": OTHER_PIN_KEY})
    assert (answer.status_code, answer.json()["status"], answer.json()["because"]) == (200, "active", None)
    assert answer.json()["version"] > token["version"]
    again = call(phone, token, "activate", {"pin_key": OTHER_PIN_KEY})
    assert problem(again) == (409, "illegal-state")


def test_a_pin_key_is_32_bytes_and_is_never_repeated(world: World) -> None:
    phone = world.phone()
    token = phone.provision(card_of(world)).json()
    for key in (PIN_KEY[:-1], PIN_KEY + "A", PIN_KEY + "=", PIN_KEY.replace("w", "+"), PIN_KEY[:-1] + "d", 7, None):
        answer = call(phone, token, "activate", {"pin_key": key})
        assert answer.status_code == 422, key
        assert answer.json()["errors"][0]["field"] == "pin_key", key
        assert PIN_KEY[:20] not in answer.text, key
    assert shown(phone, token) == ("inactive", "inactive")


def test_a_token_is_not_activated_while_anything_else_stands_in_its_way(world: World) -> None:
    """A provisioning in flight during a block never ends active."""
    phone = world.phone()
    token = phone.provision(card_of(world)).json()
    phone.request("POST", f"/v1/cards/{token['card_id']}/block", {"reason": "lost"})
    refused = call(phone, token, "activate", {"pin_key": PIN_KEY})
    assert problem(refused) == (409, "illegal-state")
    assert "card_blocked" in refused.json()["detail"]
    world.machine("issuer").request("POST", f"/v1/issuer/cards/{token['card_id']}/unblock")
    assert shown(phone, token) == ("inactive", "inactive")


def test_only_an_active_token_gets_keys(world: World) -> None:
    phone = world.phone()
    token = phone.provision(card_of(world)).json()
    assert problem(call(phone, token, "keys")) == (409, "illegal-state")
    call(phone, token, "activate", {"pin_key": PIN_KEY})
    assert call(phone, token, "keys").json()["keys"].count(".") == 4
    call(phone, token, "suspend", {"reason": "other"})
    assert problem(call(phone, token, "keys")) == (409, "illegal-state")


def test_pin_keys_and_payment_keys_are_for_the_tokens_own_phone(world: World) -> None:
    phone, other = world.phone(), world.phone()
    token = phone.provision(card_of(world)).json()
    for what, body in (
        ("activate", {"pin_key": PIN_KEY}),
        ("keys", None),
        ("pin", {"pin_key": PIN_KEY}),
    ):
        assert problem(call(other.step_up("pin"), token, what, body)) == (403, "wrong-device"), what


def test_another_persons_token_is_not_there(world: World) -> None:
    token, stranger = world.phone().active(card_of(world)), world.phone("bo")
    nowhere = {"id": ids.to_text("tok", ids.new_id())}
    for what, body in (
        ("activate", {"pin_key": PIN_KEY}),
        ("keys", None),
        ("pin", {"pin_key": PIN_KEY}),
        ("suspend", {"reason": "other"}),
        ("resume", None),
    ):
        purpose = {"resume": "resume"}.get(what, "pin")
        answers = [call(stranger.step_up(purpose), each, what, body) for each in (token, nowhere)]
        assert [problem(answer) for answer in answers] == [(404, "not-found")] * 2, what
    for method in ("GET", "DELETE"):
        assert problem(stranger.request(method, f"/v1/tokens/{token['id']}")) == (404, "not-found")
    assert problem(stranger.request("GET", "/v1/tokens/nonsense")) == (404, "not-found")
    assert stranger.request("GET", "/v1/tokens").json()["data"] == []


def test_a_new_pin_wants_a_sign_in_for_it_and_lifts_the_lock(world: World) -> None:
    phone, shop = world.phone(), world.shop()
    token = phone.token(card_of(world))
    for left in (2, 1, 0):
        declined = shop.tap(token, 1_000, "pin", pin="9999")
        assert (declined["reason"], declined["remaining_attempts"]) == ("wrong_pin", left)
    assert shown(phone, token.provisioned) == ("suspended", "pin_locked")
    phone.purpose = None
    assert call(phone, token.provisioned, "pin", {"pin_key": PIN_KEY}).status_code == 401
    phone.step_up("pin")
    assert token.change_pin("8642")["status"] == "active"
    assert shop.tap(token, 40_000, "pin")["reason"] == "security_violation"  # its keys died with the suspension
    while token.keys_left:
        token.cryptogram(40_000, "DKK", unpredictable_number=bytes(4))
    token.fetch_keys()
    assert shop.tap(token, 40_000, "pin")["approved"]


def test_a_token_is_suspended_and_resumed_by_its_cardholder(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    answer = call(phone, token, "suspend", {"reason": "other"})
    assert (answer.json()["status"], answer.json()["because"]) == ("suspended", "cardholder")
    [held] = answer.json()["suspensions"]
    assert held == {"by": "cardholder", "reason": "other", "at": "2026-11-22T10:15:00Z"}
    assert call(phone, token, "resume").status_code == 401
    resumed = call(phone.step_up("resume"), token, "resume")
    assert (resumed.json()["status"], resumed.json()["suspensions"]) == ("active", [])
    assert problem(call(phone, token, "resume")) == (409, "illegal-state")


def test_a_lost_phone_takes_all_its_tokens_and_its_session_with_it_and_nothing_else(world: World) -> None:
    """R-10.2, also for the tokens of others on the same phone: a child's, or a second person's."""
    lost, home = world.phone(), world.phone()
    token, kept = lost.active(card_of(world)), home.active(card_of(world))
    second = world.phone("bo", lost.key)
    of_bo = second.active(card_of(world, "bo"))
    right = world.grant(home.step_up("right"))
    childs = world.child(right["id"], lost.key)
    of_child = childs.active(right_id=right["id"])
    answer = call(home, token, "suspend", {"reason": "device_lost"})
    assert (answer.json()["status"], answer.json()["because"]) == ("suspended", "cardholder")
    assert shown(home, of_child) == ("suspended", "cardholder")
    assert shown(world.phone("bo"), of_bo) == ("suspended", "cardholder")
    assert shown(home, kept) == ("active", None)
    assert [each.request("GET", "/v1/me").status_code for each in (lost, second, childs, home)] == [401, 401, 401, 200]
    world.tell()
    kinds = [each["kind"] for each in home.request("GET", "/v1/inbox").json()["data"]]
    assert kinds.count("token.suspended") == 2


def test_a_found_phone_is_resumed_by_its_cardholder_but_a_stolen_one_by_the_bank(world: World) -> None:
    lost, home, bank = world.phone(), world.phone(), world.machine("issuer")
    token = lost.active(card_of(world))
    call(home, token, "suspend", {"reason": "device_lost"})
    assert call(home.step_up("resume"), token, "resume").json()["status"] == "active"
    call(home, token, "suspend", {"reason": "device_stolen"})
    assert problem(call(home, token, "resume")) == (409, "contact-bank")
    assert bank.request("POST", f"/v1/issuer/tokens/{token['id']}/resume").json()["status"] == "active"


def test_a_deleted_token_is_gone_for_good(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    answer = phone.request("DELETE", f"/v1/tokens/{token['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "deactivated")
    assert problem(phone.request("DELETE", f"/v1/tokens/{token['id']}")) == (409, "illegal-state")
    assert problem(call(phone, token, "suspend", {"reason": "other"})) == (409, "illegal-state")
    assert problem(call(phone, token, "keys")) == (409, "illegal-state")


def test_a_token_is_ended_for_a_reason(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    path = f"/v1/tokens/{token['id']}"
    for reason in ("account_closed", "reprovisioned", "tired", ""):
        refused = phone.request("DELETE", f"{path}?reason={reason}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason"), reason
    assert phone.request("DELETE", f"{path}?reason=device_sold").json()["status"] == "deactivated"
    card = world.person("anna")["card_id"]
    journal = world.machine("issuer").request("GET", f"/v1/issuer/cards/{card}/journal?limit=200").json()["data"]
    [ended] = [entry["payload"] for entry in journal if entry["type"] == "token.deactivated"]
    assert (ended["by"], ended["reason"]) == ("cardholder", "device_sold")


def test_a_token_that_is_ended_because_its_phone_is_gone_takes_the_rest_of_the_phone_out_of_use(world: World) -> None:
    lost, home = world.phone(), world.phone()
    token = lost.active(card_of(world))
    of_bo = world.phone("bo", lost.key).active(card_of(world, "bo"))
    ended = home.request("DELETE", f"/v1/tokens/{token['id']}?reason=device_stolen")
    assert (ended.status_code, ended.json()["status"]) == (200, "deactivated")
    assert shown(world.phone("bo"), of_bo) == ("suspended", "cardholder")
    assert lost.request("GET", "/v1/me").status_code == 401


def test_a_lost_phone_is_reported_by_any_of_its_tokens_even_an_old_one(world: World) -> None:
    phone, home = world.phone(), world.phone()
    old, new = phone.active(card_of(world)), phone.active(card_of(world))
    assert call(home, old, "suspend", {"reason": "device_stolen"}).json()["status"] == "deactivated"
    assert shown(home, new) == ("suspended", "cardholder")


def test_who_has_nothing_on_a_phone_any_more_has_no_say_in_what_is_on_it(world: World) -> None:
    """A phone that was sold, or another's by now."""
    phone = world.phone()
    of_anna = phone.active(card_of(world))
    once = world.phone("bo", phone.key)
    of_bo = once.active(card_of(world, "bo"))
    assert once.request("DELETE", f"/v1/tokens/{of_bo['id']}").status_code == 200
    later = world.phone("bo")
    call(later, of_bo, "suspend", {"reason": "device_stolen"})
    assert (once.request("GET", "/v1/me").status_code, phone.request("GET", "/v1/me").status_code) == (401, 200)
    for reason in ("device_stolen", "device_lost"):
        answer = call(later, of_bo, "suspend", {"reason": reason})
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal-state")
    assert shown(phone, of_anna) == ("active", None)
    assert phone.request("GET", "/v1/me").status_code == 200


def test_a_reason_is_one_of_four(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    for body in ({"reason": "tired"}, {}, {"reason": None}, {"reason": "other", "at": "now"}):
        assert call(phone, token, "suspend", body).status_code == 422


def test_tokens_are_listed_newest_first_in_pages_by_card(world: World) -> None:
    phone, card_id = world.phone(), world.person("anna")["card_id"]
    made = [world.phone().provision(card_of(world)).json()["id"] for _ in range(3)]
    first = phone.request("GET", f"/v1/tokens?limit=2&card_id={card_id}").json()
    assert [token["id"] for token in first["data"]] == [made[2], made[1]]
    second = phone.request("GET", f"/v1/tokens?limit=2&cursor={first['next_cursor']}").json()
    assert ([token["id"] for token in second["data"]], second["next_cursor"]) == ([made[0]], None)
    other = world.person("bo")["card_id"]
    assert phone.request("GET", f"/v1/tokens?card_id={other}").json()["data"] == []


def test_a_page_that_cannot_be_is_named(world: World) -> None:
    phone = world.phone()
    for query, field in (
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("cursor=nonsense", "cursor"),
        (f"cursor={ids.to_text('card', ids.new_id())}", "cursor"),
        ("card_id=nonsense", "card_id"),
        ("page=2", "page"),
    ):
        answer = phone.request("GET", f"/v1/tokens?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), query


def test_an_expired_card_takes_its_tokens_with_it_at_midnight(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    expiry = card_of(world)["expiry"]
    world.clock.set(world.clock.now().replace(year=int(expiry[:4]), day=30, hour=22, minute=59))
    assert shown(phone, token) == ("active", None)
    world.clock.advance(timedelta(minutes=1))
    assert shown(phone, token) == ("expired", "expired")


def test_a_new_phone_of_the_same_name_is_another_phone(world: World) -> None:
    phone = world.phone()
    token = phone.provision(card_of(world)).json()
    phone.key = ECKey.generate_key("P-256")
    assert phone.request("GET", f"/v1/tokens/{token['id']}").status_code == 401
