"""Every route against everybody: who may not come in gets 401 or 403 and learns nothing else."""

import httpx
import pytest

from tests.integration.test_http_bad_input import Unchanged
from tests.policy.bodies import Bodies
from tests.policy.callers import of_scope, strangers, suspended
from tests.policy.neighbours import BANK, Neighbours
from tests.policy.table import v1
from tests.world import Phone, World

# A caller of each scope, and one to whom everything belongs that the others reach for.
SCOPES = {
    "wallet": "bo",
    "child": "osvald",
    "network": "other network",
    "merchant": "other merchant",
    "provider": "other provider",
    "issuer": BANK,
}
# What somebody who may be here can get, with nothing of value in the request.
LET_IN = {200, 400, 401, 403, 404, 409, 415, 422}
STREAM = "/v1/inbox/stream"
# The access journal says who was refused.
TOLD = ("tokenization.subject_journals", "tokenization.subject_journal_entries", "notifications.outbox")


def is_problem(response: httpx.Response, status: int, code: str) -> bool:
    body = response.json()
    return (
        response.status_code == body["status"] == status
        and response.headers["Content-Type"] == "application/problem+json"
        and body["type"] == f"urn:tegnebog:problem:{code}"
        and body["code"] == code
        and body["request_id"] == response.headers["X-Request-Id"]
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_a_caller_reaches_the_routes_of_its_scope(world: World, scope: str) -> None:
    caller = of_scope(world, scope)
    for route in v1(world.app):
        if scope in route.scopes and route.path != STREAM:
            answer = caller.request(route.method, route.url())
            assert answer.status_code in LET_IN, route
            assert answer.json().get("code") != "insufficient-scope", route


def test_a_good_token_of_another_scope_is_forbidden_everywhere_and_learns_nothing(world: World) -> None:
    """The same answer wherever it asks: for what is there, with a body that would do for whom it is for."""
    neighbours, bodies = Neighbours(world), Bodies(world.http.get("/openapi.json").json())
    unchanged, anybodys = Unchanged(world, but=TOLD), neighbours.theirs(BANK)
    for scope, who in SCOPES.items():
        caller, said = neighbours.callers[who], set()
        for route in v1(world.app):
            if scope in route.scopes:
                continue
            if isinstance(caller, Phone) and route.access:
                caller.step_up(route.access.step_up or "")
            answer = caller.request(route.method, route.url(anybodys.get(route.kind or "")), bodies.of(route))
            assert is_problem(answer, 403, "insufficient-scope"), (route, scope)
            said.add((answer.json()["detail"], answer.headers["WWW-Authenticate"]))
        assert len(said) == 1, scope
    assert unchanged.holds()


def test_a_stranger_gets_401_everywhere_with_a_challenge(world: World) -> None:
    calls, unchanged = strangers(world), Unchanged(world, but=TOLD)
    for who, call in calls.items():
        for route in v1(world.app):
            answer = call(route.method, route.url())
            assert answer.status_code == 401, (who, route)
            assert answer.headers["Content-Type"] == "application/problem+json", (who, route)
            assert "DPoP" in answer.headers["WWW-Authenticate"] or "Bearer" in answer.headers["WWW-Authenticate"]
    assert unchanged.holds()


def test_whom_the_bank_has_suspended_is_forbidden_everywhere(world: World) -> None:
    merchant = suspended(world)
    for route in v1(world.app):
        assert is_problem(merchant.request(route.method, route.url()), 403, "requestor-suspended"), route


def test_a_method_that_a_path_has_not_is_a_problem_that_names_those_it_has(world: World) -> None:
    paths = world.app.url_map.bind("127.0.0.1")
    for url in {route.url() for route in v1(world.app)}:
        there = set(paths.allowed_methods(url))
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - there:
            answer = world.http.request(method, url)
            assert is_problem(answer, 405, "method-not-allowed"), (method, url)
            assert set(answer.headers["Allow"].split(", ")) == there


def test_looking_changes_nothing_but_that_a_feed_notes_what_was_read(world: World) -> None:
    neighbours = Neighbours(world)
    unchanged = Unchanged(world, but=("notifications.updates",))
    for route in v1(world.app):
        if route.method == "GET" and route.path != STREAM:
            for scope in route.scopes:
                url = route.url(neighbours.theirs(SCOPES[scope]).get(route.kind or ""))
                assert neighbours.ask(SCOPES[scope], route, url).status_code < 500, route
    assert unchanged.holds()
