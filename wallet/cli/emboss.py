"""`wallet cards emboss`: what new plastics are made from, in a file for the bureau that makes them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from joserfc.jwk import ECKey

from tokenization import ids
from wallet import embossing
from wallet.access.public_keys import InvalidKey, public_key
from wallet.cli import environment
from wallet.cli.progress import progress, stoppable
from wallet.embossing import Written
from wallet.services import Services

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--to", "key", type=FILE, required=True, help="the bureau's public P-256 key (a JWK)")
@click.option("--out", "path", type=FILE, required=True, help="a new file: one JWE (RFC 7516) a line, for each plastic")
def emboss(key: Path, path: Path) -> None:
    """Write what the bureau embosses: number, expiry, CVC, name and address, encrypted to its key.

    Each new plastic that waits, but for those whose number an answer over HTTP has shown. The file is complete before
    its plastics count as ordered: if this is broken off, they stand in the next file as well, under the same ids.
    """
    bureau = _public(key)
    if path.exists():
        raise click.UsageError(f"{path} is there already")
    with environment.opened() as parts, stoppable(), _alone(parts):
        written = _write(parts, bureau, path)
        if written.plastics:
            _note(parts, written, bureau, path)
    _say(written)


@contextmanager
def _alone(parts: Services) -> Iterator[None]:
    """Two at once would have the same plastics made twice."""
    with embossing.alone(parts) as is_alone:
        if not is_alone:
            raise click.ClickException("somebody else is writing such a file: try again when it is complete")
        yield


def _public(path: Path) -> ECKey:
    try:
        return public_key(json.loads(path.read_text()))
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except InvalidKey as error:
        raise click.UsageError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        raise click.UsageError(f"{path} holds no JSON") from None


def _write(parts: Services, bureau: ECKey, path: Path) -> Written:
    try:
        return embossing.write(parts, bureau, path)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _note(parts: Services, written: Written, bureau: ECKey, path: Path) -> None:
    noted, total = 0, len(written.plastics)
    try:
        with progress("noted", total) as shown:
            for _ in embossing.note(parts, written.plastics, bureau, f"cli:{environment.operator()}"):
                noted += 1
                shown.advance()
    finally:
        if noted < total:
            click.echo(
                f"{path} is complete, but {total - noted:,} of {total:,} will stand in the next one, too", err=True
            )


def _say(written: Written) -> None:
    over = f"; passed over: {written.erased:,} (erased {written.erased:,})" if written.erased else ""
    click.echo(f"ordered: {len(written.plastics):,}{over}" if written.plastics else f"nothing waits{over}")
    for card_id, why in written.failed.items():
        click.echo(f"{ids.to_text('card', card_id)}: {why}", err=True)
    if written.failed:
        raise click.ClickException(f"not ordered, as named above: {len(written.failed):,}")
