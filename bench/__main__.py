"""`make bench`: what this version does on this machine. Prints a table, and keeps it in bench/results/.

On a real PostgreSQL with synchronous commit, over real HTTP. The load generator shares the machine, and so does
whatever else runs there: quote ratios from one run, and name the machine.
"""

import importlib.metadata
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench import authorizations, blocking, drawing_rights, journals, replacement, rewrapping, tokens, vault
from bench.stage import Figure, Sizes, Stage, running, seconds

RESULTS: Final = Path(__file__).parent / "results"
MEASURED: Final[Mapping[str, Callable[[Stage], list[Figure]]]] = {
    "authorizations": authorizations.measure,
    "drawing-rights": drawing_rights.measure,
    "vault": vault.measure,
    "tokens": tokens.measure,
    "blocking": blocking.measure,
    "rewrapping": rewrapping.measure,
    "replacement": replacement.measure,
    "journals": journals.measure,
}


@click.command()
@click.option("--only", type=click.Choice([*MEASURED]), multiple=True, help="so many times as you like")
@click.option("--cards", default=200, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--payments", default=10, show_default=True, type=click.IntRange(1, 30), help="per card and round")
@click.option(
    "--tokens", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000), help="of a blocked card"
)
@click.option("--entries", default=20_000, show_default=True, type=click.IntRange(100, 10_000_000), help="of journals")
@click.option("--data-keys", default=20_000, show_default=True, type=click.IntRange(1, 1_000_000), help="rewrapped")
@click.option("--port", default=18080, show_default=True, type=click.IntRange(1, 65534))
def main(only: tuple[str, ...], port: int, **sizes: int) -> None:
    """Measure a fresh demo."""
    console, found = Console(highlight=False, width=None if sys.stdout.isatty() else 160), {}
    with (
        tempfile.TemporaryDirectory(prefix="tegnebog-bench-") as folder,
        running(Path(folder), port, Sizes(**sizes), console) as stage,
    ):
        machine = _machine(stage)
        for name in only or MEASURED:
            found[name] = _measured(stage, name)
    _show(console, found)
    _keep(console, {"machine": machine, "sizes": sizes, "figures": found})


def _measured(stage: Stage, name: str) -> list[dict[str, Any]]:
    figures: list[Figure] = []
    stage.console.print(f"measuring {name}")
    took = seconds(lambda: figures.extend(MEASURED[name](stage)))
    stage.console.print(f"  {took:.0f} s")
    return [asdict(figure) for figure in figures]


def _machine(stage: Stage) -> dict[str, Any]:
    """What the figures hold of. `load` is what ran there besides, before we began."""
    with stage.parts.database.reading() as session:
        postgresql = session.scalar(text("SHOW server_version"))
    return {
        "cpus": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "redis": stage.parts.redis.info("server")["redis_version"],
        "packages": {name: importlib.metadata.version(name) for name in ("cryptography", "psycopg", "sqlalchemy")},
        "load": round(os.getloadavg()[1], 1),
    }


def _show(console: Console, found: Mapping[str, list[dict[str, Any]]]) -> None:
    table = Table("figure", "", "", "", "to be reached")
    for figures in found.values():
        for figure in figures:
            table.add_row(figure["name"], _text(figure["value"]), figure["unit"], figure["note"], figure["reach"])
    table.columns[1].justify = "right"
    console.print(table)


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _keep(console: Console, content: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    path = RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"at": at.isoformat(timespec="seconds")} | content, indent=2) + "\n")
    console.print(f"kept in {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
