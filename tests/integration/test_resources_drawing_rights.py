"""Drawing rights over HTTP: what a parent gives, changes and takes back."""

from typing import Any

import httpx

from tests.world import Phone, World
from tokenization import ids

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


LOOSER: tuple[dict[str, Any], ...] = (
    {"limits": {"per_day": 50_001}},
    {"limits": {"per_day": None}},
    {"limits": {"payments_per_day": 6}},
    {"blocked_categories": []},
    {"blocked_categories": None},
    {"blocked_merchants": None},
    {"allowed_categories": None},
    {"allowed_countries": ["DK", "SE"]},
    {"allowed_countries": None},
    {"allowed_merchants": ["DK-124"]},
    {"allow_cash": True},
    {"allow_recurring": True},
    {"hours": None},
    {"hours": EVERYTHING["hours"] | {"to": "21:01"}},
    {"valid_from": None},
    {"valid_from": "2026-11-30"},
    {"valid_until": None},
    {"valid_until": "2027-07-01"},
    {"phones_allowed": 2},
    {"phones_allowed": None},
    {"delegate": {"birthdate": "2016-04-02"}},
    {"delegate": {"birthdate": None}},
)
TIGHTER: tuple[dict[str, Any], ...] = (
    {},
    {"limits": {}},
    {"limits": {"per_day": 50_000, "per_week": 100_000}},
    {"limits": {"per_day": 0}},
    {"limits": {"total": 1_000_000}},
    {"blocked_categories": ["gambling", "games"]},
    {"blocked_merchants": ["DK-666", "DK-667"]},
    {"allowed_categories": ["groceries", "groceries"]},
    {"allowed_merchants": ["DK-123"]},
    {"hours": EVERYTHING["hours"] | {"to": "20:00"}},
    {"hours": EVERYTHING["hours"] | {"days": ["sun"]}},
    {"valid_from": "2026-12-02"},
    {"valid_until": "2027-06-29"},
    {"phones_allowed": 1},
    {"notify_grantor": "none"},
    {"notify_above": 1_000_000},
    {"weekly_summary": False},
    {"delegate": {"name": "Emil Fjordmark"}},
    {"delegate": {"birthdate": "2014-04-02"}},
)
MORE: dict[str, Any] = {
    "allowed_categories": ["groceries", "transport"],
    "allowed_merchants": ["DK-123"],
    "blocked_merchants": ["DK-666"],
    "allow_cash": False,
    "allow_recurring": False,
    "valid_from": "2026-12-01",
    "phones_allowed": 1,
}


def test_only_what_gives_away_more_wants_a_fresh_sign_in(world: World) -> None:
    """A later birthdate, too, by which the right ends later; and another phone, which could pay beside the first."""
    phone = world.phone()
    right = ask(world, phone, **(EVERYTHING | MORE)).json()
    phone.purpose = None
    for changes in LOOSER:
        refused = change(phone, right, **changes)
        assert refused.status_code == 401, changes
        assert 'purpose="right"' in refused.headers["WWW-Authenticate"]
    assert phone.request("GET", f"/v1/drawing-rights/{right['id']}").json() == right
    for changes in TIGHTER:
        each = ask(world, phone, **(EVERYTHING | MORE)).json()
        phone.purpose = None
        assert change(phone, each, **changes).status_code == 200, changes
    phone.step_up("right")
    for changes in LOOSER:
        assert change(phone, right, **changes).status_code == 200, changes


def test_a_birthdate_that_ends_nothing_is_changed_without_a_fresh_sign_in(world: World) -> None:
    """Of a grown-up, and of somebody whose age was not known: it can only end sooner."""
    phone = world.phone()
    for born in ("1990-01-01", None):
        right = world.grant(phone, delegate={"name": "Ida", "birthdate": born})
        phone.purpose = None
        for now_born in ("1991-01-01", "2015-04-02"):
            changed = change(phone, right, delegate={"birthdate": now_born})
            assert changed.json()["delegate"] == {"name": "Ida", "birthdate": now_born}


def test_a_limit_may_be_lowered_below_what_was_used(world: World) -> None:
    phone, shop = world.phone(), world.shop()
    right = world.grant(phone, limits={"per_day": 50_000})
    token = world.child(right["id"]).token(right_id=right["id"])
    shop.tap(token, 30_000)
    used = change(phone, right, limits={"per_day": 10_000}).json()["usage"]["per_day"]
    assert (used["limit"], used["spent"], used["remaining"]) == (10_000, 30_000, 0)
    assert shop.tap(token, 1)["limit"] == {"name": "per_day", "limit": 10_000, "spent": 30_000, "of": "drawing_right"}


def test_the_last_limit_cannot_be_taken_away(world: World) -> None:
    phone = world.phone()
    right = world.grant(phone, limits={"per_day": 50_000})
    answer = change(phone.step_up("right"), right, limits={"per_day": None})
    assert (problem(answer), fields(answer)) == ((422, "invalid"), ["limits"])


def test_nobody_signs_in_again_for_a_right_that_has_ended(world: World) -> None:
    phone = world.phone()
    right = world.grant(phone)
    phone.request("DELETE", f"/v1/drawing-rights/{right['id']}")
    phone.purpose = None
    assert problem(change(phone, right, limits={"per_payment": 30_000})) == (409, "illegal-state")


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


def test_rights_are_listed_newest_first_in_pages(world: World) -> None:
    phone = world.phone()
    made = [world.grant(phone)["id"] for _ in range(3)]
    first = phone.request("GET", "/v1/drawing-rights?limit=2").json()
    assert [right["id"] for right in first["data"]] == [made[2], made[1]]
    rest = phone.request("GET", f"/v1/drawing-rights?limit=2&cursor={first['next_cursor']}").json()
    assert ([right["id"] for right in rest["data"]], rest["next_cursor"]) == ([made[0]], None)
