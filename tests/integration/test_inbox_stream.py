"""The stream of an inbox: what it gives, and when it ends."""

from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from notifications import inbox, outbox, relay
from tests.world import Phone, World
from tokenization import ids
from wallet.access import sessions


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def lines(world: World, phone: Phone) -> Iterator[Iterator[str]]:
    """The stream of Anna's inbox, already listening."""
    token, url = phone.access_token(), f"{world.parts.settings.public_url}/v1/inbox/stream"
    headers = {"Authorization": f"DPoP {token}", "DPoP": phone.proof("GET", url, token)}
    with world.http.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == httpx.codes.OK
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        yield lines


def block(world: World, phone: Phone) -> None:
    """Something to be told of."""
    path = f"/v1/cards/{world.person('anna')['card_id']}/block"
    assert phone.request("POST", path, {"reason": "lost"}).status_code == 200
    now = world.clock.now()
    with world.parts.database.transaction("test") as session:
        grown = {who for event in outbox.claim(session, now, 10) for who in relay.fan_out(session, event, now)}
    inbox.wake(world.parts.redis, grown)


def test_a_message_comes_as_an_event(world: World, phone: Phone, lines: Iterator[str]) -> None:
    block(world, phone)
    wanted = (line for line in lines if line.startswith("data:"))
    assert '"kind": "card.blocked"' in next(wanted)


def test_the_stream_ends_with_its_session(world: World, phone: Phone, lines: Iterator[str], redis: Redis) -> None:
    with world.parts.database.transaction("test") as session:
        sessions.end(session, phone.session_id, reason="device_stolen", now=world.clock.now())
    redis.publish(inbox.channel(ids.parse("holder", world.person("anna")["cardholder_id"])), b"")
    assert [line for line in lines if line] == []
