"""For those who run it: alive, ready, counted, traceable, and what still works when a part is away."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import select

from tests.integration.test_http_bad_input import is_refused
from tests.policy.callers import childs_phone
from tests.policy.worlds import committing, over_database, over_redis
from tests.world import World
from tokenization import cards, ids
from tokenization.models import Card
from wallet import embedded, logs
from wallet.services import Services

REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOST = {"reason": "lost"}
ALL_WELL = {"postgresql": "ok", "redis": "ok", "keys": "ok", "relay": "ok"}


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A folder in which no server listens."""
    return tmp_path


@pytest.fixture
def out() -> Iterator[StringIO]:
    """What is logged, as a process would write it."""
    root, written = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure("INFO", written)
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_process_says_that_it_lives(world: World) -> None:
    answer = world.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_ready_when_all_parts_are_there(world: World) -> None:
    answer = world.http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "parts": ALL_WELL}


def test_it_is_not_ready_on_a_database_that_is_not_migrated(world: World, servers: embedded.Servers) -> None:
    with over_database(world, embedded.create_database(servers.database_url, "unmigrated")):
        answer = world.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"] == ALL_WELL | {"postgresql": "not migrated", "relay": "unknown"}
    embedded.drop_database(servers.database_url, "unmigrated")


def test_it_is_not_ready_without_postgresql_and_still_lives(world: World, nobody: Path) -> None:
    with over_database(world, f"postgresql+psycopg://nobody@/none?host={nobody}"):
        answer = world.http.get("/readyz")
        parts = answer.json()["parts"]
        assert (answer.status_code, parts["postgresql"], parts["relay"]) == (503, "away", "unknown")
        assert world.http.get("/healthz").status_code == 200
        answer = world.http.get("/metrics")
        assert answer.status_code == 200
        assert 'tegnebog_deliveries_waiting{endpoint="enabled"} NaN' in answer.text


def test_it_is_ready_without_redis_as_payments_and_blocks_go_on(world: World, nobody: Path) -> None:
    over_redis(world, f"unix://{nobody}/redis.sock")
    answer = world.http.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]) == (200, ALL_WELL | {"redis": "away"})


def test_it_is_ready_while_no_relay_tells_anybody_and_says_so(world: World) -> None:
    world.phone("bo").request("POST", f"/v1/cards/{world.person('bo')['card_id']}/block", LOST)
    world.clock.advance(timedelta(seconds=95))
    answer = world.http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["parts"] == ALL_WELL | {"relay": "behind: oldest event waits for 95 s"}
    assert "tegnebog_outbox_oldest_seconds 95.0" in world.http.get("/metrics").text
    world.tell()
    assert world.http.get("/readyz").json()["parts"] == ALL_WELL
    assert "tegnebog_outbox_oldest_seconds 0.0" in world.http.get("/metrics").text


