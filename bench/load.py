"""The load generator: raw asyncio, one thread, in a process of its own, so that its CPU is told apart.

Closed loop: each connection asks again as soon as it has its answer. Open loop: requests are sent at a constant rate,
whatever is answered, and their time counts from the moment at which they were to be sent: who has to wait for an answer
before he may ask would never ask while it is slow, and never see how slow (coordinated omission).
"""

import asyncio
import gc
import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from time import process_time
from typing import Any, Final

LATE_SECONDS: Final = 0.005  # a request that was sent so much after its moment; the clock of asyncio ticks each 0.001
GRACE_SECONDS: Final = 5  # after the last moment; who has not been sent by then never is
WHOLE_SECONDS: Final = 120
_SHOWN: Final = 3


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the values, which are in order, that so many percent of them do not exceed (nearest rank)."""
    return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1]


def moments(count: int, rate: float) -> list[float]:
    """When so many requests are due at a constant rate: seconds from the beginning."""
    return [number / rate for number in range(count)]


def late(sent_after: Sequence[float]) -> list[float]:
    """Of the seconds between a request's moment and its sending those that are too long."""
    return [seconds for seconds in sent_after if seconds > LATE_SECONDS]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back to one request."""

    status: int
    body: bytes

    @property
    def is_approved(self) -> bool:
        """Whether it was decided, with a yes."""
        return self.status == 200 and json.loads(self.body)["approved"] is True


class Line(asyncio.Protocol):
    """A keep-alive HTTP connection with one request under way at most."""

    def __init__(self, on_answer: Callable[["Line", Answered], None], on_loss: Callable[[], None]) -> None:
        self._on_answer, self._on_loss = on_answer, on_loss
        self._read = b""

    def connection_made(self, transport: Any) -> None:
        """Keep what is written to."""
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """The service has closed it."""
        self._on_loss()

    def send(self, request: bytes) -> None:
        """Ask; the answer comes by `on_answer`."""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Put together what arrives; granian gives every answer of ours a Content-Length."""
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) >= length:
            self._read = b""
            self._on_answer(self, Answered(int(head[9:12]), rest))

    def close(self) -> None:
        """No more requests."""
        self._transport.abort()


class Load:
    """All requests of one run over so many connections: no more than that are ever under way."""

    def __init__(self, requests: Sequence[bytes], rate: float | None) -> None:
        self._requests = requests
        self._due = moments(len(requests), rate) if rate else None
        self._waiting: deque[int] = deque() if rate else deque(range(len(requests)))
        self._free: list[Line] = []
        self._under_way: dict[Line, tuple[int, float]] = {}
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.took: list[float] = []
        self.sent_after: list[float] = []
        self.answers: list[Answered] = []
        self.never_sent = 0

    async def run(self, port: int, connections: int) -> float:
        """Connect, then send everything and wait for the last answer; how long that took. Raises ConnectionError."""
        for _ in range(connections):
            _, line = await self._loop.create_connection(lambda: Line(self._done, self._lost), "127.0.0.1", port)
            self._free.append(line)
        lines = [*self._free]
        self._began = self._loop.time()
        if self._due:
            self._tick(0)
            self._loop.call_at(self._began + self._due[-1] + GRACE_SECONDS, self._give_up, self._due)
        self._send()
        async with asyncio.timeout(WHOLE_SECONDS):
            await self._over
        elapsed = self._loop.time() - self._began
        for line in lines:
            line.close()
        return elapsed

    def _tick(self, number: int) -> None:
        """Let those wait to be sent whose moment has come."""
        due, since = self._due or [], self._loop.time() - self._began
        while number < len(due) and due[number] <= since:
            self._waiting.append(number)
            number += 1
        if number < len(due):
            self._loop.call_at(self._began + due[number], self._tick, number)
        self._send()

    def _send(self) -> None:
        while self._free and self._waiting:
            line, number, now = self._free.pop(), self._waiting.popleft(), self._loop.time()
            since = self._began + self._due[number] if self._due else now
            self.sent_after.append(now - since)
            self._under_way[line] = number, since
            line.send(self._requests[number])

    def _done(self, line: Line, answer: Answered) -> None:
        _, since = self._under_way.pop(line)
        self.took.append(self._loop.time() - since)
        self.answers.append(answer)
        self._free.append(line)
        self._send()
        self._end()

    def _give_up(self, due: Sequence[float]) -> None:
        """So long at least those would have taken."""
        self.never_sent = len(self._waiting)
        self.took += [self._loop.time() - self._began - due[number] for number in self._waiting]
        self._waiting.clear()
        self._end()

    def _end(self) -> None:
        if len(self.took) == len(self._requests) and not self._over.done():
            self._over.set_result(None)

    def _lost(self) -> None:
        if not self._over.done():
            self._over.set_exception(ConnectionError("a connection was closed while there was more to send"))


def request(path: str, token: str, body: bytes) -> bytes:
    """A POST as it goes over the line."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}"
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def _run(plan: dict[str, Any], bodies: Sequence[bytes]) -> dict[str, Any]:
    load = Load([request(plan["path"], plan["token"], body) for body in bodies], plan["rate"])
    gc.disable()  # its pauses are not the service's
    began = process_time()
    elapsed = await load.run(plan["port"], plan["connections"])
    cpu = process_time() - began
    wrong = [answer for answer in load.answers if not answer.is_approved]
    too_late = late(load.sent_after)
    return {
        "elapsed": elapsed,
        "cpu": cpu,
        "took": load.took,
        "late": len(too_late),
        "latest": max(load.sent_after),
        "never_sent": load.never_sent,
        "approved": len(load.answers) - len(wrong),
        "wrong": [f"{answer.status} {answer.body.decode(errors='replace')}" for answer in wrong[:_SHOWN]],
    }


def main() -> None:
    """The plan in one line of JSON, then a line for each body; what was seen goes back as JSON."""
    plan, *bodies = sys.stdin.buffer.read().splitlines()
    json.dump(asyncio.run(_run(json.loads(plan), bodies)), sys.stdout)


if __name__ == "__main__":
    main()
