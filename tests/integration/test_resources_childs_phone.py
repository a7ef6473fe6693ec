"""A child's phone over HTTP: let in by the parent, with a card on it, and all that a child may see and do."""

from datetime import timedelta

import httpx
from joserfc.jwk import ECKey

from tests.world import PIN_KEY, World
from wallet.access.oauth import devices


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


def waiting_phone(world: World) -> dict[str, str]:
    """A child's phone that shows a code."""
    asked = {
        "client_id": world.access["child_app"]["client_id"],
        "scope": "child",
        "device_name": "Emil's phone",
        "dpop_jkt": ECKey.generate_key("P-256").thumbprint(),
    }
    answer: dict[str, str] = world.http.post("/oauth/device_authorization", data=asked).json()
    return answer


def test_a_parent_sees_the_phone_before_letting_it_in(world: World) -> None:
    parent, right = world.phone(), world.grant(phone := world.phone())
    code = waiting_phone(world)["user_code"]
    seen = parent.request("GET", f"/v1/pairings/{code}").json()
    assert (seen["device_name"], seen["requested_at"]) == ("Emil's phone", "2026-11-22T10:15:00Z")
    assert len(seen["match"]) == 2
    let_in = f"/v1/drawing-rights/{right['id']}/pair"
    phone.purpose = "right"
    assert phone.request("POST", let_in, {"user_code": code}).status_code == 401
    answer = phone.step_up("pair").request("POST", let_in, {"user_code": code})
    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    used_up = phone.request("POST", let_in, {"user_code": code})
    assert problem(used_up) == (422, "unknown-user-code")
    assert fields(used_up) == ["user_code"]


def test_a_code_is_not_used_up_by_a_right_that_lets_nobody_in(world: World) -> None:
    phone = world.phone()
    right, code = world.grant(phone), waiting_phone(world)["user_code"]
    phone.request("POST", f"/v1/drawing-rights/{right['id']}/pause")
    let_in = f"/v1/drawing-rights/{right['id']}/pair"
    assert problem(phone.step_up("pair").request("POST", let_in, {"user_code": code})) == (409, "illegal-state")
    assert devices.find(world.parts.redis, code, by="test", now=world.clock.now()) is not None


