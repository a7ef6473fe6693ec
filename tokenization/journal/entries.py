"""The journal: append-only and hash-chained, one chain per card (and per policy, requestor, cardholder, client, key).

How an entry hangs on the one before stands in links.py, who looks whether all of them do in chains.py.

The card's row keeps count, head and a seal over both, which stands in no entry: who cuts the tail cannot make the one
that belongs to what is left. (An old state of everything, put back whole from a copy, is beyond what a chain can show:
anchors.py.)
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization import cards, ids
from tokenization.events import CardEvent, Event, SubjectEvent
from tokenization.journal import links
from tokenization.journal.models import JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.keys.ring import KeyRing, Purpose
from tokenization.models import Card

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


def append(session: Session, ring: KeyRing, events: Sequence[Event], actor: str) -> list[Recorded]:
    """Write the events behind their chains. The card's lock must be held; raises LockNotHeld if it isn't."""
    subjects = {event.subject_id for event in events if isinstance(event, SubjectEvent)}
    # All of them at once and in ascending order, after the cards: so no deadlock.
    heads = {subject_id: _locked_subject(session, subject_id) for subject_id in sorted(subjects)}
    return [_append_one(session, ring, event, actor, heads) for event in events]


def _append_one(
    session: Session, ring: KeyRing, event: Event, actor: str, heads: dict[UUID, SubjectJournal]
) -> Recorded:
    owner_id, head, entry = _begin(session, event, heads)
    current, payload = ring.current(Purpose.JOURNAL), event.payload()
    entry.seq, entry.event_id, entry.key_version = head.journal_count + 1, ids.new_id(), current.version
    entry.type, entry.at, entry.actor = event.type, event.at, actor
    entry.payload, entry.salt = payload, secrets.token_bytes(16)
    entry.digest = links.digest(entry.salt, payload)
    entry.link = links.link(current.key, head.journal_head, owner_id, entry)
    session.add(entry)
    head.journal_count, head.journal_head = entry.seq, entry.link
    head.journal_seal = links.seal(current.key, owner_id, entry.seq, entry.link)
    return Recorded(owner_id, entry.seq, event, entry.event_id, payload)


def _begin(session: Session, event: Event, heads: dict[UUID, SubjectJournal]) -> tuple[UUID, Head, Entry]:
    if isinstance(event, CardEvent):
        return event.card_id, cards.locked(session, event.card_id), JournalEntry(card_id=event.card_id)
    if isinstance(event, SubjectEvent):
        return event.subject_id, heads[event.subject_id], SubjectJournalEntry(subject_id=event.subject_id)
    raise TypeError(f"{type(event).__name__} belongs neither to a card nor to a subject")


def _locked_subject(session: Session, subject_id: UUID) -> SubjectJournal:
    new = {"subject_id": subject_id, "journal_count": 0, "journal_head": links.FIRST_LINK, "journal_seal": b""}
    session.execute(insert(SubjectJournal).values(new).on_conflict_do_nothing())
    locked = select(SubjectJournal).where(SubjectJournal.subject_id == subject_id).with_for_update()
    return session.scalars(locked, execution_options={"populate_existing": True}).one()
