"""How a ceremony of the key ring is performed from the command line: asked for, done, and journaled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import click
from sqlalchemy.exc import OperationalError

from tokenization import events
from tokenization.clock import SystemClock
from tokenization.keys import ceremonies, checks
from tokenization.keys.ceremonies import NotPossible, Standing
from tokenization.keys.events import KeyEvent
from tokenization.keys.ring import KeyRingError, Purpose
from wallet import key_needs
from wallet.cli import environment

Done = TypeVar("Done", bound=KeyEvent)
NOT_JOURNALED: Final = 3  # the exit code of what is done, but stands in no journal


@contextmanager
def ring() -> Iterator[Path]:
    """The ring's folder; what is wrong with it is said in a line."""
    folder = environment.settings().key_ring
    try:
        yield folder
    except NotPossible as error:
        raise click.ClickException(str(error)) from None
    except KeyRingError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error}") from None
    except OSError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error.strerror}") from None


def perform(purpose: Purpose, act: Callable[[datetime], Done], said: Callable[[Done], str]) -> None:
    """Do it, with an entry in the journal of its purpose, and say what was done.

    Where the database is away it is done all the same, as after a leak nothing may stand in its way; that it is
    not journaled is said then, and the command fails with a code of its own.
    """
    done: list[Done] = []
    try:
        with environment.transaction() as (session, now, parts):
            checks.begin_ceremony(session, parts.vault.ring, purpose)
            done.append(act(now))
            events.emit(session, done[0])
            checks.remember(session, parts.vault.ring, now)
    except OperationalError:
        click.echo(said(done[0] if done else act(SystemClock().now())))
        click.echo("NOT JOURNALED, as the database is away: write down who did this, when and why", err=True)
        raise SystemExit(NOT_JOURNALED) from None
    click.echo(said(done[0]))


def check_need(folder: Path, purpose: Purpose, version: int, *, force: bool) -> None:
    """Ask the database whether it needs a version. Raises NotPossible where it does, or cannot be asked, without force.

    For the journal no force will do: entries that were linked by a key can be verified by no other.
    """
    if purpose not in key_needs.NEEDS:
        return
    reason = _standing_in_the_way(ceremonies.standing(folder, purpose, version, SystemClock().now()))
    if reason is None:
        return
    if key_needs.is_for_ever(purpose):
        raise NotPossible(f"version {version} of {purpose} stays: {reason}")
    if not force:
        raise NotPossible(
            f"version {version} of {purpose} is still needed: {reason}. If it must go all the same: --force"
        )


def _standing_in_the_way(version: Standing) -> str | None:
    try:
        with environment.opened() as parts, parts.database.reading() as session:
            checks.hold(session, parts.vault.ring)
            return key_needs.standing_in_the_way(session, version, parts.clock.now())
    except OperationalError:
        return "the database is away, and cannot be asked"
