"""What is counted and what never is, read off the route table."""

from tests.policy.table import Route, routes
from tests.world import World
from wallet.access.figures import RateLimits
from wallet.access.rate_limits import LIMITS

# These tell everybody the same, and look nothing up.
SAME_FOR_ALL = {"/oauth/jwks", "/oauth/device", "/.well-known/oauth-authorization-server"}
OF_ADDRESSES = {
    "/oauth/token": "token_per_address",
    "/oauth/revoke": "token_per_address",
    "/oauth/device_authorization": "pairing_per_address",
}
PIN = {"POST /v1/tokens/<token_id>/activate", "PUT /v1/tokens/<token_id>/pin"}
PROVISION = "POST /v1/tokens"
OF_MERCHANTS = {
    "POST /v1/merchant/blocked-cards/check": "register_per_client",
    "POST /v1/merchant/credentials": "registering_per_client",
}
OF_PROVIDERS = {"POST /v1/provider/tokens/<token_id>/resume": "resuming_per_token"}
OF_ENDPOINTS = {
    f"{method} /v1/{audience}/webhook-endpoint{what}": name
    for audience in ("merchant", "provider")
    for method, what, name in (
        ("PUT", "", "endpoint_per_client"),
        ("POST", "/rotate-secret", "endpoint_per_client"),
        ("POST", "/test", "endpoint_per_client"),
        ("POST", "/deliveries/<delivery_id>/retry", "endpoint_per_client"),
        ("POST", "/replay", "replay_per_client"),
    )
}
OF_MACHINES = OF_MERCHANTS | OF_PROVIDERS | OF_ENDPOINTS
CODE = {
    "POST /v1/tokens/<token_id>/verification",
    "POST /v1/tokens/<token_id>/verification/confirm",
    "GET /v1/pairings/<user_code>",
    "POST /v1/drawing-rights/<right_id>/pair",
}


def expected(route: Route) -> str | None:
    """By what a route is counted, if it is."""
    if route.path.startswith("/oauth/") and route.path not in SAME_FOR_ALL:
        return OF_ADDRESSES.get(route.path, "sign_in_per_address")
    if str(route) in OF_MACHINES:
        return OF_MACHINES[str(route)]
    if str(route) == PROVISION:
        return "provision_per_person"
    return "pin_per_person" if str(route) in PIN else "code_per_person" if str(route) in CODE else None


def test_where_somebody_could_try_things_out_calls_are_counted_and_nowhere_else(world: World) -> None:
    assert {str(route): route.limit for route in routes(world.app)} == {
        str(route): expected(route) for route in routes(world.app)
    }
    assert {str(route) for route in routes(world.app)} >= PIN | CODE | {PROVISION, *OF_MACHINES}


def test_whatever_has_to_do_with_a_pin_or_a_code_is_counted(world: World) -> None:
    named = ("/pin", "/activate", "/verification", "/confirm", "/pair", "/pairings/")
    found = {str(route) for route in routes(world.app) if any(f"{name}/" in f"{route.path}/" for name in named)}
    assert found - PIN - CODE == {"POST /v1/credentials/<credential_id>/confirm"}  # A yes, without a code.


def test_payments_blocking_and_what_a_phone_does_without_redis_are_never_counted(world: World) -> None:
    never = [
        route
        for route in routes(world.app)
        if route.path.startswith(("/v1/network/", "/v1/issuer/"))
        or (route.path.startswith(("/v1/merchant/", "/v1/provider/")) and str(route) not in OF_MACHINES)
        or route.path.endswith(("/block", "/unblock", "/suspend", "/pause", "/unpair"))
        or (route.access and route.access.without_redis)
    ]
    assert len(never) > 30
    assert [str(route) for route in never if route.limit] == []


def test_every_limit_has_figures_that_a_bank_can_set(world: World) -> None:
    used = {route.limit for route in routes(world.app) if route.limit}
    assert used == set(LIMITS)
    assert set(LIMITS) | {"sign_in_per_person", "token_per_client"} == set(RateLimits.model_fields)
