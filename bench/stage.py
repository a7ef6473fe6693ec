"""What figures are measured on: a demo of its own, whose parts this process shares, and its HTTP from outside."""

import asyncio
import json
import os
import shlex
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from joserfc.jwk import ECKey
from rich.console import Console

from wallet import demo
from wallet.cli.token import fetch_token
from wallet.processes import Processes
from wallet.services import Services

ROUNDS = 5  # of which the median counts
READY_SECONDS = 60


class Failed(Exception):
    """A figure cannot be given; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One line of the table; `note` says what else belongs to it."""

    name: str
    value: float
    unit: str = "/s"
    note: str = ""
    reach: str = ""


@dataclass(frozen=True)
class Sizes:
    """How much of everything there is."""

    cards: int
    seconds: int
    renewed: int
    tokens: int
    entries: int
    data_keys: int
    shops: int
    replacements: int
    events: int
    texts: int
    register: int


@dataclass(frozen=True)
class Stage:
    """A running demo."""

    data: Path
    access: dict[str, Any]
    parts: Services
    port: int
    sizes: Sizes
    console: Console

    def machine_token(self, machine: str) -> str:
        """An access token of one of the demo's machines, good for five minutes."""
        who = self.access["machines"][machine]
        return fetch_token(self.access["base_url"], who["client_id"], ECKey.import_key(who["private_jwk"]))


@contextmanager
def running(data: Path, port: int, sizes: Sizes, console: Console) -> Iterator[Stage]:
    """A fresh demo, which is stopped at the end."""
    with demo.running(data, port) as (access, parts, _):
        yield Stage(data, access, parts, port, sizes, console)


@contextmanager
def another_service(stage: Stage, port: int, changed: Mapping[str, str]) -> Iterator[int]:
    """The same service once more, on the same database, with other settings; on that port."""
    own = dict(line.split("=", 1) for line in shlex.split((stage.data / "environment").read_text()))
    with Processes(stage.data, {**os.environ, **own, **changed}) as processes:
        processes.start(f"service-{port}", "wallet", "serve", "--port", str(port), "--parent", str(os.getpid()))
        processes.wait_for(f"http://127.0.0.1:{port}/readyz", READY_SECONDS)
        yield port


def per_second(work: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """How often a second it can be done: the median of five rounds of so many times."""
    return statistics.median(times / seconds(lambda: [work() for _ in range(times)], clock) for _ in range(ROUNDS))


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long it takes, by that clock."""
    began = clock()
    work()
    return clock() - began


@dataclass
class Connection:
    """One keep-alive HTTP connection, without a library: those cost more than the service."""

    port: int
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    async def open(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def post(self, path: str, body: bytes) -> dict[str, Any]:
        """Send a request and read its answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head += f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answered.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        return answer
