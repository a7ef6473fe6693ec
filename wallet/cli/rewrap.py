"""`wallet keys rewrap`: every data key comes under the current key-encryption key, while everything runs."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import click

from tokenization import ids, rewrapping
from tokenization.keys import checks
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from tokenization.models import Requestor
from tokenization.rewrapping import CARDS, START, Batch, Outdated, Position, Store
from wallet.cli import environment
from wallet.cli.progress import Shown, progress
from wallet.services import Services

WHOSE: Final = {"card_keys": "cards", "party_keys": "cardholders and requestors"}


@click.command()
@click.option(
    "--batch", default=1_000, show_default=True, type=click.IntRange(1, 10_000), help="rows of one transaction"
)
def rewrap(batch: int) -> None:
    """Put every data key under the current key-encryption key, after `rotate key_encryption`.

    Nothing stops meanwhile. It may be ended at any time, and goes on where it was; run again, it does what is left.
    """
    with environment.opened() as parts:
        try:
            _check(parts)
            _delete_erased(parts)
            left = _rewrap(parts, batch)
        except KeyRingError as error:
            raise click.ClickException(f"TEGNEBOG_KEY_RING: {error}") from None
    for each in left:
        whose, why = WHOSE[each.store.table.name], f": {each.gone}" if each.gone else ""
        click.echo(f"left under version {each.kek_version}: {each.count:,} data keys of {whose}{why}")
    if left:
        raise click.ClickException("not every data key is under the current version: see above, and run this again")
    _say_what_is_next(parts.vault.ring)


def _check(parts: Services) -> None:
    """Raises KeyRingError where the ring is another's, or a copy that has not heard of what is to be wrapped under."""
    with parts.database.reading() as session:
        for version in checks.hold(session, parts.vault.ring).lacking:
            if version[0] == Purpose.KEY_ENCRYPTION:
                raise KeyRingError(f"this copy of the ring lacks {checks.named(version)}: copy it here")


def _say_what_is_next(ring: KeyRing) -> None:
    current, newest = ring.current(Purpose.KEY_ENCRYPTION).version, ring.usable(Purpose.KEY_ENCRYPTION)[-1].version
    click.echo(f"every data key is under version {current} of key_encryption")
    if newest > current:
        click.echo(f"version {newest} is not in use yet: run this again once it is")


def _delete_erased(parts: Services) -> None:
    with parts.database.transaction("system") as session:
        count = rewrapping.delete_erased(session)
    if count:
        click.echo(f"deleted: {count:,} data keys of erased cards, which had come back out of a backup")


def _rewrap(parts: Services, limit: int) -> list[Outdated]:
    """Round after round until one does nothing more: the key may rotate, and rows may come, meanwhile. What is left."""
    waiting, named = _outdated(parts), set[UUID]()
    with progress("rewrapped", sum(each.count for each in waiting)) as shown:
        while sum(_walk(parts, each, limit, shown, named) for each in waiting if each.gone is None):
            waiting = _outdated(parts)
    return _outdated(parts)


def _outdated(parts: Services) -> list[Outdated]:
    with parts.database.reading() as session:
        return rewrapping.outdated(session, parts.vault.ring)


def _walk(parts: Services, old: Outdated, limit: int, shown: Shown, named: set[UUID]) -> int:
    """Once through the rows under one older version; how many were rewrapped."""
    done = 0
    for batch in _batches(parts, old, limit):
        done += batch.rewrapped
        shown.advance(batch.rewrapped)
        for owner_id in batch.damaged:
            if owner_id not in named:
                shown.say(f"the data key of {_name(parts, old.store, owner_id)} cannot be opened: it stays as it is")
        named.update(batch.damaged)
    return done


def _batches(parts: Services, old: Outdated, limit: int) -> Iterator[Batch]:
    after: Position | None = START
    while after is not None:
        with parts.database.transaction("system") as session:
            batch = rewrapping.rewrap(session, parts.vault, old, after, limit)
        yield batch
        after = batch.last


def _name(parts: Services, store: Store, owner_id: UUID) -> str:
    if store is CARDS:
        return ids.to_text("card", owner_id)
    with parts.database.reading() as session:
        return ids.to_text("holder" if session.get(Requestor, owner_id) is None else "reqr", owner_id)
