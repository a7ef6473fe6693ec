"""Every route against everybody: who may not come in gets 401 or 403 and learns nothing else."""

import httpx
import pytest

from tests.integration.test_http_bad_input import Unchanged
from tests.integration.test_http_not_yours import Neighbours
from tests.policy.callers import childs_phone, of_scope, strangers
from tests.policy.table import v1
from tests.world import World

SCOPES = ("wallet", "child", "network", "merchant", "provider", "issuer")
# What somebody who may be here can get, with nothing of value in the request.
LET_IN = {200, 400, 401, 403, 404, 409, 415, 422}
STREAM = "/v1/inbox/stream"


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
def test_a_caller_reaches_the_routes_of_its_scope_and_no_other(world: World, scope: str) -> None:
    caller = of_scope(world, scope)
    for route in v1(world.app):
        if scope in route.scopes and route.path == STREAM:
            continue
        answer = caller.request(route.method, route.url())
        if scope in route.scopes:
            assert answer.status_code in LET_IN, route
            assert answer.json().get("code") != "insufficient-scope", route
        else:
            assert is_problem(answer, 403, "insufficient-scope"), route


def test_a_stranger_gets_401_everywhere_with_a_challenge(world: World) -> None:
    for who, call in strangers(world).items():
        for route in v1(world.app):
            answer = call(route.method, route.url())
            assert answer.status_code == 401, (who, route)
            assert answer.headers["Content-Type"] == "application/problem+json", (who, route)
            assert "DPoP" in answer.headers["WWW-Authenticate"] or "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_method_that_a_path_has_not_is_a_problem_that_names_those_it_has(world: World) -> None:
    paths = world.app.url_map.bind("127.0.0.1")
    for url in {route.url() for route in v1(world.app)}:
        there = set(paths.allowed_methods(url))
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - there:
            answer = world.http.request(method, url)
            assert is_problem(answer, 405, "method-not-allowed"), (method, url)
            assert set(answer.headers["Allow"].split(", ")) == there


def test_looking_changes_nothing(world: World) -> None:
    neighbours = Neighbours(world)
    callers = {"wallet": world.phone("bo"), "child": childs_phone(world, "bo")}
    unchanged = Unchanged(world)
    for route in v1(world.app):
        if route.method == "GET" and route.path != STREAM:
            for scope in route.scopes:
                caller = callers.get(scope) or world.machine(scope)
                assert caller.request("GET", neighbours.url(route)).status_code < 500, route
    assert unchanged.holds()
