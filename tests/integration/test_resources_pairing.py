"""Pairing over HTTP: a phone shows a code, and a parent says yes to it, to as many as may be."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.test_resources_drawing_rights import fields, problem
from tests.pairing import Asking, let_in, pair, phones
from tests.world import Phone, World

HOUR = timedelta(hours=1)
NAMES = (
    "電" * 50 + "👨\u200d👩\u200d👧 e\u0301مر",
    "Emils telefon",
    "هاتف وليد",
    "טלפון של נועה",
    "گوشی نی\u200cلا",  # a joiner that Persian is written with
    "👨\u200d👩\u200d👧\u200d👦 📱",
    "e\u0301mil og å",
    "Lotte\u00a0’s <b>phone</b> & 'more'",
    " with a blank on either side ",
)
NO_NAMES = (
    "",
    " \u00a0",
    "\u200d\u0301",
    "電" * 61,
    "two\nlines",
    "\u202eenohp",
    "\u2066x",
    "9208910000000001",
    "a\x00b",
)


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> dict[str, Any]:
    return world.grant(parent)


def test_the_parents_app_reads_the_code_out_of_the_address_that_the_phone_shows(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    asked = asking.ask()
    address = urlsplit(asked["verification_uri_complete"])
    assert address._replace(query="").geturl() == asked["verification_uri"]
    assert parse_qs(address.query) == {"user_code": [asked["user_code"]]}
    seen = parent.request("GET", f"/v1/pairings/{parse_qs(address.query)['user_code'][0]}").json()
    assert seen == {"device_name": "Emil's phone", "requested_at": "2026-11-22T10:15:00Z", "match": asked["match"]}
    assert pair(parent, right, asked["user_code"]).json()["status"] == "active"
    assert asking.fetch(asked) == "let in"


def test_a_name_is_shown_exactly_as_the_phone_wrote_it(world: World, parent: Phone, right: dict[str, Any]) -> None:
    codes = {name: Asking(world, name).ask()["user_code"] for name in NAMES}
    for name, code in codes.items():
        assert parent.request("GET", f"/v1/pairings/{code}").json()["device_name"] == name
    assert pair(parent, right, codes[NAMES[0]]).status_code == 200
    assert [phone["name"] for phone in phones(parent, right)] == [NAMES[0]]


def test_a_name_that_would_mislead_or_cannot_be_seen_gets_no_code(world: World) -> None:
    errors = {name: Asking(world, name).ask().get("error") for name in NO_NAMES}
    assert errors == dict.fromkeys(NO_NAMES, "invalid_request")


def test_what_is_no_code_is_unknown_and_the_sixth_is_not_looked_at(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    code = Asking(world).ask()["user_code"]
    for wrong in ("AEIO-UY01", "ſſſſ-ßß", "📱📱📱📱-📱📱📱📱", f"{code}{code[0]}"):
        answer = pair(parent, right, wrong)
        assert (problem(answer), fields(answer)) == ((422, "unknown-user-code"), ["user_code"]), wrong
    answer = pair(parent, right, "B" * 10_000)
    assert (problem(answer), fields(answer)) == ((422, "invalid"), ["user_code"])
    answer = pair(parent, right, code)
    assert problem(answer) == (429, "too-many-requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    bo = world.phone("bo")
    assert pair(bo, world.grant(bo, "bo"), code).status_code == 200


def test_digits_that_are_not_the_phones_are_a_wrong_try_and_leave_the_code_good(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asked = Asking(world).ask()
    code, match = asked["user_code"], asked["match"]
    other = f"{(int(match) + 1) % 100:02}"
    for wrong in (other, other, int(match), f"{match} "):
        answer = pair(parent, right, code, match=wrong)
        assert (problem(answer), fields(answer)) == ((422, "invalid"), ["match"]), wrong
    assert pair(parent, right, code, match=match).json()["status"] == "active"
    again = Asking(world).ask()
    assert problem(pair(parent, right, again["user_code"], match="xx")) == (422, "invalid")
    assert problem(pair(parent, right, again["user_code"], match=again["match"])) == (429, "too-many-requests")


def test_a_retry_of_a_yes_is_answered_again_and_is_no_wrong_code(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    body, path = {"user_code": Asking(world).ask()["user_code"]}, f"/v1/drawing-rights/{right['id']}/pair"
    parent.step_up("pair")
    answers = [parent.request("POST", path, body, headers={"Idempotency-Key": "yes"}) for _ in range(7)]
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None] + ["true"] * 6
    no_text = {"user_code": 7}  # Was never counted, so there is nothing to take back.
    for _ in range(7):
        assert parent.request("POST", path, no_text, headers={"Idempotency-Key": "no"}).status_code == 422
    wrong = [problem(pair(parent, right, "BBBB-BBBB")) for _ in range(6)]
    assert wrong == [(422, "unknown-user-code")] * 5 + [(429, "too-many-requests")]


def test_what_is_no_code_leads_to_no_phone(parent: Phone) -> None:
    for wrong in ("wdjb", "AEIO-UY01", "W%20D%00J", "%2e", "B" * 1_000):
        assert problem(parent.request("GET", f"/v1/pairings/{wrong}")) == (404, "not-found"), wrong
    assert problem(parent.request("GET", "/v1/pairings/WDJB-MJHT")) == (429, "too-many-requests")


def test_a_code_is_good_for_ten_minutes_and_one_parent(world: World, parent: Phone, right: dict[str, Any]) -> None:
    late, used = Asking(world).ask()["user_code"], Asking(world).ask()["user_code"]
    bo = world.phone("bo")
    assert pair(bo, world.grant(bo, "bo"), used).status_code == 200
    assert problem(pair(parent, right, used)) == (422, "unknown-user-code")
    world.clock.advance(timedelta(minutes=10))
    assert problem(pair(parent, right, late)) == (422, "unknown-user-code")


def test_a_phone_that_was_let_in_lets_no_other_in(world: World, parent: Phone, right: dict[str, Any]) -> None:
    child, code = let_in(right, Asking(world)), Asking(world).ask()["user_code"]
    assert problem(pair(child, right, code)) == (403, "insufficient-scope")
    assert pair(parent, right, code).status_code == 200


def test_each_of_two_codes_of_one_phone_lets_in_what_was_shown_with_it(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    """A phone that asks twice shows the second code: who says yes to the first lets nothing in by the second."""
    asking = Asking(world)
    first, second = asking.ask(device_name="First"), asking.ask(device_name="Second")
    assert pair(parent, right, first["user_code"]).status_code == 200
    assert asking.fetch(second) == "authorization_pending"
    assert [phone["name"] for phone in phones(parent, right)] == ["First"]
    assert pair(parent, right, second["user_code"]).status_code == 200
    assert [phone["name"] for phone in phones(parent, right)] == ["Second"]
    world.clock.advance(timedelta(seconds=30))
    assert (asking.fetch(first), asking.fetch(second)) == ("access_denied", "let in")


def test_a_phone_too_many_is_not_let_in_and_its_code_stays_good(world: World, parent: Phone) -> None:
    right = world.grant(parent, phones_allowed=1)
    first = Asking(world)
    let_in(right, first)
    code = Asking(world).ask()["user_code"]
    refused = pair(parent, right, code)
    assert problem(refused) == (409, "too-many-phones")
    assert (refused.json()["phones"], refused.json()["limit"]) == (1, 1)
    assert "put one out first, or allow more" in refused.json()["detail"]
    parent.step_up("right").request("PATCH", f"/v1/drawing-rights/{right['id']}", {"phones_allowed": 2})
    assert pair(parent, right, code).status_code == 200


def test_a_phone_that_is_in_is_paired_anew_and_counts_once(world: World, parent: Phone) -> None:
    right, asking = world.grant(parent, phones_allowed=1), Asking(world)
    before = let_in(right, asking)
    shown = phones(parent, right)
    world.clock.advance(HOUR)
    assert let_in(right, asking).request("GET", "/v1/me").status_code == 200
    assert before.request("GET", "/v1/me").status_code == 401
    assert phones(parent, right) == [shown[0] | {"paired_at": "2026-11-22T11:15:00Z"}]


def test_who_allows_fewer_phones_puts_none_out(world: World, parent: Phone, right: dict[str, Any]) -> None:
    children = [let_in(right, Asking(world)) for _ in range(2)]
    changed = parent.request("PATCH", f"/v1/drawing-rights/{right['id']}", {"phones_allowed": 1})
    assert changed.status_code == 200, changed.text
    assert [child.request("GET", "/v1/me").status_code for child in children] == [200, 200]
    assert problem(pair(parent, right, Asking(world).ask()["user_code"])) == (409, "too-many-phones")
