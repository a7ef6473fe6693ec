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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import text

from bench import (
    authorizations,
    blocking,
    deliveries,
    drawing_rights,
    hanging,
    journals,
    profile,
    register,
    relay_kills,
    replacement,
    rewrapping,
    size,
    texts,
    tokens,
    vault,
)
from bench.stage import Failed, Figure, Sizes, Stage, running, seconds

RESULTS: Final = Path(__file__).parent / "results"
Measure = Callable[[Stage], list[Figure]]
# On a demo of its own each: they fill it with cards whose journals are only copies, and wear it out.
OWN: Final[Mapping[str, Measure]] = {
    "authorizations": authorizations.measure,
    "size": size.measure,
    "profile": profile.measure,
    "register": register.measure,
}
# These end the demo's relay, and start their own.
TELLING: Final[Mapping[str, Measure]] = {
    "deliveries": deliveries.measure,
    "hanging": hanging.measure,
    "relay-kills": relay_kills.measure,
    "texts": texts.measure,
}
SHARED: Final[Mapping[str, Measure]] = {
    "drawing-rights": drawing_rights.measure,
    "vault": vault.measure,
    "tokens": tokens.measure,
    "blocking": blocking.measure,
    "rewrapping": rewrapping.measure,
    "replacement": replacement.measure,
    "journals": journals.measure,
}
MEASURED: Final = {**OWN, **TELLING, **SHARED}
BY_NAME: Final = ("size", "profile", "relay-kills")  # long, or not for every machine
DEFAULT: Final = [name for name in MEASURED if name not in BY_NAME]


@click.command()
@click.option(
    "--only",
    type=click.Choice([*MEASURED]),
    multiple=True,
    help=f"as often as you like  [default: all but {', '.join(BY_NAME)}]",
)
@click.option(
    "--cards", default=100_000, show_default=True, type=click.IntRange(100, 10_000_000), help="that there are"
)
@click.option("--seconds", default=4, show_default=True, type=click.IntRange(1, 60), help="of each run of payments")
@click.option("--renewed", default=100, show_default=True, type=click.IntRange(10, 10_000), help="cards replaced")
@click.option(
    "--tokens", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000), help="of a blocked card"
)
@click.option("--entries", default=20_000, show_default=True, type=click.IntRange(100, 10_000_000), help="of journals")
@click.option("--data-keys", default=20_000, show_default=True, type=click.IntRange(1, 1_000_000), help="rewrapped")
@click.option("--shops", default=1_000, show_default=True, type=click.IntRange(10, 100_000), help="that are told")
@click.option(
    "--replacements",
    default=500,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="of which ten shops are told",
)
@click.option("--events", default=10_000, show_default=True, type=click.IntRange(100, 100_000), help="as relays die")
@click.option("--texts", default=2_000, show_default=True, type=click.IntRange(10, 100_000), help="through the gateway")
@click.option(
    "--register", default=1_000_000, show_default=True, type=click.IntRange(10_000, 10_000_000), help="of blocked cards"
)
@click.option("--port", default=18080, show_default=True, type=click.IntRange(1, 65534))
def main(only: tuple[str, ...], port: int, **sizes: int) -> None:
    """Measure a fresh demo."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    chosen = only or DEFAULT
    stages = [[name] for name in OWN if name in chosen]
    stages += [[name for name in group if name in chosen] for group in (TELLING, SHARED)]
    found: dict[str, list[Figure]] = {}
    machine: dict[str, Any] = {"load": round(os.getloadavg()[1], 1)}  # what ran here besides, before we began
    failed = False
    for names in filter(None, stages):
        with _fresh(port, Sizes(**sizes), console) as stage:
            machine = _machine(stage) | machine
            for name in names:
                failed |= not _measure(stage, name, found)
    _show(console, found)
    _keep(console, machine, sizes, found)
    sys.exit(failed)


@contextmanager
def _fresh(port: int, sizes: Sizes, console: Console) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="tegnebog-bench-") as folder,
        running(Path(folder), port, sizes, console) as stage,
    ):
        yield stage


def _measure(stage: Stage, name: str, found: dict[str, list[Figure]]) -> bool:
    """Whether it could be; what failed says why, and the others go on."""
    stage.console.print(f"measuring {name}")
    try:
        took = seconds(lambda: found.update({name: MEASURED[name](stage)}))
    except Failed as failure:
        stage.console.print(f"  [red]failed[/red]: {escape(str(failure))}", soft_wrap=True)
        return False
    stage.console.print(f"  {took:.0f} s")
    return True


def _machine(stage: Stage) -> dict[str, Any]:
    """What the figures hold of."""
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
    }


def _show(console: Console, found: Mapping[str, list[Figure]]) -> None:
    table = Table("figure", "", "", "", "to be reached")
    for figure in chain(*found.values()):
        table.add_row(figure.name, _text(figure.value), figure.unit, figure.note, figure.reach)
    table.columns[1].justify = "right"
    console.print(table)


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _keep(console: Console, machine: dict[str, Any], sizes: dict[str, int], found: Mapping[str, list[Figure]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    path = RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
    figures = {name: [asdict(figure) for figure in figures] for name, figures in found.items()}
    content = {"at": at.isoformat(timespec="seconds"), "machine": machine, "sizes": sizes, "figures": figures}
    path.write_text(json.dumps(content, indent=2) + "\n")
    console.print(f"kept in {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
