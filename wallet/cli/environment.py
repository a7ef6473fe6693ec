"""What a command works with, from the environment. What is wrong there is named by its variable, never by its value."""

import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TextIO

import click
import structlog
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from tokenization.keys import checks
from tokenization.keys.ring import KeyRingError
from wallet import app, logs
from wallet.services import Services
from wallet.settings import Settings

log = structlog.get_logger()
PREFIX: Final = "TEGNEBOG_"
NESTED: Final = frozenset({"broker", "rate_limits", "cryptoperiod_days"})


def settings() -> Settings:
    """The settings. Raises ClickException, which names every variable that is wrong."""
    if unknown := sorted(filter(_is_unknown, os.environ)):
        raise click.ClickException("\n".join(f"{name}: there is no such setting" for name in unknown))
    try:
        found = Settings()
    except ValidationError as error:
        raise click.ClickException("\n".join(_wrong(each) for each in error.errors())) from None
    except SettingsError as error:
        field = "".join(re.findall(r'field "(\w+)"', str(error))).upper()
        raise click.ClickException(f"TEGNEBOG_{field}, or a TEGNEBOG_{field}__…: must be JSON") from None
    if not _is_postgresql(found.database_url.get_secret_value()):
        raise click.ClickException("TEGNEBOG_DATABASE_URL: must be like postgresql+psycopg://user:password@host/name")
    return found


def _is_unknown(variable: str) -> bool:
    """Whether a variable is meant for us and is none of ours: a mistyped switch would be off without a word."""
    name = variable.upper().removeprefix(PREFIX)
    nested, _, inner = name.lower().partition("__")
    return variable.upper().startswith(PREFIX) and not (
        name.lower() in Settings.model_fields or (inner and nested in NESTED)
    )


def _wrong(error: ErrorDetails) -> str:
    """One of pydantic's errors, by the variable's name, if it is about one; never its value."""
    name = "__".join(str(part) for part in error["loc"] if part != "[key]").upper()
    said = error["msg"].removeprefix("Value error, ")
    return f"TEGNEBOG_{name}: {said}" if name else said


def _is_postgresql(url: str) -> bool:
    try:
        return make_url(url).drivername == "postgresql+psycopg"
    except (ArgumentError, ValueError):
        return False


def parts(log_to: TextIO | None = sys.__stderr__) -> Services:
    """The parts of a process, wired. A command answers on standard output, so that its log has to go elsewhere."""
    found = settings()
    logs.configure(found.log_level, log_to or sys.stdout)
    try:
        return app.wire(found)
    except ValueError:
        raise click.ClickException("TEGNEBOG_REDIS_URL: must be like redis://host:6379/0, or unix://…") from None
    except KeyRingError as error:
        wrong = str(error) if found.key_ring.exists() else "there is none there: make one with `wallet keys create`"
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {wrong}") from None
    except OSError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error.strerror}") from None


@contextmanager
def opened() -> Iterator[Services]:
    """The parts, whose connections are let go of afterwards."""
    wired = parts()
    try:
        yield wired
    finally:
        wired.database.close()


def remember_keys(wired: Services) -> None:
    """Let the database know the keys that are new to it. Raises KeyRingError where the ring is not its own."""
    with wired.database.transaction("system") as session:
        lacking = checks.remember(session, wired.vault.ring, wired.clock.now()).lacking
    if lacking:
        log.error("key_ring_lacks", versions=[checks.named(version) for version in lacking])


def long_lived() -> Services:
    """The parts of a process that stays, with the key ring of this database.

    Where the database is away, or not migrated, that is found out before the first thing is written.
    """
    wired = parts(sys.__stdout__)
    try:
        remember_keys(wired)
    except SQLAlchemyError as error:
        log.warning("key_ring_not_compared", error=type(error).__name__)
    finally:
        wired.database.close()
    return wired


@contextmanager
def transaction() -> Iterator[tuple[Session, datetime, Services]]:
    """One transaction of whoever types the command: the session, the time, and the parts."""
    with opened() as wired, wired.database.transaction(f"cli:{operator()}") as session:
        yield session, wired.clock.now(), wired


def operator() -> str:
    """Who stands in the journal: the user who is logged in, also behind sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
