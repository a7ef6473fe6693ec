"""The bank's desk: a customer calls about a child's card, or disputes a payment that was made under one."""

from typing import Any

import pytest

from mobile_mock.phone_token import PhoneToken
from tests.world import STAFF, Phone, World

Right = dict[str, Any]


def bank(world: World, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = world.machine("issuer").request(method, f"/v1/issuer{path}", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def listed(phone: Phone, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = phone.request("GET", f"/v1{path}").json()["data"]
    return found


def of_anna(world: World, what: str) -> str:
    return f"/cards/{world.person('anna')['card_id']}/{what}"


def told(world: World, type_: str) -> list[dict[str, Any]]:
    """The journal's entries of that type about Anna's card."""
    entries = bank(world, "GET", of_anna(world, "journal?limit=200"))["data"]
    return [entry for entry in entries if entry["type"] == type_]


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> Right:
    return world.grant(parent, limits={"per_day": 50_000}, valid_until="2027-06-30", weekly_summary=False)


@pytest.fixture
def child(world: World, right: Right) -> Phone:
    return world.child(right["id"])


@pytest.fixture
def token(child: Phone, right: Right) -> PhoneToken:
    return child.token(right_id=right["id"])


def ask_and_approve(parent: Phone, child: Phone, right: Right, payment_id: str) -> str:
    asked = {"kind": "one_off", "payment_id": payment_id}
    made: str = child.request("POST", f"/v1/drawing-rights/{right['id']}/requests", asked).json()["id"]
    assert parent.step_up("approve").request("POST", f"/v1/drawing-requests/{made}/approve").status_code == 200
    return made


def test_the_bank_sees_under_a_right_what_its_grantor_sees(
    world: World, parent: Phone, right: Right, child: Phone, token: PhoneToken
) -> None:
    shop, path = world.shop(), f"/drawing-rights/{right['id']}"
    shop.tap(token, 1_000)
    ask_and_approve(parent, child, right, shop.tap(token, 50_001, "pin")["id"])
    for what, many in (("payments", 2), ("requests", 1)):
        seen = bank(world, "GET", f"{path}/{what}")["data"]
        assert (len(seen), seen) == (many, listed(parent, f"{path}/{what}"))
    page = bank(world, "GET", f"{path}/payments?limit=1")
    assert [page["data"][0], *bank(world, "GET", f"{path}/payments?cursor={page['next_cursor']}")["data"]] == listed(
        parent, f"{path}/payments"
    )


def test_the_bank_sees_on_which_phones_a_card_is_and_what_holds_each_back(
    world: World, parent: Phone, right: Right, token: PhoneToken
) -> None:
    """The right itself says only what of it and of its card stands in the way."""
    own = parent.active(world.person("anna")["card"])
    bank(world, "POST", f"/tokens/{token.id}/suspend", {"reason": "device_lost"})
    seen = bank(world, "GET", of_anna(world, "tokens"))["data"]
    assert seen == listed(parent, "/tokens")
    assert [(each["id"], each["device"]["name"], each["drawing_right_id"], each["because"]) for each in seen] == [
        (own["id"], "anna's phone", None, None),
        (token.id, "Emil's phone", right["id"], "issuer"),
    ]
    assert len(bank(world, "GET", of_anna(world, "tokens?limit=1"))["data"]) == 1
    assert bank(world, "GET", of_anna(world, "drawing-rights"))["data"][0]["because"] is None


def test_the_bank_pauses_a_right_on_its_grantors_word_who_resumes_it(
    world: World, parent: Phone, right: Right, token: PhoneToken
) -> None:
    path = f"/drawing-rights/{right['id']}"
    assert bank(world, "POST", f"{path}/pause")["because"] == "drawing_right_paused"
    assert world.shop().tap(token, 1_000)["reason"] == "drawing_right_inactive"
    bank(world, "POST", f"{path}/pause", status=409)
    [entry] = told(world, "drawing_right.paused")
    assert (entry["payload"]["by"], entry["actor"].rpartition(":")[2]) == ("issuer", STAFF)
    world.tell()
    update = world.machine("provider").request("GET", "/v1/provider/token-updates").json()["data"][-1]["data"]
    assert update["operation"] == {"name": "pause_right", "reason": None, "by": "issuer"}
    assert parent.request("POST", f"/v1{path}/resume").status_code == 200
    assert world.shop().tap(token, 1_000)["approved"]


def test_the_bank_revokes_a_right_for_good(world: World, right: Right, child: Phone, token: PhoneToken) -> None:
    path = f"/drawing-rights/{right['id']}"
    assert bank(world, "DELETE", path)["status"] == "revoked"
    assert world.shop().tap(token, 1_000)["approved"] is False
    assert child.request("GET", f"/v1{path}").status_code == 401
    [entry] = told(world, "drawing_right.revoked")
    assert (entry["payload"]["by"], entry["actor"].rpartition(":")[2]) == ("issuer", STAFF)
    bank(world, "DELETE", path, status=409)


def test_the_journal_keeps_what_was_permitted_and_which_one_off_a_payment_took(
    world: World, parent: Phone, right: Right, child: Phone, token: PhoneToken
) -> None:
    """And nobody else is told of it: no provider, and no message but the app's own lists."""
    shop, path = world.shop(), f"/v1/drawing-rights/{right['id']}"
    first = shop.tap(token, 49_973, "pin")["id"]
    request = ask_and_approve(parent, child, right, shop.tap(token, 10_000)["id"])
    second = shop.tap(token, 10_000)["id"]
    changed = parent.request("PATCH", path, {"limits": {"per_day": 49_979}, "blocked_merchants": ["DK-666"]}).json()
    [entry], [change] = told(world, "drawing_right.granted"), told(world, "drawing_right.changed")
    terms = entry["payload"]["terms"]
    assert terms == {name: right[name] for name in terms}
    assert (terms["valid_until"], "weekly_summary" in terms) == ("2027-06-30", False)
    assert change["payload"]["terms"] == {name: changed[name] for name in terms}
    took = {entry["payload"]["payment_id"]: entry["payload"]["one_off"] for entry in told(world, "payment.approved")}
    assert took == {first: None, second: request}
    world.tell()
    updates = world.machine("provider").request("GET", "/v1/provider/token-updates").text
    assert "change_right" in updates
    assert not [said for said in ("49979", "DK-666", "terms", request) if said in updates]
