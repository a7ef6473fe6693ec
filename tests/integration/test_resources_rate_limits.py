"""Floods at the PIN and code endpoints, by person; and whose address counts where proxies stand in front."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from flask import Flask
from redis import Redis

from tests.policy.worlds import over_redis
from tests.world import PIN_KEY, Phone, World
from wallet.access.figures import RateLimits
from wallet.app import create_app
from wallet.services import Services

PIN, CODE = {"pin_key": PIN_KEY}, {"code": "123456"}
TOKEN, RIGHT = "tok_01m80w4fmse15txwnmr4we7wrg", "right_01m80w4fmse15txwnmr4we7wrg"
GUARDED = [
    ("POST", f"/v1/tokens/{TOKEN}/activate", PIN | {"biometric_key": None}, None, "pin_per_person"),
    ("PUT", f"/v1/tokens/{TOKEN}/pin", PIN, "pin", "pin_per_person"),
    ("POST", f"/v1/tokens/{TOKEN}/verification", {"method": "sms_code"}, None, "code_per_person"),
    ("POST", f"/v1/tokens/{TOKEN}/verification/confirm", CODE, None, "code_per_person"),
    ("GET", "/v1/pairings/WDJB-MJHT", None, None, "code_per_person"),
    ("POST", f"/v1/drawing-rights/{RIGHT}/pair", {"user_code": "WDJB-MJHT"}, "pair", "code_per_person"),
]

CHECK = {"numbers": ["9208900000000002"]}
ON_FILE = {"agreement": "subscription", "reference": "1", "card": {"number": "9208900000000002", "expiry": "2029-09"}}
OF_MACHINES = [
    ("/v1/merchant/blocked-cards/check", CHECK, 200, "register_per_client"),
    ("/v1/merchant/credentials", ON_FILE, 422, "registering_per_client"),
    ("/v1/merchant/webhook-endpoint/test", None, 404, "endpoint_per_client"),
    ("/v1/merchant/webhook-endpoint/replay", {"since": "2026-11-20T08:00:00Z"}, 404, "replay_per_client"),
]


def limit(world: World, **figures: str | None) -> None:
    settings = world.parts.settings.model_copy(update={"rate_limits": RateLimits(**figures)})
    world.app.extensions["tegnebog"] = replace(world.parts, settings=settings)


def knock(phone: Phone, method: str, path: str, body: Any, purpose: str | None) -> httpx.Response:
    return (phone.step_up(purpose) if purpose else phone).request(method, path, body)


@pytest.mark.parametrize(("method", "path", "body", "purpose", "name"), GUARDED)
def test_a_person_who_calls_too_often_hears_when_to_come_again_and_nobody_else_does(
    world: World, method: str, path: str, body: Any, purpose: str | None, name: str
) -> None:
    limit(world, **{name: "2 per minute"})
    phone, other_phone, bo = world.phone(), world.phone(), world.phone("bo")
    assert [knock(phone, method, path, body, purpose).status_code for _ in range(2)] == [404, 404]
    answer = knock(other_phone, method, path, body, purpose)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-requests")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert knock(bo, method, path, body, purpose).status_code == 404


@pytest.mark.parametrize(("method", "path", "body", "purpose", "name"), GUARDED)
def test_without_redis_none_of_them_lets_anybody_in(
    world: World, method: str, path: str, body: Any, purpose: str | None, name: str
) -> None:
    phone = world.phone()
    over_redis(world, "redis://127.0.0.1:9")
    assert knock(phone, method, path, body, purpose).status_code == 503


@pytest.mark.parametrize(("path", "body", "status", "name"), OF_MACHINES)
def test_a_merchant_that_calls_too_often_hears_when_to_come_again_and_no_other_does(
    world: World, path: str, body: Any, status: int, name: str
) -> None:
    limit(world, **{name: "2 per minute"})
    merchant, other = world.machine("merchant"), world.machine("merchant")
    other.client_id = another_merchant(world)
    assert [merchant.request("POST", path, body).status_code for _ in range(2)] == [status] * 2
    answer = merchant.request("POST", path, body)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert other.request("POST", path, body).status_code == status
    assert merchant.request("GET", "/v1/merchant/credentials").status_code == 200


@pytest.mark.parametrize(("path", "body", "status", "name"), OF_MACHINES)
def test_without_redis_merchants_are_not_counted_and_work_on(
    world: World, path: str, body: Any, status: int, name: str
) -> None:
    limit(world, **{name: "1 per minute"})
    over_redis(world, "redis://127.0.0.1:9")
    merchant = world.machine("merchant")
    assert [merchant.request("POST", path, body).status_code for _ in range(2)] == [status] * 2


def another_merchant(world: World) -> str:
    jwks = {"keys": [world.phone().key.as_dict(private=False) | {"kid": "1"}]}
    asked = {"kind": "merchant", "name": "Bogbiksen", "merchant_ids": ["DK-9"], "jwks": jwks}
    made = world.machine("issuer").request("POST", "/v1/issuer/requestors", asked).json()
    [client] = made["clients"]
    return str(client["client_id"])


def test_a_child_is_counted_apart_from_its_parent(world: World) -> None:
    limit(world, pin_per_person="1 per minute")
    parent = world.phone()
    child = world.child(world.grant(parent)["id"])
    _, path, body, _, _ = GUARDED[0]
    assert [caller.request("POST", path, body).status_code for caller in (parent, child)] == [404, 404]
    assert [caller.request("POST", path, body).status_code for caller in (parent, child)] == [429, 429]


def test_who_may_not_come_in_is_not_counted(world: World, redis: Redis) -> None:
    _, path, body, _, _ = GUARDED[0]
    assert world.http.request("POST", path, json=body).status_code == 401
    assert list(redis.scan_iter("access:calls:*")) == []


def test_a_call_that_was_refused_may_come_again_with_the_same_idempotency_key(world: World, redis: Redis) -> None:
    limit(world, pin_per_person="1 per minute")
    phone, key = world.phone(), {"Idempotency-Key": "once"}
    made = phone.provision(world.person("anna")["card"]).json()
    path = f"/v1/tokens/{made['id']}/activate"
    knock(phone, *GUARDED[0][:4])
    assert phone.request("POST", path, PIN, headers=key).status_code == 429
    for count in redis.scan_iter("access:calls:*"):
        redis.expire(count, 0)  # as when the minute is over
    assert phone.request("POST", path, PIN, headers=key).status_code == 200


@pytest.fixture
def behind(services: Services) -> Callable[[int], Flask]:
    """The app behind so many proxies, with one call a minute for each address."""

    def behind(proxies: int) -> Flask:
        changed = {"trusted_proxies": proxies, "rate_limits": RateLimits(token_per_address="1 per minute")}
        return create_app(replace(services, settings=services.settings.model_copy(update=changed)))

    return behind


def statuses(app: Flask, *forwarded: str | None) -> list[int]:
    """What calls through the same last proxy get, whose `X-Forwarded-For` is this."""
    sent = [{"X-Forwarded-For": each} if each else {} for each in forwarded]
    return [app.test_client().post("/oauth/token", headers=headers).status_code for headers in sent]


def test_what_is_forwarded_is_not_believed_where_no_proxy_is_trusted(behind: Callable[[int], Flask]) -> None:
    assert statuses(behind(0), "198.51.100.1", "198.51.100.2", None) == [400, 429, 429]


def test_behind_a_proxy_the_address_that_it_saw_counts_and_not_what_it_was_told(
    behind: Callable[[int], Flask],
) -> None:
    seen = ["198.51.100.1", "198.51.100.2", "6.6.6.6, 198.51.100.1", "7.7.7.7,198.51.100.1"]
    assert statuses(behind(1), *seen) == [400, 400, 429, 429]


def test_behind_two_proxies_the_address_that_the_first_saw_counts(behind: Callable[[int], Flask]) -> None:
    seen = ["198.51.100.1, 10.0.0.1", "198.51.100.2, 10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2"]
    assert statuses(behind(2), *seen) == [400, 400, 429]


@pytest.mark.parametrize("forged", ['"6.6.6.{}, 198.51.100.1', '2001:db8:{}::%", 198.51.100.1'])
def test_a_header_that_cannot_be_read_counts_as_one_address_however_it_is_forged(
    behind: Callable[[int], Flask], forged: str
) -> None:
    assert statuses(behind(1), *[forged.format(number) for number in range(3)]) == [400, 429, 429]
