"""How a ceremony of the key ring is performed from the command line: asked for, done, and journaled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

import click
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tokenization import events
from tokenization.clock import SystemClock
from tokenization.keys import ceremonies, checks
from tokenization.keys.ceremonies import NotPossible, Standing
from tokenization.keys.events import KeyEvent
from tokenization.keys.files import Entry
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from wallet import key_needs
from wallet.cli import environment, troubles

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


@dataclass(frozen=True, slots=True)
class Deed(Generic[Done]):
    """What is about to be done to the ring: as it is journaled, how it is done, and what version it makes, if any."""

    event: Done
    act: Callable[[], None]
    made: Entry | None = None


# Of the moment, and the highest version that the journal has heard of. Raises NotPossible.
Prepare = Callable[[datetime, int], Deed[Done]]


def perform(purpose: Purpose, prepare: Prepare[Done], said: Callable[[Done], str], *, force: bool = False) -> None:
    """Do it, with an entry in the journal of its purpose, and say what was done.

    Entry and check value are written first, then the ring, and then it is committed: what the database refuses is not
    done. Where it is away it is done all the same, as after a leak nothing may stand in its way; and where it refuses,
    by force. That it is not journaled is said then, and the command fails with a code of its own.
    """
    acted: list[Deed[Done]] = []
    try:
        with environment.transaction() as (session, now, parts):
            deed = prepare(now, _begin(session, parts.vault.ring, purpose))
            events.emit(session, deed.event)
            checks.remember(session, parts.vault.ring, now, deed.made)
            event.listen(session, "before_commit", lambda session: acted.append(_act(deed, session)))
    except SQLAlchemyError as error:
        why = troubles.said(error) or type(error).__name__
        if not acted:
            _check_may_go_on(error, why, force=force)
            acted.append(_act(prepare(SystemClock().now(), 0)))
        click.echo(said(acted[0].event))
        click.echo(f"done, NOT JOURNALED: {why}. Write down who did this, when and why", err=True)
        raise SystemExit(NOT_JOURNALED) from None
    click.echo(said(acted[0].event))


def _begin(session: Session, ring: KeyRing, purpose: Purpose) -> int:
    above = checks.begin_ceremony(session, ring, purpose)
    if above and (purpose, above) not in ring.check_values():
        click.echo(f"this copy of the ring lacks version {above} of {purpose}: copy it here", err=True)
    return above


def _act(deed: Deed[Done], session: Session | None = None) -> Deed[Done]:
    """Once all that stands in the transaction has been written."""
    if session is not None:
        session.flush()
    deed.act()
    return deed


def _check_may_go_on(error: SQLAlchemyError, why: str, *, force: bool) -> None:
    """Without a journal only where there is no database; by force where it refuses; never beside somebody else."""
    if troubles.is_busy(error):
        raise click.ClickException(f"{why}: nothing was done") from None
    if not force and not troubles.is_away(error):
        raise click.ClickException(f"{why}. Nothing was done; after a leak --force does it all the same") from None


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
    except SQLAlchemyError as error:
        why = troubles.said(error)
        if why is None or troubles.is_busy(error):
            raise
        return "the database is away, and cannot be asked" if troubles.is_away(error) else f"nobody can be asked: {why}"
