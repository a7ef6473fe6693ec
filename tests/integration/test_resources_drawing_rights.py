"""Drawing rights over HTTP: what a parent gives and takes back, and all that a child may see of it."""

from datetime import timedelta
from typing import Any

import httpx
from joserfc.jwk import ECKey

from tests.world import PIN_KEY, Phone, World
from tokenization import ids
from wallet.access.oauth import devices

LIMITS = {"per_payment": 20_000, "per_day": 50_000, "per_week": None, "per_month": 150_000}
EVERYTHING: dict[str, Any] = {
    "delegate": {"name": "Emil 🦖 وليد", "birthdate": "2015-04-02"},
    "limits": LIMITS | {"total": None, "payments_per_day": 5},
    "allowed_categories": None,
    "blocked_categories": ["gambling"],
    "allowed_countries": ["DK"],
    "allowed_merchants": None,
    "hours": {"days": ["mon", "tue", "sun"], "from": "06:00", "to": "21:00"},
    "valid_until": "2027-06-30",
    "notify_grantor": "declined",
}


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


def ask(world: World, phone: Phone, **changes: Any) -> httpx.Response:
    body = {"delegate": {"name": "Emil"}, "limits": {"per_payment": 20_000}} | changes
    card_id = world.person("anna")["card_id"]
    return phone.step_up("right").request("POST", f"/v1/cards/{card_id}/drawing-rights", body)


def change(phone: Phone, right: dict[str, Any], **changes: Any) -> httpx.Response:
    return phone.request("PATCH", f"/v1/drawing-rights/{right['id']}", changes)


def test_a_right_is_shown_as_it_was_given_with_its_ceiling_and_usage(world: World) -> None:
    phone = world.phone()
    answer = ask(world, phone, **EVERYTHING)
    right = answer.json()
    assert answer.status_code == 201
    assert {name: right[name] for name in EVERYTHING} == EVERYTHING
    assert (right["status"], right["card_id"]) == ("invited", world.person("anna")["card_id"])
    assert right["ceiling"] == {
        "per_payment": 200_000,
        "per_day": 300_000,
        "per_week": 700_000,
        "per_month": 1_500_000,
        "payments_per_day": 20,
    }
    assert right["usage"]["per_day"] == {
        "limit": 50_000,
        "spent": 0,
        "remaining": 50_000,
        "resets_at": "2026-11-22T23:00:00Z",
        "of": "drawing_right",
    }
    assert (right["usage"]["per_week"]["limit"], right["usage"]["per_week"]["of"]) == (700_000, "ceiling")
    assert phone.request("GET", f"/v1/drawing-rights/{right['id']}").json() == right
    assert phone.request("GET", "/v1/drawing-rights").json()["data"] == [right]


def test_a_name_and_one_limit_are_enough(world: World) -> None:
    right = ask(world, world.phone(), limits={"per_day": 0}).json()
    assert right["delegate"] == {"name": "Emil", "birthdate": None}
    assert right["limits"] == dict.fromkeys(EVERYTHING["limits"]) | {"per_day": 0}
    assert (right["notify_grantor"], right["hours"], right["valid_until"]) == ("all", None, None)


def test_giving_wants_a_fresh_sign_in(world: World) -> None:
    phone = world.phone()
    body = {"delegate": {"name": "Emil"}, "limits": {"per_day": 1}}
    answer = phone.request("POST", f"/v1/cards/{world.person('anna')['card_id']}/drawing-rights", body)
    assert answer.status_code == 401
    assert 'purpose="right"' in answer.headers["WWW-Authenticate"]


def test_more_than_the_scheme_allows_is_refused_limit_by_limit(world: World) -> None:
    limits = {"per_payment": 200_001, "per_day": 300_000, "per_month": 1_500_001, "payments_per_day": 21}
    answer = ask(world, world.phone(), limits=limits)
    assert problem(answer) == (422, "exceeds-scheme-ceiling")
    assert fields(answer) == ["limits.per_payment", "limits.per_month", "limits.payments_per_day"]


