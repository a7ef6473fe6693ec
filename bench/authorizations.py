"""Authorisations by a token with PIN, each in a transaction of its own, over HTTP, closed loop."""

import asyncio
import statistics
import time

from bench.cards import CardFile, fill
from bench.stage import Connection, Figure, Stage

CONNECTIONS = (1, 8, 32)
BATCHES = 3


def measure(stage: Stage) -> list[Figure]:
    """A second, with their latencies; all of them must be approved."""
    filled = fill(stage.parts, stage.sizes.cards, BATCHES)
    return [_round(stage, filled, connections) for connections in CONNECTIONS]


def _round(stage: Stage, filled: list[CardFile], connections: int) -> Figure:
    share = stage.sizes.payments if connections > 1 else max(1, stage.sizes.payments // 5)
    bodies = [card.payment() for _ in range(share) for card in filled]
    took, approved, elapsed = asyncio.run(_load(stage.port, stage.machine_token("network"), bodies, connections))
    percentiles = statistics.quantiles(took, n=100)
    note = (
        f"p50 {percentiles[49] * 1000:.1f} ms, p99 {percentiles[98] * 1000:.1f} ms; {approved} of {len(took)} approved"
    )
    return Figure(f"authorisations over HTTP, {connections} connections", len(took) / elapsed, note=note)


async def _load(port: int, token: str, bodies: list[bytes], connections: int) -> tuple[list[float], int, float]:
    """Each connection asks again as soon as it has its answer."""
    waiting, took, approved = iter(bodies), [], 0

    async def work() -> None:
        nonlocal approved
        connection = await Connection(port, token).open()
        for body in waiting:
            began = time.perf_counter()
            answer = await connection.post("/v1/network/authorizations", body)
            took.append(time.perf_counter() - began)
            approved += bool(answer.get("approved"))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return took, approved, time.perf_counter() - began
