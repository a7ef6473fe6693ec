"""`wallet` as somebody types it, in this process, and what a database holds afterwards."""

import os
from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner, Result
from sqlalchemy import NullPool, Select, create_engine

from wallet import cli

SECRET = "hunter2"


def wallet(environment: Mapping[str, str | None], *arguments: str, typed: str | None = None) -> Result:
    """Run it; `typed` is what it reads."""
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TEGNEBOG_")}
    return CliRunner(env={**unset, **environment}).invoke(cli.main, arguments, input=typed)


def found(database: str, wanted: Select[Any]) -> list[Any]:
    """What a database holds, over a connection of its own."""
    with create_engine(database, poolclass=NullPool).connect() as connection:
        return list(connection.scalars(wanted))


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output.strip()


def refused(result: Result) -> str:
    """The message, in a line or two and without a traceback."""
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    return result.output
