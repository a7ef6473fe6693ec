"""Rotation of the key-encryption key: data keys rewrapped while others read them, of whom none may fail."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from bench.stage import Figure, Stage, seconds
from tokenization import ids, rewrapping
from tokenization.keys import ceremonies
from tokenization.keys.ring import KeyRingError, Purpose
from tokenization.rewrapping import START, Position
from tokenization.vault import VaultError

READERS, BATCH = 2, 1_000


@dataclass
class Reads:
    """What one reader saw."""

    done: int = 0
    failed: int = 0


def measure(stage: Stage) -> list[Figure]:
    """Data keys a second, with two readers in this process; how often those read, and failed."""
    parts = stage.parts
    owners = _data_keys(stage)
    ceremonies.rotate(parts.settings.key_ring, Purpose.KEY_ENCRYPTION, parts.clock.now())
    parts.vault.ring.refresh()
    with parts.database.reading() as session:
        waiting = sum(each.count for each in rewrapping.outdated(session, parts.vault.ring))
    with _reading(stage, owners) as reads:
        took = seconds(lambda: _rewrap(stage))
    done, failed = sum(each.done for each in reads), sum(each.failed for each in reads)
    return [
        Figure("data keys rewrapped under load", waiting / took, note=f"{waiting:,} data keys, {READERS} readers"),
        Figure("reads meanwhile", done / took),
        Figure("of them failed", failed, "", reach="0"),
    ]


def _data_keys(stage: Stage) -> list[UUID]:
    """Of nobody: the data key of a party is a row of its own."""
    owners = [ids.new_id() for _ in range(stage.sizes.data_keys)]
    with stage.parts.database.transaction("bench") as session:
        for owner_id in owners:
            stage.parts.vault.create_party_key(session, owner_id)
    return owners


@contextmanager
def _reading(stage: Stage, owners: list[UUID]) -> Iterator[list[Reads]]:
    """Within, readers read."""
    over, reads = Event(), [Reads() for _ in range(READERS)]
    with ThreadPoolExecutor(READERS) as pool:
        for each in reads:
            pool.submit(_read, stage, owners, each, over)
        try:
            yield reads
        finally:
            over.set()


def _read(stage: Stage, owners: list[UUID], reads: Reads, over: Event) -> None:
    while not over.is_set():
        try:
            with stage.parts.database.reading() as session:
                stage.parts.vault.party_key(session, random.choice(owners))  # noqa: S311 - any will do
            reads.done += 1
        except (VaultError, KeyRingError, SQLAlchemyError):
            reads.failed += 1


def _rewrap(stage: Stage) -> None:
    parts = stage.parts
    with parts.database.reading() as session:
        outdated = rewrapping.outdated(session, parts.vault.ring)
    for old in outdated:
        after: Position | None = START
        while after is not None:
            with parts.database.transaction("bench") as session:
                after = rewrapping.rewrap(session, parts.vault, old, after, BATCH).last
