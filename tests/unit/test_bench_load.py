"""The arithmetic of the load generator: percentiles, when what is due, what is late, and what an answer is."""

import asyncio
from typing import Any

import pytest

from bench import load
from bench.generator import Run
from bench.load import Answered, Load, late, moments, percentile

STOP_SECONDS = 0.2
YES = b'{"approved": true}'


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_a_value_that_so_many_percent_do_not_exceed(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_of_one_value_every_percentile_is_that_one() -> None:
    assert {percentile([7.0], percent) for percent in (0, 50, 99, 100)} == {7.0}


def test_at_a_constant_rate_moments_are_as_far_apart_whatever_is_answered() -> None:
    assert moments(5, rate=500) == [0, 0.002, 0.004, 0.006, 0.008]


def test_late_is_what_is_sent_well_after_its_moment() -> None:
    assert late([0, 0.001, load.LATE_SECONDS, 0.0051, 2]) == [0.0051, 2]


@pytest.mark.parametrize(
    ("status", "body", "is_approved"),
    [(200, YES, True), (200, b'{"approved": false}', False), (503, b'{"title": "Service Unavailable"}', False)],
    ids=["yes", "no", "error"],
)
def test_only_a_yes_is_approved(status: int, body: bytes, is_approved: bool) -> None:
    assert Answered(status, body).is_approved is is_approved


def test_a_run_counts_what_was_answered_and_not_what_was_never_sent() -> None:
    run = Run(elapsed=2, cpu=0, took=[0.1] * 10, late=0, latest=0, never_sent=4, approved=6, wrong=[])
    assert (run.answered, run.per_second) == (6, 3)


class Slow(asyncio.Protocol):
    """Says yes to every request, but not before it has been open for a while: it opens at the first one."""

    opens_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, _: bytes) -> None:
        loop = asyncio.get_running_loop()
        Slow.opens_at = Slow.opens_at or loop.time() + STOP_SECONDS
        loop.call_at(max(Slow.opens_at, loop.time()), self.answer)

    def answer(self) -> None:
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(YES), YES)
        self.transport.write(whole[:30])
        asyncio.get_running_loop().call_soon(self.transport.write, whole[30:])


async def run(count: int, connections: int, rate: float | None) -> Load:
    Slow.opens_at = 0.0
    sent = Load([load.request("/", "token", b"{}")] * count, rate)
    async with await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0) as server:
        await sent.run(server.sockets[0].getsockname()[1], connections)
        server.close()
        await asyncio.sleep(0.01)  # the other side sees that nobody is there any more
    return sent


def test_in_a_closed_loop_time_counts_from_the_sending_so_that_a_stop_is_seen_once_by_each_connection() -> None:
    sent = asyncio.run(run(count=40, connections=2, rate=None))
    assert (len(sent.answers), {*sent.sent_after}) == (40, {0.0})
    assert min(sent.took[:2]) >= STOP_SECONDS > sorted(sent.took)[20]


def test_in_an_open_loop_time_counts_from_the_moment_so_that_a_stop_is_seen_by_all_that_were_due() -> None:
    sent = asyncio.run(run(count=40, connections=2, rate=400))
    assert len(sent.answers) == 40
    assert min(sent.took) >= STOP_SECONDS - 40 / 400
    assert len(late(sent.sent_after)) >= 38  # all but the first of each connection


def test_what_never_came_to_be_sent_counts_as_having_taken_all_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "GRACE_SECONDS", 0.05)
    sent = asyncio.run(run(count=10, connections=2, rate=1000))
    assert (len(sent.answers), sent.never_sent, len(sent.took)) == (2, 8, 10)
    assert min(sent.took) >= 0.05
