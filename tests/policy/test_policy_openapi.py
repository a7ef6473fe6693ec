"""What the API says of itself: valid, complete, the same as the route table, and readable without the internet."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31
from sqlalchemy import select

from notifications import bodies
from notifications.models import Update
from notifications.sending import Letter, signed_headers
from tests.policy.table import v1
from tests.world import World
from tokenization.clock import SystemClock
from tokenization.secret import Secret

# What the demo's story calls.
STORY = """
GET /v1/me
GET /v1/cards
GET /v1/cards/{}
POST /v1/cards/{}/block
GET /v1/cards/{}/payments
GET /v1/cards/{}/credentials
POST /v1/credentials/{}/confirm
PATCH /v1/credentials/{}
DELETE /v1/credentials/{}
GET /v1/inbox
POST /v1/inbox/{}/read
GET /v1/inbox/stream
POST /v1/tokens
GET /v1/tokens
GET /v1/tokens/{}
DELETE /v1/tokens/{}
POST /v1/tokens/{}/activate
POST /v1/tokens/{}/keys
PUT /v1/tokens/{}/pin
POST /v1/tokens/{}/suspend
POST /v1/tokens/{}/resume
POST /v1/cards/{}/drawing-rights
GET /v1/drawing-rights
GET /v1/drawing-rights/{}
PATCH /v1/drawing-rights/{}
DELETE /v1/drawing-rights/{}
GET /v1/drawing-rights/{}/payments
GET /v1/drawing-rights/{}/tokens
GET /v1/drawing-rights/{}/requests
POST /v1/drawing-rights/{}/requests
POST /v1/drawing-requests/{}/approve
POST /v1/drawing-requests/{}/decline
POST /v1/drawing-rights/{}/pair
POST /v1/drawing-rights/{}/unpair
POST /v1/drawing-rights/{}/pause
POST /v1/drawing-rights/{}/resume
GET /v1/pairings/{}
POST /v1/network/authorizations
GET /v1/network/authorizations/{}
POST /v1/merchant/credentials
GET /v1/merchant/credentials
GET /v1/merchant/credentials/{}
DELETE /v1/merchant/credentials/{}
GET /v1/merchant/card-updates
PUT /v1/merchant/webhook-endpoint
GET /v1/merchant/webhook-endpoint
POST /v1/merchant/webhook-endpoint/rotate-secret
POST /v1/merchant/webhook-endpoint/test
GET /v1/merchant/webhook-endpoint/deliveries
POST /v1/merchant/webhook-endpoint/deliveries/{}/retry
POST /v1/merchant/blocked-cards/check
PUT /v1/provider/webhook-endpoint
GET /v1/provider/webhook-endpoint
GET /v1/provider/tokens
GET /v1/provider/token-updates
POST /v1/provider/tokens/{}/suspend
POST /v1/provider/tokens/{}/resume
POST /v1/issuer/cardholders
PATCH /v1/issuer/cardholders/{}
POST /v1/issuer/accounts
PATCH /v1/issuer/accounts/{}
GET /v1/issuer/accounts/{}
POST /v1/issuer/cards
POST /v1/issuer/cards/{}/block
POST /v1/issuer/cards/{}/unblock
POST /v1/issuer/cards/{}/close
POST /v1/issuer/cards/{}/renew
POST /v1/issuer/cards/{}/replace
POST /v1/issuer/cards/{}/activate-plastic
POST /v1/issuer/cards/search
POST /v1/issuer/tokens/{}/suspend
POST /v1/issuer/tokens/{}/resume
DELETE /v1/issuer/tokens/{}
POST /v1/issuer/requestors
PATCH /v1/issuer/requestors/{}
GET /v1/issuer/policies
PUT /v1/issuer/policies/{}
GET /v1/issuer/cards/{}/journal
GET /v1/issuer/cards/{}/journal/verify
"""
ELSEWHERE = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']?((?:https?:)?//[^"'\s)>]+)""", re.IGNORECASE)


@pytest.fixture
def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.http.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield f"{method.upper()} {re.sub(r'{[^}]+}', '{}', path)}", operation


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    jsonschema_rs.validator_for(OPENAPI_31).validate(document)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        place = document
        for name in reference.split("/"):
            place = place[name]


def test_it_has_what_the_story_calls(document: dict[str, Any]) -> None:
    assert set(STORY.strip().splitlines()) - {name for name, _ in operations(document)} == set()


def test_it_has_every_route_and_no_other(world: World, document: dict[str, Any]) -> None:
    there = {f"{route.method} {re.sub(r'<[^>]+>', '{}', route.path)}" for route in v1(world.app)}
    assert {name for name, _ in operations(document)} == there


def test_every_refusal_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert "default" in operation["responses"], name
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                named = response["$ref"].rpartition("/")[2]
                assert document["components"]["responses"][named]["content"].keys() == {"application/problem+json"}