def test_terms_that_make_no_sense_are_named(world: World) -> None:
    phone = world.phone()
    hours = EVERYTHING["hours"]
    for changes, field in (
        ({"delegate": {}}, "delegate.name"),
        ({"delegate": {"name": " "}}, "delegate.name"),
        ({"delegate": {"name": "x" * 81}}, "delegate.name"),
        ({"delegate": {"name": "E\x00"}}, "delegate.name"),
        ({"delegate": {"name": "Emil", "birthdate": "2026-11-23"}}, "delegate.birthdate"),
        ({"delegate": {"name": "Emil", "birthdate": "02-04-2015"}}, "delegate.birthdate"),
        ({"limits": {}}, "limits"),
        ({"limits": dict.fromkeys(LIMITS)}, "limits"),
        ({"limits": {"per_day": -1}}, "limits.per_day"),
        ({"limits": {"per_day": 1.0}}, "limits.per_day"),
        ({"limits": {"per_day": True}}, "limits.per_day"),
        ({"limits": {"per_day": "500"}}, "limits.per_day"),
        ({"limits": {"per_day": 2**63}}, "limits.per_day"),
        ({"limits": {"per_hour": 1}}, "limits.per_hour"),
        ({"blocked_categories": ["fun"]}, "blocked_categories"),
        ({"allowed_countries": ["dk"]}, "allowed_countries[0]"),
        ({"allowed_countries": []}, "allowed_countries"),
        ({"hours": hours | {"from": "24:00"}}, "hours.from"),
        ({"hours": hours | {"to": "6:00"}}, "hours.to"),
        ({"hours": hours | {"days": []}}, "hours.days"),
        ({"hours": hours | {"days": ["monday"]}}, "hours.days[0]"),
        ({"hours": {"days": ["mon"]}}, "hours.from"),
        ({"valid_until": "2026-11-21"}, "valid_until"),
        ({"notify_grantor": "often"}, "notify_grantor"),
        ({"colour": "green"}, "colour"),
    ):
        answer = ask(world, phone, **changes)
        assert answer.status_code == 422, changes
        assert field in fields(answer), (changes, answer.json())
    assert phone.request("GET", "/v1/drawing-rights").json()["data"] == []


def test_no_right_is_given_on_a_card_that_is_blocked(world: World) -> None:
    phone = world.phone()
    phone.request("POST", f"/v1/cards/{world.person('anna')['card_id']}/block", {"reason": "lost"})
    assert problem(ask(world, phone)) == (409, "card-blocked")


def test_a_change_leaves_what_it_does_not_name(world: World) -> None:
    phone = world.phone()
    right = ask(world, phone, **EVERYTHING).json()
    phone.purpose = None
    changed = change(phone, right, limits={"per_day": 40_000}, delegate={"name": "Emil Fjordmark"}).json()
    assert changed["limits"] == EVERYTHING["limits"] | {"per_day": 40_000}
    assert changed["delegate"] == {"name": "Emil Fjordmark", "birthdate": "2015-04-02"}
    unchanged = {name for name in EVERYTHING if changed[name] == EVERYTHING[name]}
    assert unchanged == set(EVERYTHING) - {"limits", "delegate"}


def test_only_what_permits_more_wants_a_fresh_sign_in(world: World) -> None:
    phone = world.phone()
    right = ask(world, phone, **EVERYTHING).json()
    looser: list[dict[str, Any]] = [
        {"limits": {"per_day": 50_001}},
        {"limits": {"per_day": None}},
        {"blocked_categories": []},
        {"allowed_countries": ["DK", "SE"]},
        {"allowed_countries": None},
        {"hours": None},
        {"hours": EVERYTHING["hours"] | {"to": "21:01"}},
        {"valid_until": None},
        {"valid_until": "2027-07-01"},
    ]
    tighter: list[dict[str, Any]] = [
        {"limits": {"per_day": 50_000, "per_week": 100_000}},
        {"blocked_categories": ["gambling", "games"]},
        {"hours": EVERYTHING["hours"] | {"to": "20:00"}},
        {"valid_until": "2027-06-29"},
        {"notify_grantor": "none"},
        {"delegate": {"birthdate": None}},
        {},
    ]
    for changes in looser:
        phone.purpose = None
        refused = change(phone, right, **changes)
        assert refused.status_code == 401, changes
        assert 'purpose="right"' in refused.headers["WWW-Authenticate"]
    for changes in tighter:
        assert change(phone, right, **changes).status_code == 200, changes
    phone.step_up("right")
    for changes in looser:
        assert change(phone, right, **changes).status_code == 200, changes