def test_guessing_codes_is_slowed_down(world: World) -> None:
    phone = world.phone()
    answers = [phone.request("GET", "/v1/pairings/BBBB-BBBB") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_one_pairing_puts_the_card_on_the_phone_once_within_the_hour(world: World) -> None:
    right = world.grant(world.phone())
    child = world.child(right["id"])
    made = child.provision(right_id=right["id"])
    assert made.status_code == 201
    shown = made.json()
    assert (shown["card_id"], shown["par"], shown["drawing_right_id"]) == (None, None, right["id"])
    assert problem(child.provision(right_id=right["id"])) == (409, "pair-again")
    late = world.child(right["id"])
    world.clock.advance(timedelta(hours=1))
    assert problem(late.provision(right_id=right["id"])) == (409, "pair-again")


def test_one_pairing_sets_a_pin_once_instead(world: World) -> None:
    right = world.grant(world.phone())
    child = world.child(right["id"])
    token = child.active(right_id=right["id"])
    path = f"/v1/tokens/{token['id']}/pin"
    assert problem(child.request("PUT", path, {"pin_key": PIN_KEY})) == (409, "pair-again")
    child = world.child(right["id"], child.key)
    assert child.request("PUT", path, {"pin_key": PIN_KEY}).json()["status"] == "active"
    assert problem(child.request("PUT", path, {"pin_key": PIN_KEY})) == (409, "pair-again")


def test_a_refusal_does_not_use_the_pairing_up(world: World) -> None:
    """Two phones a right: the third is refused, and let in once there is room."""
    parent = world.phone()
    right = world.grant(parent)
    first = world.child(right["id"]).active(right_id=right["id"])
    world.child(right["id"]).active(right_id=right["id"])
    third = world.child(right["id"])
    refused = third.provision(right_id=right["id"])
    assert problem(refused) == (409, "provisioning-limit-reached")
    assert (refused.json()["active_tokens"], refused.json()["limit"]) == (2, 2)
    parent.request("DELETE", f"/v1/tokens/{first['id']}")
    assert third.provision(right_id=right["id"]).status_code == 201


def test_a_child_provisions_only_its_own_right(world: World) -> None:
    parent = world.phone()
    right, other = world.grant(parent), world.grant(parent)
    child = world.child(right["id"])
    assert problem(child.provision(right_id=other["id"])) == (404, "not-found")
    refused = child.provision(world.person("anna")["card"])
    assert (refused.status_code, fields(refused)) == (422, ["drawing_right_id"])
    wrong = parent.provision(right_id=right["id"])
    assert (wrong.status_code, fields(wrong)) == (422, ["drawing_right_id"])
    parent.request("POST", f"/v1/drawing-rights/{right['id']}/pause")
    assert problem(child.provision(right_id=right["id"])) == (409, "drawing-right-inactive")


def test_a_child_sees_its_own_right_and_nothing_of_the_parents(world: World) -> None:
    parent, shop = world.phone(), world.shop()
    own, right, other = parent.token(world.person("anna")["card"]), world.grant(parent), world.grant(parent)
    child = world.child(right["id"])
    token = child.token(right_id=right["id"])
    shop.tap(own, 5_000)
    shop.tap(token, 12_000)
    assert child.request("GET", "/v1/me").json() == {
        "name": "Emil",
        "language": "da",
        "mobile": None,
        "assurance": None,
    }
    [seen] = child.request("GET", "/v1/drawing-rights").json()["data"]
    assert (seen["id"], seen["card_id"]) == (right["id"], None)
    assert seen["usage"]["per_payment"]["limit"] == 20_000
    [mine] = child.request("GET", "/v1/tokens").json()["data"]
    assert (mine["id"], mine["card_id"], mine["par"]) == (token.id, None, None)
    [listed] = child.request("GET", f"/v1/drawing-rights/{right['id']}/tokens").json()["data"]
    assert listed == mine
    [paid] = child.request("GET", f"/v1/drawing-rights/{right['id']}/payments").json()["data"]
    assert paid["amount"] == 12_000
    for what in ("", "/payments", "/tokens"):
        assert problem(child.request("GET", f"/v1/drawing-rights/{other['id']}{what}")) == (404, "not-found")
    assert problem(child.request("GET", f"/v1/tokens/{own.id}")) == (404, "not-found")
    card_id = world.person("anna")["card_id"]
    assert child.request("GET", f"/v1/tokens?card_id={card_id}").json()["data"] == []  # as of any card: it knows none


def test_what_is_for_parents_is_closed_to_a_child(world: World) -> None:
    right = world.grant(world.phone())
    child = world.child(right["id"])
    token, card_id = child.active(right_id=right["id"]), world.person("anna")["card_id"]
    for method, path, body in (
        ("GET", "/v1/cards", None),
        ("GET", f"/v1/cards/{card_id}", None),
        ("GET", f"/v1/cards/{card_id}/payments", None),
        ("POST", f"/v1/cards/{card_id}/block", {"reason": "lost"}),
        ("POST", f"/v1/cards/{card_id}/drawing-rights", {}),
        ("PATCH", f"/v1/drawing-rights/{right['id']}", {}),
        ("DELETE", f"/v1/drawing-rights/{right['id']}", None),
        ("POST", f"/v1/drawing-rights/{right['id']}/resume", None),
        ("POST", f"/v1/drawing-rights/{right['id']}/pair", {"user_code": "x"}),
        ("GET", "/v1/pairings/x", None),
        ("POST", f"/v1/tokens/{token['id']}/resume", None),
    ):
        assert problem(child.request(method, path, body)) == (403, "insufficient-scope"), path


def test_a_child_sees_a_limit_of_its_own_but_not_what_the_card_has_spent(world: World) -> None:
    parent, shop = world.phone(), world.shop()
    right = world.grant(parent, limits={"per_payment": 100_000})
    child = world.child(right["id"])
    token = child.token(right_id=right["id"])
    bank = world.machine("issuer")
    limits = {"cash_per_day": 0, "gambling_per_day": 100, "visa_per_30_days": 1, "visa_cash_per_day": 0}
    put = bank.request("PUT", "/v1/issuer/policies/card_limits", {"figures": limits})
    assert put.status_code == 200, put.text
    shop.tap(token, 150_000, "pin")
    shop.tap(token, 200, "pin", merchant={"id": "DK-7", "name": "Lotto", "mcc": "7995", "country": "DK"})
    path = f"/v1/drawing-rights/{right['id']}/payments"
    seen = [(each["reason"], each["limit"]) for each in child.request("GET", path).json()["data"]]
    own = {"name": "per_payment", "limit": 100_000, "spent": 0, "of": "drawing_right"}
    assert seen == [("amount_limit", None), ("amount_limit", own)]
    assert [each["limit"]["of"] for each in parent.request("GET", path).json()["data"]] == ["policy", "drawing_right"]


def test_a_child_may_suspend_and_end_its_own_token_and_the_parent_resumes(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    child = world.child(right["id"])
    token = child.active(right_id=right["id"])
    path = f"/v1/tokens/{token['id']}"
    assert child.request("POST", f"{path}/suspend", {"reason": "other"}).json()["because"] == "cardholder"
    assert parent.step_up("resume").request("POST", f"{path}/resume").json()["status"] == "active"
    assert child.request("DELETE", path).json()["status"] == "deactivated"
    journal = f"/v1/issuer/cards/{world.person('anna')['card_id']}/journal"
    entries = world.machine("issuer").request("GET", journal).json()["data"]
    assert entries[-1]["actor"] == f"delegate:{right['id']}"
    assert entries[-1]["payload"]["by"] == "delegate"


def test_a_parent_sees_the_childs_token_but_cannot_use_it(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    token = world.child(right["id"]).active(right_id=right["id"])
    seen = parent.request("GET", f"/v1/tokens/{token['id']}").json()
    assert seen["card_id"] == world.person("anna")["card_id"]
    assert problem(parent.request("POST", f"/v1/tokens/{token['id']}/keys")) == (403, "wrong-device")
