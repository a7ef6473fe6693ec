"""`wallet keys`: the key ring is made, looked at, and its signing keys rotate."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from tokenization import ceremonies, key_files
from tokenization.clock import SystemClock
from tokenization.keys import VERSIONS, KeyRingError, Purpose
from wallet.access.access_tokens import LIFETIME
from wallet.access.oauth.blueprint import PUBLIC_FOR
from wallet.cli import environment
from wallet.cli.shown import as_json, moment, show

PURPOSES: Final = [str(purpose) for purpose in Purpose]
COLUMNS: Final = ("purpose", "version", "state", "since")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST: Final = timedelta(days=365)
# As long as every process, and every host that gets a copy of the ring, may take to notice.
DELAY: Final = timedelta(minutes=15)
# What is left to do, and how long after the new version came into use the old one is still of use.
AFTERWARDS: Final[Mapping[Purpose, tuple[str, timedelta]]] = {
    Purpose.ACCESS_TOKEN: ("it is in /oauth/jwks now", LIFETIME),
    Purpose.CARD_TRANSPORT: ("it is in /oauth/jwks from then on", PUBLIC_FOR),
    Purpose.BROKER_CLIENT: ("give the MitID broker what `wallet keys broker` prints before that", timedelta(0)),
}


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


@keys.command()
@click.option("--missing", "wanted", type=click.Choice(PURPOSES), multiple=True, help="a key that this version brings")
def create(wanted: tuple[str, ...]) -> None:
    """Make the key ring: version 1 of every key. Only for a new database.

    A ring that is there gets no key but those named with --missing, for a purpose that a new version of Tegnebog
    brings. A key that was lost comes from its backup: one made in its place opens nothing, and breaks the journals.
    """
    with _ring() as folder:
        lacking = ceremonies.lacking(folder)
        unasked = [] if len(lacking) == len(Purpose) else sorted(set(lacking) - set(wanted))
        if unasked:
            raise ceremonies.NotPossible(
                f"{', '.join(unasked)}: missing from a ring that holds other keys. Put the files back from their "
                f"backup; only a key that this version of Tegnebog brings is made, by --missing {unasked[0]}"
            )
        ceremonies.create(folder, SystemClock().now())
        key_files.read(folder)
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
    """Say which versions of which keys there are: next, current, previous or retired; since, or from, when."""
    with _ring() as folder:
        rows = [asdict(each) for each in ceremonies.standings(folder, SystemClock().now())]
        lacking = ceremonies.lacking(folder)
    show(rows, COLUMNS, as_json=as_json)
    if lacking:
        click.echo(f"missing: {', '.join(lacking)}", err=True)


@keys.command()
@click.argument("purpose", type=click.Choice(PURPOSES))
@click.option("--in", "delay", callback=_span, metavar="TIME", help="when it is used  [default: 15m]")
@click.option("--now", is_flag=True, help="use it at once: after a leak")
def rotate(purpose: str, delay: timedelta | None, *, now: bool) -> None:
    """Make a new version of a signing key, which all processes notice by themselves.

    It is known at once, and used after a delay, so that nobody meets a key that he has not heard of. What the old
    version signed stays good, and the old version is kept, until it is retired.
    """
    if now and delay is not None:
        raise click.UsageError("either --in or --now")
    if purpose == Purpose.BROKER_CLIENT and not now and delay is None:
        raise click.UsageError("how long does your MitID broker take to learn our new key? --in 7d, for instance")
    at = SystemClock().now()
    active_from = at if now else at + (DELAY if delay is None else delay)
    with _ring() as folder:
        version = ceremonies.rotate(folder, Purpose(purpose), active_from)
    _say_what_is_next(Purpose(purpose), version, active_from)


@keys.command()
@click.argument("purpose", type=click.Choice(PURPOSES))
@click.argument("version", type=click.IntRange(VERSIONS[0], VERSIONS[-1]))
@click.option("--yes", is_flag=True, help="do not ask")
def retire(purpose: str, version: int, *, yes: bool) -> None:
    """Refuse a version from now on, with everything that it signed, and forget its key. This cannot be undone.

    A version that is not in use yet may be retired, too: so a rotation is called off.
    """
    with _ring() as folder:
        ceremonies.retirable(folder, Purpose(purpose), version, SystemClock().now())
        if not yes:
            what = f"version {version} of {purpose}, and whatever it made that is still in use,"
            click.confirm(f"Refuse {what} from now on, for good?", abort=True)
        ceremonies.retire(folder, Purpose(purpose), version, SystemClock().now())
    click.echo(f"version {version} of {purpose} is retired: every process refuses it within a second")


@contextmanager
def _ring() -> Iterator[Path]:
    """The ring's folder; what is wrong with it is said in a line."""
    folder = environment.settings().key_ring
    try:
        yield folder
    except ceremonies.NotPossible as error:
        raise click.ClickException(str(error)) from None
    except KeyRingError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error}") from None
    except OSError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error.strerror}") from None


def _say_what_is_next(purpose: Purpose, version: int, active_from: datetime) -> None:
    todo, useful_for = AFTERWARDS[purpose]
    click.echo(f"version {version} of {purpose} is used from {moment(active_from)}: {todo}")
    click.echo(f"older versions are of no more use from {moment(active_from + useful_for)}: `wallet keys retire` then")
