"""Webhook endpoints over HTTP: the same calls for merchants and wallet providers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select
from standardwebhooks import Webhook

from notifications import webhooks
from notifications.models import Delivery
from tests.world import World
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.events import rfc3339
from wallet.access.models import OAuthClient

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


def test_an_answer_that_is_repeated_after_a_rotation_says_what_is_so_of_the_secrets_by_then(
    world: World, clock: SetClock
) -> None:
    shop, path, key = world.machine("merchant"), "/v1/merchant/webhook-endpoint", {"Idempotency-Key": "k"}
    shop.request("PUT", path, {"url": URL}, headers=key)
    rotated = shop.request("POST", f"{path}/rotate-secret").json()
    assert shop.request("PUT", path, {"url": URL}, headers=key).json() == rotated
    clock.advance(timedelta(hours=23, minutes=59))
    again = world.machine("merchant").request("PUT", path, {"url": URL}, headers=key).json()
    assert again == rotated | {"previous_secret_until": rfc3339(clock.now() + timedelta(minutes=1))}


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
        ({"url": URL, "encryption_key": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "encryption_key"),
        ({"url": URL, "encryption_key": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "encryption_key"),
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


def test_a_new_endpoint_is_enabled_and_nobody_has_looked_at_it(world: World) -> None:
    shown = call(world, "merchant", "PUT", body={"url": URL}).json()
    assert (shown["status"], shown["check"], shown["failing_since"], shown["disabled"]) == ("enabled", None, None, None)
    assert shown["previous_secret_until"] is None


def test_what_a_look_found_and_why_it_is_disabled_are_shown_to_it_and_to_the_bank(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    now, shop = world.parts.clock.now(), requestor_id(world, "merchant")
    with world.parts.database.transaction("test") as session:
        webhooks.checked(session, shop, URL, "tls_failed", now)
        webhooks.failed(session, shop, now, gone=True)
    shown = call(world, "merchant", "GET").json()
    assert shown["check"] == {"at": rfc3339(now), "result": "tls_failed"}
    assert shown["status"] == "gone"
    assert shown["disabled"] == {"at": rfc3339(now), "reason": "answered_410"}
    path = f"/v1/issuer/requestors/{ids.to_text('reqr', shop)}/webhook-endpoint"
    assert world.machine("issuer").request("GET", path).json() == shown
    assert problem(call(world, "merchant", "POST", "/test")) == (409, "illegal-state")
    again = call(world, "merchant", "PUT", body={"url": URL}).json()
    assert (again["status"], again["disabled"], again["check"]) == ("enabled", None, None)


def test_a_rotation_says_until_when_the_secret_before_signs_along(world: World, clock: SetClock) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    rotated = call(world, "merchant", "POST", "/rotate-secret").json()
    assert rotated["previous_secret_until"] == rfc3339(clock.now() + timedelta(hours=24))


@pytest.mark.parametrize("scope", SCOPES)
def test_everything_is_asked_for_again_since_a_time(world: World, scope: str) -> None:
    since = {"since": rfc3339(world.parts.clock.now() - timedelta(days=365))}
    assert problem(call(world, scope, "POST", "/replay", since)) == (404, "not-found")
    call(world, scope, "PUT", body={"url": URL})
    answer = call(world, scope, "POST", "/replay", since)
    assert (answer.status_code, answer.json()) == (200, {"queued": 0})


def test_a_time_that_is_none_is_named(world: World, clock: SetClock) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    for body in (
        {},
        {"since": None},
        {"since": "yesterday"},
        {"since": "2026-11-22"},
        {"since": "2026-11-22T10:15:00"},
        {"since": "0000-00-00T00:00:00Z"},
        {"since": 1_700_000_000},
        {"since": rfc3339(clock.now() + timedelta(seconds=1))},
    ):
        answer = call(world, "merchant", "POST", "/replay", body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since"), body
    assert call(world, "merchant", "POST", "/replay", {"since": "0001-01-01T00:00:00Z"}).status_code == 200


def test_deliveries_are_listed_by_what_became_of_them(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    for _ in range(2):
        call(world, "merchant", "POST", "/test")
    with world.parts.database.transaction("test") as session:
        oldest = session.scalars(select(Delivery).order_by(Delivery.delivery_id)).first()
        assert oldest is not None
        oldest.state, oldest.attempts, oldest.last_status, oldest.last_error = "failed", 10, None, "timed_out"
        oldest.finished_at = world.parts.clock.now()
    [failed] = call(world, "merchant", "GET", "/deliveries?status=failed").json()["data"]
    assert (failed["attempts"], failed["last_error"]) == (10, "timed_out")
    assert (failed["finished_at"], failed["next_attempt_at"]) == (rfc3339(world.parts.clock.now()), None)
    assert len(call(world, "merchant", "GET", "/deliveries?status=pending").json()["data"]) == 1
    wrong = call(world, "merchant", "GET", "/deliveries?status=lost")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "status")
    path = f"/v1/issuer/requestors/{ids.to_text('reqr', requestor_id(world, 'merchant'))}/webhook-endpoint/deliveries"
    seen = world.machine("issuer").request("GET", path).json()
    assert seen == call(world, "merchant", "GET", "/deliveries").json()


def test_the_bank_says_who_looks_after_an_endpoint(world: World) -> None:
    issuer, path = (
        world.machine("issuer"),
        f"/v1/issuer/requestors/{ids.to_text('reqr', requestor_id(world, 'merchant'))}",
    )
    assert issuer.request("GET", path).json()["contact"] is None
    set_to = issuer.request("PATCH", path, {"contact": {"mobile": "+4520123478", "language": "en"}}).json()
    assert set_to["contact"] == {"mobile": "+45 ****** 78", "language": "en"}
    unchanged = issuer.request("PATCH", path, {"name": "Filmfloden"}).json()
    assert unchanged["contact"] == set_to["contact"]
    for contact, field in (
        ({"mobile": "20123478"}, "contact.mobile"),
        ({"mobile": "+4520123478", "language": "sv"}, "contact.language"),
        ({"language": "da"}, "contact.mobile"),
        ({"mobile": "+4520123478", "mail": "x"}, "contact.mail"),
        ("+4520123478", "contact"),
    ):
        answer = issuer.request("PATCH", path, {"contact": contact})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), contact
    assert issuer.request("PATCH", path, {"contact": None}).json()["contact"] is None


def test_the_bank_reads_and_verifies_what_happened_to_an_endpoint(world: World) -> None:
    call(world, "merchant", "PUT", body={"url": URL})
    call(world, "merchant", "POST", "/rotate-secret")
    path = f"/v1/issuer/requestors/{ids.to_text('reqr', requestor_id(world, 'merchant'))}/journal"
    entries = world.machine("issuer").request("GET", path).json()["data"]
    assert [entry["type"] for entry in entries] == ["requestor.registered", "endpoint.set", "endpoint.secret_rotated"]
    assert entries[1]["payload"]["host"] == "93.184.216.34"
    assert world.machine("issuer").request("GET", f"{path}/verify").json()["valid"] is True


def requestor_id(world: World, scope: str) -> UUID:
    """Of the demo's merchant or wallet."""
    with world.parts.database.reading() as session:
        clients = select(OAuthClient.requestor_id).where(OAuthClient.scope == scope)
        found = session.scalars(clients).one()
        assert found is not None
        return found
