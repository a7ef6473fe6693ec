"""`wallet keys`: the key ring is made and looked at, its keys rotate, old versions are retired and destroyed."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import click
from sqlalchemy import select

from tokenization import payment_keys
from tokenization.clock import SystemClock
from tokenization.journal.models import SubjectJournalEntry
from tokenization.keys import ceremonies, cryptoperiods, files
from tokenization.keys.ceremonies import Standing
from tokenization.keys.cryptoperiods import Periods
from tokenization.keys.events import KeyDestroyed, KeyReinstated, KeyRetired, KeyRotated
from tokenization.keys.ring import ASYMMETRIC, VERSIONS, Purpose
from wallet.access import nonces
from wallet.access.access_tokens import LIFETIME
from wallet.access.oauth.blueprint import PUBLIC_FOR
from wallet.cli import environment
from wallet.cli.ceremony import Deed, check_need, perform, ring
from wallet.cli.rewrap import rewrap
from wallet.cli.shown import as_json, moment, show

PURPOSES: Final = [str(purpose) for purpose in Purpose]
COLUMNS: Final = ("purpose", "version", "state", "since", "rotate_before")
HISTORY: Final = ("at", "what", "version", "actor")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST: Final = timedelta(days=365)
# As long as every process, and every host that gets a copy of the ring, may take to notice.
DELAY: Final = timedelta(minutes=15)
# What the new version brings; and for how long, after it came into use, the older ones are of use, or what decides it.
AFTERWARDS: Final[Mapping[Purpose, tuple[str, timedelta | str]]] = {
    Purpose.ACCESS_TOKEN: ("it is in /oauth/jwks now", LIFETIME),
    Purpose.CARD_TRANSPORT: ("it is in /oauth/jwks from then on", PUBLIC_FOR),
    Purpose.BROKER_CLIENT: ("give the MitID broker what `wallet keys broker` prints before that", timedelta(0)),
    Purpose.DPOP_NONCE: ("phones notice nothing", nonces.STEP * (nonces.STEPS_MORE + 1)),
    Purpose.TOKEN: ("phones get payment keys of it when they fetch new ones", payment_keys.VALIDITY),
    Purpose.KEY_ENCRYPTION: ("it wraps what is new", "until `wallet keys rewrap`, after that, has wrapped all else"),
    Purpose.CARD_VERIFICATION: ("new plastics have their CVC by it", "until the last plastic of theirs is gone"),
    Purpose.JOURNAL: ("new entries are linked by it", "for ever, as entries are verified by what linked them"),
    Purpose.REQUEST_HASH: ("repeats are known by every version", "for as long as late repeats are to get their answer"),
}
a_purpose: Final = click.argument("purpose", type=click.Choice(PURPOSES))
a_version: Final = click.argument("version", type=click.IntRange(VERSIONS[0], VERSIONS[-1]))
yes_: Final = click.option("--yes", is_flag=True, help="do not ask")
force_: Final = click.option(
    "--force", is_flag=True, help="even if the database needs it, is away, or refuses to note it"
)
unnoted_: Final = click.option("--force", is_flag=True, help="after a leak: even if the database refuses")


def _span(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    """90s, 15m, 2h or 7d as a time."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,8})([smhd])", text, re.ASCII)
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
    if span is None or span > LONGEST:
        raise click.BadParameter("must be like 90s, 15m, 2h or 7d, and at most 365d")
    return span


@click.group()
def keys() -> None:
    """The key ring."""


keys.add_command(rewrap)


@keys.command()
@click.option("--missing", "wanted", type=click.Choice(PURPOSES), multiple=True, help="a key that this version brings")
def create(wanted: tuple[str, ...]) -> None:
    """Make the key ring: version 1 of every key. Only for a new database.

    A ring that is there gets no key but those named with --missing, for a purpose that a new version of Tegnebog
    brings. A key that was lost comes from its backup: one made in its place opens nothing, and is refused.
    """
    with ring() as folder:
        lacking = ceremonies.lacking(folder)
        unasked = [] if len(lacking) == len(Purpose) else sorted(set(lacking) - set(wanted))
        if unasked:
            raise ceremonies.NotPossible(
                f"{', '.join(unasked)}: missing from a ring that holds other keys. Put the files back from their "
                f"backup; only a key that this version of Tegnebog brings is made, by --missing {unasked[0]}"
            )
        ceremonies.create(folder, SystemClock().now())
        files.read(folder)
    for purpose in lacking:
        click.echo(f"made {purpose}, version 1")
    click.echo(f"the key ring is in {folder}")


@keys.command()
def broker() -> None:
    """Print the public keys that the MitID broker must know us by (a JWKS)."""
    click.echo(json.dumps(environment.parts().keys.broker_client_published))


@keys.command(name="list")
@as_json
def list_(*, as_json: bool) -> None:
    """Say which versions of which keys there are: next, current, previous, retired or destroyed; since, or from, when.

    A key makes new things for a time only (TEGNEBOG_CRYPTOPERIOD_DAYS__…): the last column says until when.
    """
    with ring() as folder:
        periods = cryptoperiods.periods(environment.settings().cryptoperiod_days)
        rows = [_row(each, periods) for each in ceremonies.standings(folder, SystemClock().now())]
        lacking = ceremonies.lacking(folder)
    show(rows, COLUMNS, as_json=as_json)
    if lacking:
        click.echo(f"missing: {', '.join(lacking)}", err=True)


def _row(version: Standing, periods: Periods) -> dict[str, Any]:
    makes_new = version.state in ("current", "next")
    due = cryptoperiods.renewal_due(version.purpose, version.active_from, periods) if makes_new else None
    return asdict(version) | {"rotate_before": due}


