"""Webhook endpoints over HTTP: the same calls for merchants and wallet providers."""

from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from standardwebhooks import Webhook

from tests.world import World
from tokenization import ids

URL = "https://93.184.216.34/hook"
SCOPES = ["merchant", "provider"]


def call(world: World, scope: str, method: str, what: str = "", body: Any = None) -> httpx.Response:
    return world.machine(scope).request(method, f"/v1/{scope}/webhook-endpoint{what}", body)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("scope", SCOPES)
def test_an_endpoint_is_set_and_its_secret_shown_once(world: World, scope: str) -> None:
    assert problem(call(world, scope, "GET")) == (404, "not-found")
    put = call(world, scope, "PUT", body={"url": URL})
    assert put.status_code == 200
    made = put.json()
    assert (made["url"], made["update_format"], made["status"]) == (URL, "token", "enabled")
    assert made["secret"].startswith("whsec_")
    Webhook(made["secret"])
    shown = call(world, scope, "GET").json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}


def test_the_secret_is_not_kept_with_an_idempotency_key_but_built_again(world: World) -> None:
    shop, path = world.machine("merchant"), "/v1/merchant/webhook-endpoint"
    answers = [shop.request("PUT", path, {"url": URL}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    with world.parts.database.reading() as session:
        kept = session.connection().exec_driver_sql("SELECT answer::text FROM wallet.idempotency_keys").scalars().all()
    assert kept
    assert not any("whsec_" in answer for answer in kept)


def test_a_rotated_secret_is_a_new_one(world: World) -> None:
    first = call(world, "merchant", "PUT", body={"url": URL}).json()["secret"]
    second = call(world, "merchant", "POST", "/rotate-secret").json()
    assert second["secret"] != first
    assert second["url"] == URL
    assert problem(call(world, "provider", "POST", "/rotate-secret")) == (404, "not-found")


def test_a_test_is_queued_and_listed_and_can_be_sent_again(world: World) -> None:
    assert problem(call(world, "merchant", "POST", "/test")) == (404, "not-found")
    call(world, "merchant", "PUT", body={"url": URL})
    queued = call(world, "merchant", "POST", "/test").json()
    assert (queued["type"], queued["status"], queued["attempts"]) == ("webhook.test", "pending", 0)
    assert call(world, "merchant", "GET", "/deliveries").json()["data"] == [queued]
    again = call(world, "merchant", "POST", f"/deliveries/{queued['id']}/retry")
    assert (again.status_code, again.json()["id"]) == (200, queued["id"])


def test_deliveries_are_listed_newest_first_in_pages(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    made = [call(world, "merchant", "POST", "/test").json()["id"] for _ in range(3)]
    first = call(world, "merchant", "GET", "/deliveries?limit=2").json()
    rest = call(world, "merchant", "GET", f"/deliveries?limit=2&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["data"] + rest["data"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_anothers_delivery_is_not_there(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    mine = call(world, "merchant", "POST", "/test").json()["id"]
    for each in (mine, ids.to_text("dlv", ids.new_id()), "nonsense"):
        assert problem(call(world, "provider", "POST", f"/deliveries/{each}/retry")) == (404, "not-found")


def test_what_cannot_be_listened_at_is_named(world: World) -> None:
    key = ECKey.generate_key("P-256")
    for body, field in (
        ({}, "url"),
        ({"url": "ftp://shop.example/hook"}, "url"),
        ({"url": "http://10.0.0.1/hook"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://user:pw@shop.example/"}, "url"),
        ({"url": URL, "update_format": "plain"}, "update_format"),
        ({"url": URL, "update_format": "encrypted_card"}, "encryption_key"),
        ({"url": URL, "encryption_key": key.as_dict(private=True)}, "encryption_key"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"),
    ):
        answer = call(world, "merchant", "PUT", body=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["field"] == field, body
    assert problem(call(world, "merchant", "GET")) == (404, "not-found")


def test_numbers_are_only_for_whom_the_bank_allows_to_hold_them(world: World) -> None:
    public = ECKey.generate_key("P-256").as_dict(private=False)
    body = {"url": URL, "update_format": "encrypted_card", "encryption_key": public}
    refused = call(world, "provider", "PUT", body=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "update_format")
    assert call(world, "merchant", "PUT", body=body).status_code == 200


def test_a_merchants_endpoint_is_not_a_providers(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    answer = world.machine("merchant").request("GET", "/v1/provider/webhook-endpoint")
    assert problem(answer) == (403, "insufficient-scope")
