"""`wallet journal`: all journals are verified, and their heads written down for keeping elsewhere."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final
from uuid import UUID

import click
from sqlalchemy.orm import Session

from tokenization import new_files
from tokenization.journal import anchors, chains
from tokenization.journal.anchors import Anchor
from tokenization.journal.chains import KINDS, Journals, Verdict
from tokenization.keys import checks
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from wallet.cli import environment, owners
from wallet.cli.owners import Owner
from wallet.cli.progress import progress
from wallet.cli.shown import as_json
from wallet.services import Services

STDOUT: Final = "-"
CANNOT_TELL: Final = 4  # the exit code of a key ring that says nothing of journals, neither that they hold nor not
DIFFERENCES: Final = {
    "gone": "is gone",
    "shorter": "has fewer entries than then",
    "rewritten": "was written anew: its entry of that number is another",
}


@dataclass
class Report:
    """What came of it."""

    journals: int = 0
    entries: int = 0
    erased: int = 0
    broken: list[dict[str, Any]] = field(default_factory=list)
    anchor: Anchor | None = None
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether nothing was found."""
        return not self.broken and not self.differences

    @property
    def knows_nothing(self) -> bool:
        """Whether all that the anchor holds is gone, as it is where it never was."""
        gone = sum(each["what"] == "gone" for each in self.differences)
        return self.anchor is not None and gone == self.anchor.journals > 0


@click.group()
def journal() -> None:
    """The journals: of cards, and of people, wallets, merchants, clients, policies and keys."""


@journal.command()
@owners.one_owner
@click.option("--anchor", "file", type=click.File("rb"), help="also hold them against this anchor")
@as_json
def verify(file: BinaryIO | None, *, as_json: bool, **named: str | None) -> None:
    """Walk the journals from their first entries to their heads: all of them, unless one is named.

    Exits with 1 if anything was changed, cut, reordered or taken away; with 4 if this copy of the key ring cannot
    tell, as it lacks a key, or is another database's. What was done with the journal key, or by
    putting back an old state of everything, shows only against an anchor that was kept elsewhere.
    """
    owner, report = owners.chosen(named), Report()
    if file and not file.seekable():
        raise click.UsageError("an anchor is read twice: name a file")
    if file:
        report.anchor = _checked(file)
    with environment.opened() as parts, parts.database.reading() as session, _telling():
        _check(session, parts.vault.ring)
        if file and report.anchor:
            _compare(session, file, report.anchor, owner, report)
        _verify(session, parts.vault.ring, owner, report)
    if as_json:
        click.echo(json.dumps({"valid": report.valid} | asdict(report), indent=2))
    else:
        _say(report)
    if not report.valid:
        raise SystemExit(1)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except KeyRingError as error:
        click.echo(f"TEGNEBOG_KEY_RING: {error}", err=True)
        raise SystemExit(CANNOT_TELL) from None


def _check(session: Session, ring: KeyRing) -> None:
    """Raises KeyRingError where the ring cannot tell a journal that was changed from one that was not."""
    for version in checks.hold(session, ring).lacking:
        if version[0] == Purpose.JOURNAL:
            raise KeyRingError(f"this copy of the ring lacks {checks.named(version)}: copy it here")


def _checked(file: BinaryIO) -> Anchor:
    try:
        return anchors.check(file)
    except anchors.NotAnAnchor as error:
        raise click.ClickException(f"{file.name}: {error}") from None


def _compare(session: Session, file: BinaryIO, anchor: Anchor, owner: Owner | None, report: Report) -> None:
    wanted = (each for each in anchors.anchored_in(file) if owner in (None, (each.journals, each.owner_id)))
    with progress("journals held against the anchor", 1 if owner else anchor.journals) as shown:
        for then, what in anchors.compare(session, wanted):
            shown.advance()
            if what:
                name = owners.name(session, then.journals, then.owner_id)
                report.differences.append({"journal": name, "anchored_at": then.count, "what": what})


def _verify(session: Session, ring: KeyRing, owner: Owner | None, report: Report) -> None:
    with progress("entries verified", 1 if owner else chains.expected(session)) as shown:
        for journals, owner_id, verdict in _walk(session, ring, owner):
            shown.advance(1 if owner else verdict.entries)
            report.journals += 1
            report.entries += verdict.entries
            report.erased += verdict.erased
            if not verdict.valid and not owners.may_be_empty(session, owner_id):
                name = owners.name(session, journals, owner_id)
                report.broken.append({"journal": name, "entries": verdict.entries, "broken_at": verdict.broken_at})


def _walk(session: Session, ring: KeyRing, owner: Owner | None) -> Iterator[tuple[Journals, UUID, Verdict]]:
    if owner:
        yield *owner, chains.verify(session, ring, *owner)
        return
    for journals in KINDS:
        for owner_id, verdict in chains.verify_all(session, ring, journals):
            yield journals, owner_id, verdict


def _say(report: Report) -> None:
    if report.knows_nothing and report.anchor:
        click.echo(
            f"no journal of the anchor is known here: is it another installation's ({report.anchor.installation})?"
        )
    for each in report.differences if not report.knows_nothing else ():
        click.echo(f"{each['journal']}, anchored at entry {each['anchored_at']}, {DIFFERENCES[each['what']]}")
    for each in report.broken:
        found = f"is broken at entry {each['broken_at']}, of {each['entries']}" if each["entries"] else "has no entries"
        click.echo(f"{each['journal']} {found}")
    if anchor := report.anchor:
        click.echo(
            f"anchor of {anchor.moment}, {anchor.installation}: {anchor.journals} journals, sha256 {anchor.digest}"
        )
        click.echo(f"of them {len(report.differences)} do not go on from there")
    click.echo(
        f"{report.journals} journals with {report.entries} entries verified, {len(report.broken)} of them broken"
    )
    if report.erased:
        click.echo(f"payloads erased: {report.erased}")


@journal.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default=STDOUT)
def anchor(file: Path) -> None:
    """Write down the heads of all journals, at one moment, to FILE or to standard output.

    Keep it where nobody gets at it who can write to the database or read the key ring. Its last line holds all the
    others: that line alone, on paper, is enough to know the file again.
    """
    with environment.opened() as parts:
        if str(file) == STDOUT:
            _write(parts, sys.stdout)
        else:
            written = _write_file(parts, file)
            click.echo(f"{file}: {written.journals} journals, sha256 {written.digest}")


def _write(parts: Services, file: IO[str]) -> Anchor:
    with parts.database.reading() as session:
        return anchors.write(anchors.heads(session), parts.settings.public_url, parts.clock.now(), file.write)


def _write_file(parts: Services, path: Path) -> Anchor:
    try:
        if path.exists():
            raise FileExistsError
        with new_files.draft(path) as (file, finish):
            written = _write(parts, file)
            finish()
    except FileExistsError:
        raise click.ClickException(f"{path} is there already") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    return written
