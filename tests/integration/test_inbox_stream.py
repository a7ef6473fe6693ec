"""The stream of an inbox: what it gives, and when it ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from uuid import UUID

import httpx
import pytest
from redis import Redis

from notifications import inbox, outbox, telling
from tests.world import Phone, World
from tokenization import ids
from wallet.access import sessions
from wallet.resources import inbox as resource
from wallet.streams import PER_PERSON


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def anna(world: World) -> UUID:
    return ids.parse("holder", world.person("anna")["cardholder_id"])


def stream(world: World, phone: Phone, last_seen: str | None = None) -> AbstractContextManager[httpx.Response]:
    """A stream of that phone's inbox, from behind the message that it had last."""
    token, url = phone.access_token(), f"{world.parts.settings.public_url}/v1/inbox/stream"
    headers = {"Authorization": f"DPoP {token}", "DPoP": phone.proof("GET", url, token)}
    headers |= {"Last-Event-ID": last_seen} if last_seen is not None else {}
    return world.http.stream("GET", url, headers=headers)


def listeners(redis: Redis, recipient: UUID) -> int:
    """How many listen at Redis for that person's messages."""
    return int(redis.pubsub_numsub(inbox.channel(recipient))[0][1])


@pytest.fixture
def lines(world: World, phone: Phone) -> Iterator[Iterator[str]]:
    """The stream of Anna's inbox, already listening."""
    with stream(world, phone) as answer:
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
        grown = {who for event in outbox.claim(session, now, 10) for who in telling.fan_out(session, event, now)}
    inbox.wake(world.parts.redis, grown)


def test_a_message_comes_as_an_event(world: World, phone: Phone, lines: Iterator[str]) -> None:
    block(world, phone)
    wanted = (line for line in lines if line.startswith("data:"))
    assert '"kind": "card.blocked"' in next(wanted)


def test_a_phone_that_was_cut_off_gets_what_came_meanwhile_each_once(
    world: World, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "STREAM_PAGE", 2)
    for _ in range(3):
        block(world, phone)
        world.machine("issuer").request("POST", f"/v1/issuer/cards/{world.person('anna')['card_id']}/unblock")
    world.tell()
    came = [message["id"] for message in phone.request("GET", "/v1/inbox").json()["data"]][::-1]
    assert len(came) == 6
    with stream(world, phone, came[0]) as answer:
        shown = (line.removeprefix("id: ") for line in answer.iter_lines() if line.startswith("id: "))
        assert [next(shown) for _ in came[1:]] == came[1:]


def test_a_stream_from_behind_what_is_still_to_come_begins_now(world: World, phone: Phone) -> None:
    for _ in range(2):  # an empty inbox, and one with a message
        with stream(world, phone, ids.to_text("msg", UUID(int=2**128 - 1))) as answer:
            lines = (line for line in answer.iter_lines() if line)
            assert next(lines) == ": listening"
            block(world, phone)
            assert [next(lines)[:6] for _ in range(3)] == ["event:", "id: ms", "data: "]
            world.machine("issuer").request("POST", f"/v1/issuer/cards/{world.person('anna')['card_id']}/unblock")


def test_a_stream_from_behind_no_message_is_refused(world: World, phone: Phone) -> None:
    with stream(world, phone, "msg_nothing") as answer:
        assert (answer.status_code, answer.read() and answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


def test_the_stream_ends_with_its_session(
    world: World, phone: Phone, lines: Iterator[str], anna: UUID, redis: Redis
) -> None:
    with world.parts.database.transaction("test") as session:
        sessions.end(session, phone.session_id, reason="device_stolen", now=world.clock.now())
    redis.publish(inbox.channel(anna), b"")
    assert [line for line in lines if line] == []


def test_the_newest_stream_ends_the_oldest(
    world: World, phone: Phone, lines: Iterator[str], anna: UUID, redis: Redis
) -> None:
    with ExitStack() as newer:
        for _ in range(PER_PERSON):
            assert next(newer.enter_context(stream(world, phone)).iter_lines()) == ": listening"
        assert world.parts.places.held(anna) == PER_PERSON
        assert [line for line in lines if line] == []
        assert listeners(redis, anna) == PER_PERSON
    assert world.parts.places.held(anna) == 0


def test_a_stream_that_is_left_gives_its_place_and_its_line_back(
    world: World, phone: Phone, anna: UUID, redis: Redis
) -> None:
    with stream(world, phone) as answer:
        next(answer.iter_lines())
        assert (world.parts.places.held(anna), listeners(redis, anna)) == (1, 1)
    assert (world.parts.places.held(anna), listeners(redis, anna)) == (0, 0)


def test_a_stream_that_nobody_reads_gives_its_place_and_its_line_back(
    world: World, phone: Phone, anna: UUID, redis: Redis
) -> None:
    assert phone.request("HEAD", "/v1/inbox/stream").status_code == httpx.codes.OK
    with stream(world, phone):
        assert world.parts.places.held(anna) == 1
    assert (world.parts.places.held(anna), listeners(redis, anna)) == (0, 0)
