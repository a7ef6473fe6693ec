"""Rewrapping: after a rotation every data key comes under the current key-encryption key, while everything runs.

No card is locked for it. What changes is how a row is wrapped, never the data key in it: whoever reads meanwhile sees
the row as it was or as it is, and both open. A row is written only where it is still wrapped as it was read, so that
one which somebody else has rewrapped stays as it is, and an erased one does not come back. One that somebody has put
back out of a backup is never wrapped anew: it is deleted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CursorResult,
    LargeBinary,
    Row,
    Select,
    Table,
    Update,
    Uuid,
    bindparam,
    column,
    delete,
    exists,
    func,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from tokenization.models import Card, CardKey, PartyKey
from tokenization.vault import Place, Vault, VaultError, Wrapped, card_key_place, party_key_place

# Whose row, which version of its data key, how it was wrapped; under which version it is to be, and how.
Fresh = tuple[UUID, int, bytes, int, bytes]

# Several at once take turns, batch by batch: two that updated the same rows in another order could deadlock.
_TURN: Final = func.pg_advisory_xact_lock(2, 1)
# Every row is found by an index, also where the planner has no statistics yet, or those from before the rotation: what
# it guesses then is a scan of the whole table for each batch.
_UNWANTED: Final = ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
_PREPARE: Final = select(_TURN, *(func.set_config(f"enable_{way}", "off", true()) for way in _UNWANTED))


@dataclass(frozen=True, slots=True)
class Store:
    """Where data keys of one kind stand: the table, what each row is of, the place that it is sealed for, and which of
    them may be.
    """

    table: Table
    owner_column: str
    place: Callable[[UUID], Place]
    may_be: ColumnElement[bool]

    @property
    def owner(self) -> ColumnElement[UUID]:
        """The column that says whose row it is."""
        return self.table.c[self.owner_column]


_ERASED: Final = exists().where(Card.card_id == CardKey.card_id, Card.erased_at.is_not(None))
CARDS: Final = Store(cast(Table, CardKey.__table__), "card_id", card_key_place, ~_ERASED)
PARTIES: Final = Store(cast(Table, PartyKey.__table__), "party_id", party_key_place, true())
STORES: Final = (CARDS, PARTIES)


@dataclass(frozen=True, slots=True)
class Outdated:
    """So many data keys are under another version; `gone` says why they cannot be opened, if the key is gone."""

    store: Store
    kek_version: int
    count: int
    gone: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """How far one has come in a store: past the row of that owner and data-key version."""

    owner_id: UUID
    version: int


START: Final = Position(UUID(int=0), 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one batch. `damaged` are the owners of rows that cannot be opened; `last` is None after the end."""

    rewrapped: int
    damaged: list[UUID]
    last: Position | None


def delete_erased(session: Session) -> int:
    """Delete the data keys of erased cards: they were put back, and no backup may undo an erasing. How many."""
    session.execute(select(_TURN))
    return cast(CursorResult[Any], session.execute(delete(CardKey).where(_ERASED))).rowcount


def outdated(session: Session, ring: KeyRing) -> list[Outdated]:
    """What is under other versions than the current one, by store and version: also under one that was called off.

    Raises KeyRingError.
    """
    current = ring.current(Purpose.KEY_ENCRYPTION).version
    found = [(store, *row) for store in STORES for row in session.execute(_counts(store, current))]
    return [Outdated(store, version, count, _why_gone(ring, version)) for store, version, count in found]


def _counts(store: Store, current: int) -> Select[int, int]:
    version = store.table.c.kek_version
    return select(version, func.count()).where(version != current).group_by(version).order_by(version)


def _why_gone(ring: KeyRing, version: int) -> str | None:
    try:
        ring.get(Purpose.KEY_ENCRYPTION, version)
    except KeyRingError as error:
        return str(error)
    return None


def rewrap(session: Session, vault: Vault, old: Outdated, after: Position, limit: int) -> Batch:
    """The next rows under an older version, at most so many: open them and wrap them anew. Raises KeyRingError.

    A handful of round trips, however many rows. What cannot be opened stays as it is and holds up nobody.
    """
    session.execute(_PREPARE)
    rows = session.execute(_next(old, after, limit)).all()
    fresh, damaged = _wrapped_anew(vault, old, rows)
    last = Position(rows[-1][0], rows[-1][1]) if len(rows) == limit else None
    return Batch(_write(session, old.store, fresh) if fresh else 0, damaged, last)


def _next(old: Outdated, after: Position, limit: int) -> Select[UUID, int, bytes]:
    """Along the index by kek_version, owner and version: the same few pages, wherever in the table one is."""
    table, key = old.store.table, (old.store.owner, old.store.table.c.version)
    waiting = (table.c.kek_version == old.kek_version, tuple_(*key) > tuple_(after.owner_id, after.version))
    return select(*key, table.c.wrapped).where(*waiting, old.store.may_be).order_by(*key).limit(limit)


def _wrapped_anew(vault: Vault, old: Outdated, rows: Sequence[Row[UUID, int, bytes]]) -> tuple[list[Fresh], list[UUID]]:
    """What is to be written, and whose rows cannot be opened."""
    fresh: list[Fresh] = []
    damaged: list[UUID] = []
    for owner_id, version, wrapped in rows:
        place = old.store.place(owner_id)
        try:
            again = vault.wrap(place, vault.unwrap(place, Wrapped(old.kek_version, wrapped)))
        except VaultError:
            damaged.append(owner_id)
        else:
            fresh.append((owner_id, version, wrapped, again.kek_version, again.value))
    return fresh, damaged


def _write(session: Session, store: Store, fresh: list[Fresh]) -> int:
    """Compare and set, all in one statement. How many were still as they had been read."""
    arrays: dict[str, Any] = dict(zip(_COLUMNS, map(list, zip(*fresh, strict=True)), strict=True))
    return cast(CursorResult[Any], session.execute(_WRITE[store.table.name], arrays)).rowcount


def _writing(store: Store) -> Update:
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in _COLUMNS.items()]
    columns = [column(name, kind) for name, kind in _COLUMNS.items()]
    fresh = func.unnest(*arrays).table_valued(*columns).render_derived(name="fresh")
    table = store.table
    row = (store.owner == fresh.c.of_owner, table.c.version == fresh.c.of_version)
    unchanged = table.c.wrapped == fresh.c.was
    return update(table).where(*row, unchanged).values(kek_version=fresh.c.new_version, wrapped=fresh.c.new)


_COLUMNS: Final[dict[str, TypeEngine[Any]]] = {
    "of_owner": Uuid(),
    "of_version": BigInteger(),
    "was": LargeBinary(),
    "new_version": BigInteger(),
    "new": LargeBinary(),
}
_WRITE: Final = {store.table.name: _writing(store) for store in STORES}
