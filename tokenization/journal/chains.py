"""Whether journals hold: each chain walked from its first entry to the head on its row, in little memory.

Head and entries come in one statement, which sees one moment: between two, somebody could append. Nothing that is read
is believed: whoever changed a row must not be able to stop the walk by what he put there. But a ring that is not the
database's, or lacks a version that linked, says nothing of a journal: KeyRingError, and no verdict.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, Text, case, cast, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tokenization.journal import links
from tokenization.journal.models import JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.keys import checks
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from tokenization.models import Card
from tokenization.secret import Key

# Read and forgotten: so many rows at a time, of so many chains in a statement. (One that took hours would keep
# PostgreSQL from clearing up behind everybody else.)
ROWS: Final = 1_000
CHAINS: Final = 500
# PostgreSQL knows times that Python doesn't; none of them was ever written.
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)

# None: there never was such a version.
JournalKeys = Callable[[int], Key | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a chain holds; `broken_at` is the first sequence number that doesn't, or one past a cut tail.

    `erased` counts the entries whose payload is gone (R-20): hold it against what was erased on purpose.
    """

    valid: bool
    entries: int
    broken_at: int | None
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Journals:
    """One of the two kinds: what a row of the heads and of the entries is, and the column that says whose they are.

    `prefix` is that of its owners' ids as text.
    """

    prefix: str
    head: type[Card | SubjectJournal]
    head_id: InstrumentedAttribute[UUID]
    entry: type[JournalEntry | SubjectJournalEntry]
    entry_id: InstrumentedAttribute[UUID]


CARDS: Final = Journals("card", Card, Card.card_id, JournalEntry, JournalEntry.card_id)
SUBJECTS: Final = Journals(
    "subject", SubjectJournal, SubjectJournal.subject_id, SubjectJournalEntry, SubjectJournalEntry.subject_id
)
KINDS: Final = (CARDS, SUBJECTS)


def verify_card(session: Session, ring: KeyRing, card_id: UUID) -> Verdict:
    """Walk the card's chain."""
    return verify(session, ring, CARDS, card_id)


def verify_subject(session: Session, ring: KeyRing, subject_id: UUID) -> Verdict:
    """The same for a policy, a requestor, a cardholder, a client or a key."""
    return verify(session, ring, SUBJECTS, subject_id)


def verify(session: Session, ring: KeyRing, journals: Journals, owner_id: UUID) -> Verdict:
    """Walk one chain. One of which nothing is left is broken at 1. Raises KeyRingError where the ring cannot tell."""
    checks.hold(session, ring)
    head = _heads(journals).where(journals.head_id == owner_id)
    found = [*_walked(session, ring, _with_entries(journals, head))] or [*_headless(session, journals, owner_id)]
    return found[0][1] if found else Verdict(False, 0, 1)


def verify_all(session: Session, ring: KeyRing, journals: Journals) -> Iterator[tuple[UUID, Verdict]]:
    """Walk every chain of a kind: by ascending id, and after them those whose head is gone. Raises as `verify` does."""
    checks.hold(session, ring)
    after: UUID | None = None
    while True:
        before = after
        for owner_id, verdict in _walked(session, ring, piece(journals, after)):
            yield owner_id, verdict
            after = owner_id
        if after == before:
            break
    yield from _headless(session, journals)


def expected(session: Session) -> int:
    """How many entries there are, as the heads have it."""
    counted = (session.scalar(select(func.sum(journals.head.journal_count))) for journals in KINDS)
    return int(sum(count or 0 for count in counted))


def _heads(journals: Journals) -> Select[Any, Any, Any, Any]:
    head = journals.head
    return select(journals.head_id.label("owner_id"), head.journal_count, head.journal_head, head.journal_seal)


def piece(journals: Journals, after: UUID | None) -> Select[*tuple[Any, ...]]:
    """What is walked at a time: so many chains behind that one, by ascending id."""
    heads = _heads(journals).order_by(journals.head_id).limit(CHAINS)
    return _with_entries(journals, heads if after is None else heads.where(journals.head_id > after))