def test_a_change_obeys_the_ceiling(world: World) -> None:
    phone = world.phone()
    right = ask(world, phone).json()
    answer = change(phone.step_up("right"), right, limits={"per_payment": 200_001})
    assert problem(answer) == (422, "exceeds-scheme-ceiling")
    assert phone.request("GET", f"/v1/drawing-rights/{right['id']}").json()["limits"]["per_payment"] == 20_000


def test_a_right_is_paused_and_resumed_at_once(world: World) -> None:
    phone, shop = world.phone(), world.shop()
    right = world.grant(phone)
    token = world.child(right["id"]).token(right_id=right["id"])
    paused = phone.request("POST", f"/v1/drawing-rights/{right['id']}/pause").json()
    assert paused["status"] == "paused"
    assert shop.tap(token, 1_000)["reason"] == "drawing_right_inactive"
    assert problem(phone.request("POST", f"/v1/drawing-rights/{right['id']}/pause")) == (409, "illegal-state")
    assert phone.request("POST", f"/v1/drawing-rights/{right['id']}/resume").json()["status"] == "active"
    assert shop.tap(token, 1_000)["approved"]


def test_a_revoked_right_ends_for_good(world: World) -> None:
    phone, shop = world.phone(), world.shop()
    right = world.grant(phone)
    child = world.child(right["id"])
    token = child.token(right_id=right["id"])
    assert phone.request("DELETE", f"/v1/drawing-rights/{right['id']}").json()["status"] == "revoked"
    assert shop.tap(token, 1_000)["reason"] == "drawing_right_inactive"
    assert child.request("GET", "/v1/me").status_code == 401
    for method, what in (("DELETE", ""), ("POST", "/resume"), ("POST", "/pause"), ("PATCH", "")):
        body: dict[str, Any] | None = {} if method == "PATCH" else None
        answer = phone.request(method, f"/v1/drawing-rights/{right['id']}{what}", body)
        assert problem(answer) == (409, "illegal-state"), what
    [shown] = phone.request("GET", f"/v1/drawing-rights/{right['id']}/tokens").json()["data"]
    assert (shown["status"], shown["because"]) == ("deactivated", "drawing_right_revoked")


def test_unpairing_ends_the_childs_token_and_session(world: World) -> None:
    phone = world.phone()
    right = world.grant(phone)
    child = world.child(right["id"])
    child.active(right_id=right["id"])
    assert phone.request("POST", f"/v1/drawing-rights/{right['id']}/unpair").status_code == 200
    assert child.request("GET", "/v1/me").status_code == 401
    [token] = phone.request("GET", f"/v1/drawing-rights/{right['id']}/tokens").json()["data"]
    assert (token["status"], token["because"]) == ("deactivated", "deactivated")


def test_another_parents_right_is_not_there(world: World) -> None:
    right, stranger = world.grant(world.phone()), world.phone("bo").step_up("pair")
    for each in (right["id"], ids.to_text("right", ids.new_id()), "nonsense"):
        for method, what, body in (
            ("GET", "", None),
            ("GET", "/payments", None),
            ("GET", "/tokens", None),
            ("PATCH", "", {"limits": {"per_payment": 1}}),
            ("DELETE", "", None),
            ("POST", "/pause", None),
            ("POST", "/resume", None),
            ("POST", "/unpair", None),
            ("POST", "/pair", {"user_code": "WDJB-MJHT"}),
        ):
            answer = stranger.request(method, f"/v1/drawing-rights/{each}{what}", body)
            assert problem(answer) == (404, "not-found"), what
    assert stranger.request("GET", "/v1/drawing-rights").json()["data"] == []


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
    world.child(right["id"], child.key)
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


def test_rights_are_listed_newest_first_in_pages(world: World) -> None:
    phone = world.phone()
    made = [world.grant(phone)["id"] for _ in range(3)]
    first = phone.request("GET", "/v1/drawing-rights?limit=2").json()
    assert [right["id"] for right in first["data"]] == [made[2], made[1]]
    rest = phone.request("GET", f"/v1/drawing-rights?limit=2&cursor={first['next_cursor']}").json()
    assert ([right["id"] for right in rest["data"]], rest["next_cursor"]) == ([made[0]], None)