def test_every_operation_says_who_may_call_it_and_what_it_does(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["security"], name
        assert operation["summary"], name
        headers = {parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"] if "$ref" in parameter}
        assert ("Idempotency-Key" in headers) == (not name.startswith("GET ")), name
        assert ("X-Actor" in headers) == (" /v1/issuer/" in name), name


def test_what_is_given_as_an_example_is_one(document: dict[str, Any]) -> None:
    """Of a whole body, and of each field."""
    found = list(examples(document))
    assert len(found) > 20
    for place, schema, example in found:
        whole = {**schema, "components": document["components"]}
        assert jsonschema_rs.validator_for(whole, validate_formats=True).is_valid(example), (place, example)


def examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where each stands, the schema that it is an example of, and the example."""
    for name, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in content:
            yield name, content["schema"], content["example"]
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            yield from ((f"{name}.{field}", about, example) for example in about.get("examples", ()))


def webhook_schema(document: dict[str, Any], kind: str) -> jsonschema_rs.Validator:
    """What the body of a webhook must be."""
    post = document["webhooks"][kind]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"] | {"components": document["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def test_webhooks_are_described_with_the_headers_that_they_come_with(document: dict[str, Any]) -> None:
    assert document["webhooks"].keys() == {"credential.updated", "token.updated", "webhook.test"}
    letter = Letter("dlv_1", "https://shop.example", "{}", [Secret("whsec_c2VjcmV0")])
    sent = {name for name, _ in signed_headers(letter, SystemClock().now()) if name.startswith("webhook-")}
    for webhook in document["webhooks"].values():
        assert {each["$ref"].rpartition("/")[2] for each in webhook["post"]["parameters"]} == sent
    sample = {"type": "webhook.test", "timestamp": "2026-11-22T10:15:00Z", "data": {}}
    webhook_schema(document, "webhook.test").validate(sample)
    assert not webhook_schema(document, "webhook.test").is_valid(sample | {"timestamp": "today"})


def things_happen(world: World) -> None:
    """Cards on file are replaced, closed and opted out; of two tokens one is held back."""
    phone, bank, shop = world.phone(), world.machine("issuer"), world.machine("merchant")
    made = [each.active(world.person("anna")["card"])["id"] for each in (phone, world.phone())]
    phone.request("POST", f"/v1/tokens/{made[0]}/suspend", {"reason": "other"})
    kept: list[str] = []
    for owner, name in ((phone, "anna"), (phone, "anna"), (world.phone("bo"), "bo")):
        card = {field: world.person(name)["card"][field] for field in ("number", "expiry")}
        asked = {"card": card, "agreement": "subscription", "reference": str(len(kept))}
        kept.append(shop.request("POST", "/v1/merchant/credentials", asked).json()["id"])
        owner.request("POST", f"/v1/credentials/{kept[-1]}/confirm", {"automatic_update": True})
    of_anna, of_bo = (f"/v1/issuer/cards/{world.person(name)['card_id']}" for name in ("anna", "bo"))
    bank.request("POST", f"{of_anna}/replace", {"reason": "bank"})
    world.tell()
    phone.request("PATCH", f"/v1/credentials/{kept[0]}", {"automatic_update": False})
    bank.request("POST", f"{of_bo}/close")
    world.tell()


def test_what_requestors_are_told_is_what_is_described_no_more_and_no_less(
    world: World, document: dict[str, Any]
) -> None:
    things_happen(world)
    vault, now = world.parts.vault, world.clock.now()
    with world.parts.database.transaction("test") as session:
        entries = session.scalars(select(Update).order_by(Update.kind.desc(), Update.seq)).all()
        entries[0].facts = {}  # as those of tokens were before it was told what had happened
        session.flush()
        whose = {(entry.kind, entry.requestor_id) for entry in entries}
        made = {kind: bodies.feed(session, vault, owner, kind, limit=200, now=now).bodies for kind, owner in whose}
        sent = [body for entry in entries if (body := bodies.compose(session, vault, entry, now))]
    assert {body["data"]["code"] for body in made["credential.updated"]} == {"A", "O", "C"}
    for field in ("operation", "because", "reason"):
        assert {body["data"][field] is None for body in made["token.updated"]} == {True, False}
    for body in (*sent, *made["credential.updated"], *made["token.updated"]):
        webhook_schema(document, body["type"]).validate(body)
    for kind, scope, path in (
        ("credential.updated", "merchant", "/v1/merchant/card-updates"),
        ("token.updated", "provider", "/v1/provider/token-updates"),
    ):
        assert world.machine(scope).request("GET", path).json()["data"] == made[kind]


def test_the_stream_says_that_it_goes_on_behind_a_message(document: dict[str, Any]) -> None:
    [header] = [each for each in document["paths"]["/v1/inbox/stream"]["get"]["parameters"] if "$ref" not in each]
    assert (header["in"], header["name"], header["schema"]["pattern"][:5]) == ("header", "Last-Event-ID", "^msg_")


def test_the_docs_name_no_address_elsewhere(world: World) -> None:
    page = world.http.get("/docs/")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    local = re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text)
    assert local
    assert ELSEWHERE.findall(page.text) == []
    for path in local:
        asset = world.http.get(path)
        assert asset.status_code == 200
        if path.endswith(".css"):
            assert ELSEWHERE.findall(asset.text) == []
    assert '"validatorUrl": null' in page.text


def test_an_address_elsewhere_would_be_found() -> None:
    assert ELSEWHERE.findall('<script src="https://cdn.example/x.js">') == ["https://cdn.example/x.js"]
    assert ELSEWHERE.findall("background: url(//cdn.example/x.png)") == ["//cdn.example/x.png"]
