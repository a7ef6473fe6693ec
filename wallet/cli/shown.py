"""How lists are shown: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokenization.events import rfc3339

# Of a pipe or a file, which has no width of its own.
_WIDTH: Final = 200

as_json: Final = click.option("--json", "as_json", is_flag=True, help="for programs")


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows, each with these columns. Nothing is cut off, however narrow the terminal."""
    if as_json:
        click.echo(json.dumps([{name: _plain(row[name]) for name in columns} for row in rows], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(row[name])) for name in columns))  # Text: a name is no markup
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH).print(table)


def moment(at: datetime | None) -> str:
    """To the second, UTC."""
    return "" if at is None else rfc3339(at.replace(microsecond=0))


def _plain(value: Any) -> Any:
    return moment(value) or None if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    """For people: what is not there is left out, and what could steer a terminal is shown as what it is."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