def test_without_postgresql_every_call_is_503(world: World, nobody: Path) -> None:
    issuer, phone = world.machine("issuer"), world.phone()
    with over_database(world, f"postgresql+psycopg://nobody@/none?host={nobody}"):
        for answer in (issuer.request("GET", "/v1/issuer/policies"), phone.request("GET", "/v1/cards")):
            assert is_refused(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0


def test_a_card_that_is_held_too_long_is_busy_not_broken(services: Services, servers: embedded.Servers) -> None:
    with committing(services, servers, "busy") as world:
        bo, card_id = world.phone("bo"), world.person("bo")["card_id"]
        with world.parts.database.reading() as session:
            session.execute(select(Card).where(Card.card_id == ids.parse("card", card_id)).with_for_update()).one()
            answer = bo.request("POST", f"/v1/cards/{card_id}/block", LOST)
        assert is_refused(answer, 503, "busy")
        assert answer.headers["Retry-After"] == "1"
        assert bo.request("POST", f"/v1/cards/{card_id}/block", LOST).json()["status"] == "blocked"


def test_without_redis_a_card_is_blocked_at_once(world: World, nobody: Path) -> None:
    bo, path = world.phone("bo"), f"/v1/cards/{world.person('bo')['card_id']}/block"
    over_redis(world, f"unix://{nobody}/redis.sock")
    began = monotonic()
    assert bo.request("POST", path + "?dry_run=true", LOST).json()["status"] == "active"
    assert bo.request("POST", path, LOST).json()["status"] == "blocked"
    assert world.machine("issuer").request("POST", path.replace("/v1/", "/v1/issuer/"), LOST).status_code == 200
    assert monotonic() - began < 2


def test_without_redis_a_token_is_suspended_and_payments_are_decided(world: World, nobody: Path) -> None:
    bo, child = world.phone("bo"), childs_phone(world)
    token = bo.token(world.person("bo")["card"])
    over_redis(world, f"unix://{nobody}/redis.sock")
    assert world.shop().tap(token, 8_900)["reason"] == "approved"
    assert bo.request("POST", f"/v1/tokens/{token.id}/suspend", {"reason": "other"}).json()["status"] == "suspended"
    assert world.shop().tap(token, 8_900)["reason"] == "token_suspended"
    assert world.machine("merchant").request("GET", "/v1/merchant/credentials").status_code == 200
    for phone in (bo, child):
        answer = phone.request("GET", "/v1/me")
        assert is_refused(answer, 503, "unavailable")


def test_without_redis_nobody_is_let_in(world: World, nobody: Path) -> None:
    over_redis(world, f"unix://{nobody}/redis.sock")
    form = {
        "client_id": world.access["child_app"]["client_id"],
        "scope": "child",
        "device_name": "a",
        "dpop_jkt": "A" * 43,
    }
    answer = world.http.post("/oauth/device_authorization", data=form)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


def test_every_answer_has_an_id_of_its_own_and_stays_in_no_cache(world: World) -> None:
    phone, seen = world.phone(), set()
    answers = [phone.request("GET", "/v1/cards"), world.http.get("/v1/cards"), world.http.get("/nothing")]
    answers += [world.http.get(path) for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")]
    answers += [world.http.post("/oauth/token"), world.http.get("/oauth/authorize")]
    for answer in answers:
        assert REQUEST_ID.fullmatch(answer.headers["X-Request-Id"])
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        seen.add(answer.headers["X-Request-Id"])
    assert len(seen) == len(answers)


def test_the_log_tells_the_route_and_never_the_path(world: World, out: StringIO) -> None:
    number, phone = world.person("anna")["card"]["number"], world.phone()
    answer = phone.request("GET", f"/v1/cards/{number}?limit={number}")
    (line,) = [line for line in lines(out) if line["event"] == "request"]
    assert line["route"] == "/v1/cards/<card_id>"
    assert (line["method"], line["status"]) == ("GET", 422)
    assert line["request_id"] == answer.headers["X-Request-Id"] == answer.json()["request_id"]
    assert number[6:] not in out.getvalue()


def test_a_fault_of_ours_is_500_and_only_the_log_knows_more(
    world: World, out: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 4711")

    monkeypatch.setattr(cards, "current_plastic", broken)
    answer = world.phone().request("GET", f"/v1/cards/{world.person('anna')['card_id']}")
    assert is_refused(answer, 500, "internal")
    (line,) = [line for line in lines(out) if line["event"] == "surprise"]
    assert (line["route"], line["error"]) == ("/v1/cards/<card_id>", "RuntimeError")
    assert line["request_id"] == answer.json()["request_id"]
    assert any("broken" in place for place in line["exception"])
    assert "4711" not in out.getvalue() + answer.text


def test_metrics_count_by_route_and_name_nobody(world: World) -> None:
    anna = world.person("anna")
    world.phone().request("GET", f"/v1/cards/{anna['card_id']}")
    world.shop().charge_card(anna["card"], 100)
    world.http.request("BREW" + anna["card"]["number"], "/v1/cards")
    answer = world.http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for part in (
        'tegnebog_http_request_seconds_count{method="GET",route="/v1/cards/<card_id>",status="200"}',
        'tegnebog_http_request_seconds_count{method="other",route="unknown",status="405"}',
        'tegnebog_payment_decisions_total{reason="approved"}',
        "tegnebog_outbox_waiting ",
        "tegnebog_outbox_oldest_seconds ",
        "tegnebog_texts_waiting ",
        "tegnebog_texts_oldest_seconds ",
        "tegnebog_texts_put_off ",
        'tegnebog_deliveries_waiting{endpoint="enabled"} ',
        'tegnebog_deliveries_oldest_seconds{endpoint="failing"} ',
        'tegnebog_webhook_endpoints{endpoint="disabled"} ',
        "tegnebog_event_to_told_seconds_count ",
        "tegnebog_update_to_delivered_seconds_count ",
        "tegnebog_rights_overdue_seconds ",
        "tegnebog_holds_overdue_seconds ",
    ):
        assert part in answer.text
    for secret in (anna["card"]["number"], anna["card_id"], anna["name"]):
        assert secret not in answer.text


def test_public_keys_may_be_cached_and_nothing_else_of_signing_in(world: World) -> None:
    assert world.http.get("/oauth/jwks").headers["Cache-Control"] == "max-age=300"
    refused: httpx.Response = world.http.post("/oauth/token", data={"grant_type": "password"})
    assert refused.headers["Cache-Control"] == "no-store"
