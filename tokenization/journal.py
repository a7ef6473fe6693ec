"""The journal: append-only and hash-chained, one chain per card (and one per policy, requestor, cardholder, client).

link = HMAC-SHA-256(journal key, previous link || metadata || digest), with digest = SHA-256(salt || payload), and
metadata and payload as canonical JSON (RFC 8785). A database writer cannot recompute it. The digest stands in a column
of its own, so that payload and salt can be erased (R-20) without breaking the chain; how many are, is told.

The card's row keeps count, head and a seal over both, which stands in no entry: who cuts the tail cannot make the one
that belongs to what is left. (An old state of everything, put back whole from a copy, is beyond what a chain can show.)
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import rfc8785
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization import cards, ids
from tokenization.events import CardEvent, Event, SubjectEvent, rfc3339
from tokenization.keys import KeyRing, KeyRingError, Purpose
from tokenization.models import Card, JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.vault import keyed_hash

FIRST_LINK: Final = cards.FIRST_JOURNAL_LINK
Entry = JournalEntry | SubjectJournalEntry
Head = Card | SubjectJournal


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the journal: what the outbox passes on. `owner_id` is the card or the subject."""

    owner_id: UUID
    seq: int
    event: Event
    event_id: UUID
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a chain holds; `broken_at` is the first sequence number that doesn't, or one past a cut tail.

    `erased` counts the entries whose payload is gone (R-20): hold it against what was erased on purpose.
    """

    valid: bool
    entries: int
    broken_at: int | None
    erased: int = 0


def append(session: Session, ring: KeyRing, events: Sequence[Event], actor: str) -> list[Recorded]:
    """Write the events behind their chains. The card's lock must be held; raises LockNotHeld if it isn't."""
    subjects = {event.subject_id for event in events if isinstance(event, SubjectEvent)}
    # All of them at once and in ascending order, after the cards: so no deadlock.
    heads = {subject_id: _locked_subject(session, subject_id) for subject_id in sorted(subjects)}
    return [_append_one(session, ring, event, actor, heads) for event in events]


def _append_one(
    session: Session, ring: KeyRing, event: Event, actor: str, heads: dict[UUID, SubjectJournal]
) -> Recorded:
    head, entry = _begin(session, event, heads)
    key, payload = ring.current(Purpose.JOURNAL), event.payload()
    entry.seq, entry.event_id, entry.key_version = head.journal_count + 1, ids.new_id(), key.version
    entry.type, entry.at, entry.actor = event.type, event.at, actor
    entry.payload, entry.salt = payload, secrets.token_bytes(16)
    entry.digest = _digest(entry.salt, payload)
    entry.link = _link(ring, head.journal_head, entry)
    session.add(entry)
    head.journal_count, head.journal_head, head.journal_seal = entry.seq, entry.link, _seal(ring, entry)
    return Recorded(_owner(entry), entry.seq, event, entry.event_id, payload)


def _begin(session: Session, event: Event, heads: dict[UUID, SubjectJournal]) -> tuple[Head, Entry]:
    if isinstance(event, CardEvent):
        return cards.locked(session, event.card_id), JournalEntry(card_id=event.card_id)
    if isinstance(event, SubjectEvent):
        return heads[event.subject_id], SubjectJournalEntry(subject_id=event.subject_id)
    raise TypeError(f"{type(event).__name__} belongs neither to a card nor to a subject")


def verify_card(session: Session, ring: KeyRing, card_id: UUID) -> Verdict:
    """Walk the card's chain from its first entry to the head on the card's row."""
    both = select(Card, JournalEntry).outerjoin(JournalEntry, JournalEntry.card_id == Card.card_id)
    return _verify(session, ring, both.where(Card.card_id == card_id).order_by(JournalEntry.seq))


def verify_subject(session: Session, ring: KeyRing, subject_id: UUID) -> Verdict:
    """The same for a policy, a requestor, a cardholder or a client."""
    of_subject = SubjectJournalEntry.subject_id == SubjectJournal.subject_id
    both = select(SubjectJournal, SubjectJournalEntry).outerjoin(SubjectJournalEntry, of_subject)
    return _verify(session, ring, both.where(SubjectJournal.subject_id == subject_id).order_by(SubjectJournalEntry.seq))


def _verify(session: Session, ring: KeyRing, head_and_entries: Select[Any, Any]) -> Verdict:
    """Head and entries come in one statement: between two, somebody could append."""
    rows = session.execute(head_and_entries, execution_options={"populate_existing": True}).all()
    head, entries = rows[0][0], [entry for _, entry in rows if entry is not None]
    link, erased = FIRST_LINK, sum(entry.payload is None for entry in entries)
    for seq, entry in enumerate(entries, 1):
        if entry.seq != seq or not _holds(ring, link, entry):
            return Verdict(False, len(entries), seq, erased)
        link = entry.link
    if not entries or not _is_head(ring, head, entries[-1]):
        return Verdict(False, len(entries), min(len(entries), head.journal_count) + 1, erased)
    return Verdict(True, len(entries), None, erased)


def _is_head(ring: KeyRing, head: Head, last: Entry) -> bool:
    """Whether the row says that this entry is the last. There is always one: nothing begins without an event."""
    kept = (head.journal_count, head.journal_head, head.journal_seal)
    return kept == (last.seq, last.link, _seal(ring, last))


def _holds(ring: KeyRing, previous: bytes, entry: Entry) -> bool:
    """Whether an entry is what was written, behind what was written before it; its payload may have been erased."""
    try:
        linked = entry.link == _link(ring, previous, entry)
    except KeyRingError:
        return False
    erased = entry.payload is None and entry.salt is None
    return linked and (erased or entry.digest == _digest(entry.salt or b"", entry.payload))


def _locked_subject(session: Session, subject_id: UUID) -> SubjectJournal:
    new = {"subject_id": subject_id, "journal_count": 0, "journal_head": FIRST_LINK, "journal_seal": b""}
    session.execute(insert(SubjectJournal).values(new).on_conflict_do_nothing())
    locked = select(SubjectJournal).where(SubjectJournal.subject_id == subject_id).with_for_update()
    return session.scalars(locked, execution_options={"populate_existing": True}).one()


def _digest(salt: bytes, payload: dict[str, Any] | None) -> bytes:
    return sha256(salt + rfc8785.dumps(payload)).digest()


def _link(ring: KeyRing, previous: bytes, entry: Entry) -> bytes:
    key = ring.get(Purpose.JOURNAL, entry.key_version)
    about = (str(_owner(entry)), entry.seq, str(entry.event_id), entry.type, rfc3339(entry.at), entry.actor)
    return keyed_hash(key, previous + rfc8785.dumps([*about, entry.key_version]) + entry.digest)


def _seal(ring: KeyRing, last: Entry) -> bytes:
    """Over owner, count and head, under the key of the last entry."""
    head = rfc8785.dumps(["head", str(_owner(last)), last.seq])
    return keyed_hash(ring.get(Purpose.JOURNAL, last.key_version), head + last.link)


def _owner(entry: Entry) -> UUID:
    return entry.card_id if isinstance(entry, JournalEntry) else entry.subject_id