@keys.command()
@a_purpose
@as_json
def history(purpose: str, *, as_json: bool) -> None:
    """Say what was done to the keys of a purpose, when, and by whom: its journal.

    Whether anybody changed that, `wallet journal verify --key` says.
    """
    of_purpose = SubjectJournalEntry.subject_id == ceremonies.subject_id(Purpose(purpose))
    wanted = select(SubjectJournalEntry).where(of_purpose).order_by(SubjectJournalEntry.seq)
    with environment.opened() as parts, parts.database.reading() as session:
        rows = [_done(entry) for entry in session.scalars(wanted)]
    show(rows, HISTORY, as_json=as_json)


def _done(entry: SubjectJournalEntry) -> dict[str, Any]:
    return {"at": entry.at, "what": entry.type, "version": (entry.payload or {}).get("version"), "actor": entry.actor}


@keys.command()
@a_purpose
@click.option("--in", "delay", callback=_span, metavar="TIME", help="when it is used  [default: 15m]")
@click.option("--now", is_flag=True, help="use it at once: after a leak")
@unnoted_
def rotate(purpose: str, delay: timedelta | None, *, now: bool, force: bool) -> None:
    """Make a new version of a key, which all processes notice by themselves.

    It is known at once, and used after a delay, so that nobody meets a key that he has not heard of. What the old
    version made stays good, and the old version is kept, until it is retired.
    """
    if now and delay is not None:
        raise click.UsageError("either --in or --now")
    if purpose == Purpose.BROKER_CLIENT and not now and delay is None:
        raise click.UsageError("how long does your MitID broker take to learn our new key? --in 7d, for instance")
    after = timedelta() if now else DELAY if delay is None else delay
    with ring() as folder:
        ceremonies.rotatable(folder, Purpose(purpose))

        def prepare(at: datetime, above: int) -> Deed[KeyRotated]:
            made = ceremonies.prepared(folder, Purpose(purpose), at + after, above)
            rotated = KeyRotated(**_about(purpose, made.version, at), active_from=at + after)
            return Deed(rotated, partial(ceremonies.add, folder, made), made)

        perform(Purpose(purpose), prepare, _what_is_next, force=force)


@keys.command()
@a_purpose
@a_version
@yes_
@force_
def retire(purpose: str, version: int, *, yes: bool, force: bool) -> None:
    """Refuse a version from now on, with everything that it made.

    A key that signs or carries is forgotten at once, which cannot be undone. Any other stays in its file until it is
    destroyed; before that it can be reinstated. One that the database still needs is not retired without --force.
    A version that is not in use yet may be retired, too: so a rotation is called off.
    """
    with ring() as folder:
        ceremonies.retirable(folder, Purpose(purpose), version, SystemClock().now())
        check_need(folder, Purpose(purpose), version, force=force)
        if not yes:
            what = f"version {version} of {purpose}, and whatever it made that is still in use,"
            click.confirm(f"Refuse {what} from now on{_for_good(purpose)}?", abort=True)

        def prepare(at: datetime, _: int) -> Deed[KeyRetired]:
            retired = KeyRetired(**_about(purpose, version, at), forced=force)
            return Deed(retired, partial(ceremonies.retire, folder, Purpose(purpose), version, at))

        said = f"version {version} of {purpose} is retired: every process refuses it within a second"
        perform(Purpose(purpose), prepare, lambda _: said, force=force)


@keys.command()
@a_purpose
@a_version
@unnoted_
def reinstate(purpose: str, version: int, *, force: bool) -> None:
    """Take back that a version was retired. A key that is forgotten stays forgotten."""
    with ring() as folder:

        def prepare(at: datetime, _: int) -> Deed[KeyReinstated]:
            reinstated = KeyReinstated(**_about(purpose, version, at))
            return Deed(reinstated, partial(ceremonies.reinstate, folder, Purpose(purpose), version))

        said = f"version {version} of {purpose} is good again: every process knows it within a second"
        perform(Purpose(purpose), prepare, lambda _: said, force=force)


@keys.command()
@a_purpose
@a_version
@yes_
@force_
def destroy(purpose: str, version: int, *, yes: bool, force: bool) -> None:
    """Forget the key of a retired version, for good. Its number is never used again.

    What only this key can open is gone then, also from every backup of the database, once it is gone from every backup
    of the key ring.
    """
    with ring() as folder:
        ceremonies.destroyable(folder, Purpose(purpose), version)
        check_need(folder, Purpose(purpose), version, force=force)
        if not yes:
            click.confirm(f"Forget the key of version {version} of {purpose}, for good?", abort=True)

        def prepare(at: datetime, _: int) -> Deed[KeyDestroyed]:
            destroyed = KeyDestroyed(**_about(purpose, version, at), forced=force)
            return Deed(destroyed, partial(ceremonies.destroy, folder, Purpose(purpose), version, at))

        said = f"the key of version {version} of {purpose} is forgotten here: destroy the backups of the ring as well"
        perform(Purpose(purpose), prepare, lambda _: said, force=force)


def _about(purpose: str, version: int, at: datetime) -> dict[str, Any]:
    subject = ceremonies.subject_id(Purpose(purpose))
    return {"at": at, "subject_id": subject, "purpose": purpose, "version": version}


def _for_good(purpose: str) -> str:
    return ", for good" if purpose in ASYMMETRIC else ""


def _what_is_next(made: KeyRotated) -> str:
    at, (todo, useful) = made.active_from, AFTERWARDS[Purpose(made.purpose)]
    used = f"version {made.version} of {made.purpose} is used from {moment(at)}: {todo}"
    if isinstance(useful, str):
        return f"{used}\nolder versions are needed {useful}"
    return f"{used}\nolder versions are of no more use from {moment(at + useful)}: `wallet keys retire` then"
