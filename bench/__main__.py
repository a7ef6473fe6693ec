"""`make bench`: authorisations a second over real HTTP, on a real PostgreSQL with synchronous commit.

The load generator shares the machine: quote ratios from one run, and name the machine. Results go to bench/results/.
"""

import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from joserfc.jwk import ECKey
from rich.console import Console
from rich.table import Table

from bench.cards import CardFile, fill
from wallet import demo
from wallet.cli.token import fetch_token

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figures:
    """What one run of the load gave. Times in milliseconds."""

    connections: int
    seconds: float
    answers: int
    approved: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Connection:
    """One keep-alive HTTP connection, without a library: those cost more than the service."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            "POST /v1/network/authorizations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: "
        )

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, body: bytes) -> dict[str, Any]:
        """Send a request and read its answer."""
        self._writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        return answer


async def load(port: int, token: str, bodies: list[bytes], connections: int) -> Figures:
    """Closed loop: each connection asks again as soon as it has its answer."""
    waiting, took, approved = iter(bodies), [], 0

    async def work() -> None:
        nonlocal approved
        connection = Connection(port, token)
        await connection.open()
        for body in waiting:
            began = time.perf_counter()
            answer = await connection.ask(body)
            took.append(time.perf_counter() - began)
            approved += bool(answer.get("approved"))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    seconds = time.perf_counter() - began
    percentiles = statistics.quantiles(took, n=100)
    return Figures(
        connections,
        round(seconds, 2),
        len(took),
        approved,
        round(len(took) / seconds, 1),
        round(percentiles[49] * 1000, 1),
        round(percentiles[98] * 1000, 1),
    )


@click.command()
@click.option("--cards", default=200, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--payments", default=10, show_default=True, type=click.IntRange(1, 30), help="per card and round")
@click.option("--port", default=18080, show_default=True, type=click.IntRange(1, 65534))
def main(cards: int, payments: int, port: int) -> None:
    """Fill a fresh demo with cards, and pay with them over 1, 8 and 32 connections."""
    console = Console(highlight=False)
    with (
        tempfile.TemporaryDirectory(prefix="tegnebog-bench-") as folder,
        demo.running(Path(folder), port) as (access, parts, _),
    ):
        console.print(f"filling in {cards} cards")
        filled = fill(parts, cards, batches=3)
        rounds = [_round(access, filled, port, payments, connections) for connections in (1, 8, 32)]
    _show(console, rounds)
    _keep(cards, rounds)


def _round(access: dict[str, Any], filled: list[CardFile], port: int, payments: int, connections: int) -> Figures:
    machine = access["machines"]["network"]
    token = fetch_token(access["base_url"], machine["client_id"], ECKey.import_key(machine["private_jwk"]))
    share = payments if connections > 1 else max(1, payments // 5)
    bodies = [card.payment() for _ in range(share) for card in filled]
    return asyncio.run(load(port, token, bodies, connections))


def _show(console: Console, rounds: list[Figures]) -> None:
    table = Table(title="authorisations by a token with PIN, each in a transaction of its own")
    for name in ("connections", "answers", "approved", "per second", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for row in rounds:
        figures = (row.connections, row.answers, row.approved, row.per_second, row.p50_ms, row.p99_ms)
        table.add_row(*map(str, figures))
    console.print(table)


def _keep(cards: int, rounds: list[Figures]) -> None:
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    content = {"at": at.isoformat(), "cards": cards, **machine, "authorizations": [asdict(row) for row in rounds]}
    (RESULTS / f"authorizations-{at:%Y%m%dT%H%M%SZ}.json").write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
