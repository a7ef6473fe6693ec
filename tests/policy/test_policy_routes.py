"""What must hold of every route, read off the route table: who may call it, and how it reaches the database."""

import pytest

from tests.policy.table import Route, routes, v1
from tests.world import World
from wallet.access.guard import OPEN

SCOPES = {"wallet", "child", "network", "merchant", "provider", "issuer"}
# Nothing of the bank's or of a person's is behind these.
OPERATIONS = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/", "/docs/<path:path>"}
# RFC 6749 and its relatives: they check clients, proofs, codes themselves.
OAUTH = {
    "/oauth/authorize",
    "/oauth/par",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/device_authorization",
    "/oauth/device",
    "/oauth/jwks",
    "/oauth/mitid/callback",
    "/.well-known/oauth-authorization-server",
}
AUDIENCES = {"issuer": {"issuer"}, "network": {"network"}, "merchant": {"merchant"}, "provider": {"provider"}}
# Reached while Redis is away, as their callers must, or with nothing in Redis.
WITHOUT_REDIS = {
    "POST /v1/cards/<card_id>/block",
    "POST /v1/tokens/<token_id>/suspend",
    "POST /v1/issuer/cards/<card_id>/block",
}
# What was read of them is noted as received.
FEEDS = {"GET /v1/merchant/card-updates", "GET /v1/provider/token-updates"}


@pytest.fixture
def api(world: World) -> list[Route]:
    return v1(world.app)


def test_every_route_says_who_may_call_it(api: list[Route]) -> None:
    assert [str(route) for route in api if not route.scopes] == []
    assert {scope for route in api for scope in route.scopes} == SCOPES


def test_nothing_is_open_but_a_named_few(world: World) -> None:
    guarded = {route.path for route in v1(world.app)}
    assert {route.path for route in routes(world.app)} - guarded == OPERATIONS | OAUTH


def test_what_is_open_to_all_says_so(world: World) -> None:
    assert {route.path for route in routes(world.app) if route.access is OPEN} == OAUTH


def test_what_writes_does_so_in_one_transaction(api: list[Route]) -> None:
    assert [str(route) for route in api if route.method != "GET" and route.opens != "transaction"] == []


def test_what_only_looks_opens_no_transaction_but_where_it_is_noted_who_has_read_what(api: list[Route]) -> None:
    looks = {str(route): route.opens for route in api if route.method == "GET"}
    assert {each for each, opens in looks.items() if opens not in ("session", None)} == FEEDS
    assert {looks[each] for each in FEEDS} == {"note"}


def test_each_machine_has_a_part_of_the_api_to_itself(api: list[Route]) -> None:
    for route in api:
        part = route.path.split("/")[2]
        assert route.scopes == AUDIENCES.get(part, route.scopes - {"issuer", "network", "merchant", "provider"}), route


def test_only_blocking_and_suspending_do_without_redis(api: list[Route]) -> None:
    assert {str(route) for route in api if route.access and route.access.without_redis} == WITHOUT_REDIS