def _with_entries(journals: Journals, wanted: Select[Any, Any, Any, Any]) -> Select[*tuple[Any, ...]]:
    """Heads, each with its entries in order; one that has none comes once, with a `seq` of None."""
    heads, entry = wanted.subquery(), journals.entry
    columns = (
        entry.seq,
        entry.event_id,
        entry.type,
        entry.actor,
        entry.salt,
        entry.digest,
        entry.key_version,
        entry.link,
    )
    at = case((entry.at.between(_FIRST, _LAST), entry.at)).label("at")
    payload = cast(entry.payload, Text).label("payload")  # which no number and no depth keeps from being read
    both = select(heads, *columns, at, payload).outerjoin(entry, journals.entry_id == heads.c.owner_id)
    return both.order_by(heads.c.owner_id, entry.seq)


def _walked(session: Session, ring: KeyRing, wanted: Select[Any]) -> Iterator[tuple[UUID, Verdict]]:
    keys: JournalKeys = cache(partial(_key, session, ring))
    rows = session.execute(wanted, execution_options={"yield_per": ROWS})
    for owner_id, chain in groupby(rows, attrgetter("owner_id")):
        yield owner_id, _verdict(keys, chain)


def _key(session: Session, ring: KeyRing, version: int) -> Key | None:
    try:
        return ring.get(Purpose.JOURNAL, version)
    except KeyRingError:
        if checks.is_known(session, ring, Purpose.JOURNAL, version):
            raise
        return None


def _verdict(keys: JournalKeys, chain: Iterable[Row[Any]]) -> Verdict:
    """Of the rows of one chain, of which there is always one."""
    link, entries, erased, broken_at, row = links.FIRST_LINK, 0, 0, None, None
    for row in chain:
        if row.seq is None:
            break
        entries, erased = entries + 1, erased + (row.payload is None)
        if broken_at is None and not _holds(keys, link, entries, row):
            broken_at = entries
        link = row.link
    if broken_at is None and not (row and _is_head(keys, row)):
        broken_at = min(entries, max(row.journal_count, 0) if row else 0) + 1
    return Verdict(broken_at is None, entries, broken_at, erased)


def _holds(keys: JournalKeys, previous: bytes, seq: int, entry: Row[Any]) -> bool:
    """Whether an entry is what was written, behind what was written before it; its payload may have been erased."""
    if entry.seq != seq or entry.at is None:
        return False
    key = keys(entry.key_version)
    linked = key is not None and entry.link == links.link(key, previous, entry.owner_id, entry)
    if entry.payload is None or entry.salt is None:
        return linked and entry.payload is entry.salt
    return linked and links.is_digest(entry.digest, entry.salt, entry.payload)


def _is_head(keys: JournalKeys, last: Row[Any]) -> bool:
    """Whether the head says that this entry, which holds, is the last; there is one, as nothing begins without."""
    if last.seq is None or (last.journal_count, last.journal_head) != (last.seq, last.link):
        return False
    key = keys(last.key_version)
    return key is not None and bool(last.journal_seal == links.seal(key, last.owner_id, last.seq, last.link))


def _headless(session: Session, journals: Journals, owner_id: UUID | None = None) -> Iterator[tuple[UUID, Verdict]]:
    """Entries without a head: somebody deleted it, past the foreign key."""
    entry, has_head = journals.entry, exists().where(journals.head_id == journals.entry_id)
    wanted = select(journals.entry_id, func.count(), func.count().filter(entry.payload.is_(None)))
    if owner_id is not None:
        wanted = wanted.where(journals.entry_id == owner_id)
    found = wanted.where(~has_head).group_by(journals.entry_id).order_by(journals.entry_id)
    for owner, entries, erased in session.execute(found, execution_options={"yield_per": ROWS}):
        yield owner, Verdict(False, entries, 1, erased)
