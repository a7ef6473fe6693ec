"""Asking for more over HTTP: what a child asks, what its parent answers, and nobody else."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.drawing_rights import POLICY
from tests.world import Phone, World
from tokenization import ids
from tokenization.journal.models import JournalEntry

DAY = timedelta(days=1)
EXACTLY = "Må jeg? 🎁 e\u0301 شكرا 🏳️‍🌈 " + "x" * 177


class Family:
    """Anna, who granted a right on her card, and Emil, who has it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.anna = world.phone()
        self.right_id = world.grant(self.anna, limits={"per_payment": 20_000, "per_day": 50_000})["id"]
        self.emil = world.child(self.right_id)
        self.path = f"/v1/drawing-rights/{self.right_id}/requests"

    def ask(self, **body: Any) -> httpx.Response:
        usual = {"kind": "one_off", "amount": 25_000}
        headers = body.pop("headers", None)
        return self.emil.request("POST", self.path, {**usual, **body}, headers=headers)

    def asked(self, **body: Any) -> str:
        answer = self.ask(**body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def decide(self, request_id: str, how: str = "approve", by: Phone | None = None) -> httpx.Response:
        phone = by or self.anna
        return phone.step_up("approve").request("POST", f"/v1/drawing-requests/{request_id}/{how}")

    def status(self, request_id: str) -> str:
        found = self.anna.request("GET", self.path).json()["data"]
        return str(next(each["status"] for each in found if each["id"] == request_id))

    def limits(self) -> dict[str, Any]:
        right: dict[str, Any] = self.anna.request("GET", f"/v1/drawing-rights/{self.right_id}").json()
        return dict(right["limits"])


@pytest.fixture
def family(world: World) -> Family:
    return Family(world)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def test_parent_and_child_see_what_was_asked_newest_first_in_pages(family: Family) -> None:
    first, second, third = (family.asked(message=text) for text in "abc")
    for phone in (family.anna, family.emil):
        page = phone.request("GET", f"{family.path}?limit=2").json()
        assert [each["id"] for each in page["data"]] == [third, second]
        rest = phone.request("GET", f"{family.path}?cursor={page['next_cursor']}").json()
        assert ([each["id"] for each in rest["data"]], rest["next_cursor"]) == ([first], None)


def test_requests_are_listed_by_what_has_become_of_them(family: Family) -> None:
    lapsing = family.asked()
    family.world.clock.advance(timedelta(days=6))
    raised = family.asked(kind="raise", limit="per_day", amount=60_000)
    family.decide(raised)
    declined, waiting = family.asked(), family.asked()
    family.anna.request("POST", f"/v1/drawing-requests/{declined}/decline")
    family.world.clock.advance(timedelta(days=1))
    for status, only in {"open": waiting, "approved": raised, "declined": declined, "lapsed": lapsing}.items():
        found = family.anna.request("GET", f"{family.path}?status={status}").json()["data"]
        assert [(each["id"], each["status"]) for each in found] == [(only, status)]
    assert fields(family.anna.request("GET", f"{family.path}?status=waiting")) == ["status"]


def test_a_request_about_no_payment_names_no_merchant(family: Family) -> None:
    assert (
        family.ask(message="Må jeg?").json().items()
        >= {
            "amount": 25_000,
            "limit": "per_payment",
            "payment_id": None,
            "merchant": None,
            "message": "Må jeg?",
            "status": "open",
        }.items()
    )


def test_a_raise_that_is_approved_is_the_limit_at_once(family: Family) -> None:
    request = family.asked(kind="raise", limit="per_day", amount=60_000)
    answer = family.decide(request)
    assert (answer.status_code, answer.json()["status"], answer.json()["lapses_at"]) == (200, "approved", None)
    assert family.limits()["per_day"] == 60_000
    assert family.limits()["per_payment"] == 20_000


def test_a_no_changes_nothing(family: Family) -> None:
    request = family.asked(kind="raise", limit="per_day", amount=60_000)
    answer = family.anna.request("POST", f"/v1/drawing-requests/{request}/decline")
    assert (answer.status_code, answer.json()["status"]) == (200, "declined")
    assert answer.json()["decided_at"]
    assert family.limits()["per_day"] == 50_000


def test_a_yes_wants_a_fresh_sign_in_for_it_and_a_no_does_not(family: Family) -> None:
    request = family.asked()
    for purpose in (None, "right"):
        family.anna.purpose = purpose
        answer = family.anna.request("POST", f"/v1/drawing-requests/{request}/approve")
        assert answer.status_code == 401
        assert 'purpose="approve"' in answer.headers["WWW-Authenticate"]
    assert family.anna.request("POST", f"/v1/drawing-requests/{request}/decline").status_code == 200


@pytest.mark.parametrize("how", ["approve", "decline"])
def test_nobody_but_the_grantor_decides(family: Family, how: str) -> None:
    request = family.asked()
    assert problem(family.decide(request, how, by=family.emil)) == (403, "insufficient-scope")
    assert problem(family.decide(request, how, by=family.world.phone("bo"))) == (404, "not-found")
    assert family.status(request) == "open"


def test_a_grantor_asks_nobody(family: Family) -> None:
    answer = family.anna.request("POST", family.path, {"kind": "one_off", "amount": 1})
    assert problem(answer) == (403, "insufficient-scope")


def test_what_is_decided_is_decided(family: Family) -> None:
    request = family.asked()
    family.decide(request)
    assert problem(family.decide(request)) == (409, "illegal-state")
    assert family.decide(request, "decline").json()["status"] == "declined", "a one-off that no payment took yet"
    for how in ("approve", "decline"):
        assert problem(family.decide(request, how)) == (409, "illegal-state")


@pytest.mark.parametrize(
    ("kind", "limit"), [("one_off", "per_payment"), ("raise", "per_payment"), ("raise", "per_day")]
)
def test_above_the_ceiling_there_is_no_yes_and_the_request_stays_open(family: Family, kind: str, limit: str) -> None:
    request = family.asked(kind=kind, limit=limit, amount=300_001)
    answer = family.decide(request)
    assert problem(answer) == (422, "exceeds-scheme-ceiling")
    assert fields(answer) == [f"limits.{limit}"]
    assert family.status(request) == "open"
    assert family.decide(request, "decline").status_code == 200


def test_while_its_right_is_paused_a_child_asks_nothing_and_a_parent_may_answer(family: Family) -> None:
    request = family.asked()
    family.anna.request("POST", f"/v1/drawing-rights/{family.right_id}/pause")
    assert problem(family.ask()) == (409, "illegal-state")
    assert family.decide(request).json()["status"] == "approved"


def test_to_a_revoked_right_nothing_is_added(family: Family) -> None:
    request = family.asked(kind="raise", limit="per_day", amount=60_000)
    family.anna.request("DELETE", f"/v1/drawing-rights/{family.right_id}")
    assert problem(family.decide(request)) == (409, "illegal-state")
    assert family.decide(request, "decline").status_code == 200


def test_so_many_may_wait_and_so_many_be_asked_in_a_day(family: Family) -> None:
    figures = asdict(POLICY) | {"open_requests": 1, "requests_per_day": 2}
    path = "/v1/issuer/policies/drawing_rights"
    assert family.world.machine("issuer").request("PUT", path, {"figures": figures}).status_code == 200
    first = family.asked()
    assert problem(family.ask()) == (409, "too-many-open-requests")
    family.decide(first, "decline")
    family.world.clock.advance(DAY / 4)
    family.decide(family.asked(), "decline")
    answer = family.ask()
    assert problem(answer) == (429, "too-many-requests")
    assert answer.headers["Retry-After"] == str(18 * 3_600)
    family.world.clock.advance(3 * DAY / 4)
    assert family.ask().status_code == 201


def test_what_nobody_answers_lapses(family: Family) -> None:
    request = family.asked()
    family.world.clock.advance(7 * DAY)
    assert family.status(request) == "lapsed"
    assert problem(family.decide(request)) == (409, "illegal-state")


def test_a_key_makes_one_request_and_one_answer(family: Family) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (family.ask(headers=headers) for _ in range(2))
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    path = f"/v1/drawing-requests/{first.json()['id']}/approve"
    yes = [family.anna.step_up("approve").request("POST", path, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in yes] == [200, 200]
    assert yes[0].json() == yes[1].json()
    assert len(family.emil.request("GET", family.path).json()["data"]) == 1


def test_of_other_peoples_payments_a_child_learns_nothing(family: Family) -> None:
    own = family.world.shop().charge_card(family.world.person("anna")["card"], 99_999_999)["id"]
    nothing = ids.to_text("pay", ids.new_id())
    answers = [family.ask(payment_id=each) for each in (own, nothing)]
    assert [fields(answer) for answer in answers] == [["payment_id"]] * 2
    assert answers[0].json()["errors"] == answers[1].json()["errors"]


def test_a_message_is_kept_exactly(family: Family) -> None:
    assert len(EXACTLY) == 200
    assert family.ask(message=EXACTLY).json()["message"] == EXACTLY


def test_no_message_holds_a_card_number(family: Family) -> None:
    number = family.world.person("anna")["card"]["number"]
    for written in (number, " ".join(re.findall("....", number))):
        assert fields(family.ask(message=f"mit kort er {written}!")) == ["message"]
    with family.world.parts.database.reading() as session:
        types = session.scalars(select(JournalEntry.type).where(JournalEntry.type.startswith("drawing_request")))
        assert types.all() == []


NONSENSE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": None}, "kind"),
    ({"kind": "gift"}, "kind"),
    ({"amount": 0}, "amount"),
    ({"amount": -1}, "amount"),
    ({"amount": 10**12}, "amount"),
    ({"amount": "25000"}, "amount"),
    ({"amount": 1.5}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": None}, "amount"),
    ({"limit": "per_year"}, "limit"),
    ({"limit": 1}, "limit"),
    ({"kind": "raise"}, "limit"),
    ({"kind": "raise", "limit": "per_week"}, "limit"),
    ({"kind": "raise", "limit": "per_day", "amount": 50_000}, "amount"),
    ({"payment_id": "pay_1"}, "payment_id"),
    ({"payment_id": 1}, "payment_id"),
    ({"message": ""}, "message"),
    ({"message": "x" * 201}, "message"),
    ({"message": "a\u0000b"}, "message"),
    ({"message": "a\u202eb"}, "message"),
    ({"message": ["a"]}, "message"),
    ({"urgent": True}, "urgent"),
)


def test_a_request_that_makes_no_sense_names_the_field(family: Family) -> None:
    for body, field in NONSENSE:
        assert fields(family.ask(**body)) == [field], body
    assert family.emil.request("GET", family.path).json()["data"] == []
