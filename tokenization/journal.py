"""The journal: append-only and hash-chained, one chain per card (and one per policy, requestor, cardholder, client).

link = HMAC-SHA-256(journal key, previous link || metadata || SHA-256(salt || payload)), with metadata and payload as
canonical JSON (RFC 8785). A database writer cannot recompute it; payload and salt can be erased (R-20) without breaking
the chain; the count and the head on the card's row show a tail that was cut.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import rfc8785
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization import cards, ids
from tokenization.events import CardEvent, Event, SubjectEvent, rfc3339
from tokenization.keys import KeyRing, Purpose
from tokenization.models import Card, JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.secret import Key
from tokenization.vault import keyed_hash

FIRST_LINK: Final = cards.FIRST_JOURNAL_LINK


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
    """Whether a chain holds; `broken_at` is the first sequence number that doesn't, or one past a cut tail."""

    valid: bool
    entries: int
    broken_at: int | None


def append(session: Session, ring: KeyRing, events: Iterable[Event], actor: str) -> list[Recorded]:
    """Write the events behind their chains. The card's lock must be held; raises LockNotHeld if it isn't."""
    return [_append_one(session, ring, event, actor) for event in events]


def _append_one(session: Session, ring: KeyRing, event: Event, actor: str) -> Recorded:
    if isinstance(event, CardEvent):
        head: Card | SubjectJournal = cards.locked(session, event.card_id)
        owner_id, entry_type = event.card_id, JournalEntry
    elif isinstance(event, SubjectEvent):
        head = _locked_subject(session, event.subject_id)
        owner_id, entry_type = event.subject_id, SubjectJournalEntry  # type: ignore[assignment]  # same columns but the first
    else:
        raise TypeError(f"{type(event).__name__} belongs neither to a card nor to a subject")
    key = ring.current(Purpose.JOURNAL)
    seq, event_id, salt, payload = head.journal_count + 1, ids.new_id(), secrets.token_bytes(16), event.payload()
    metadata = _metadata(owner_id, seq, event_id, event.type, event.at, actor, key.version)
    link = _link(key.key, head.journal_head, metadata, salt, payload)
    fields = {"seq": seq, "event_id": event_id, "type": event.type, "at": event.at, "actor": actor}
    owner = "card_id" if entry_type is JournalEntry else "subject_id"
    session.add(
        entry_type(**{owner: owner_id}, **fields, payload=payload, salt=salt, key_version=key.version, link=link)
    )
    head.journal_count, head.journal_head = seq, link
    return Recorded(owner_id, seq, event, event_id, payload)


def verify_card(session: Session, ring: KeyRing, card_id: UUID) -> Verdict:
    """Walk the card's chain from its first entry to the head on the card's row."""
    card = session.get_one(Card, card_id, populate_existing=True)
    entries = session.scalars(select(JournalEntry).where(JournalEntry.card_id == card_id).order_by(JournalEntry.seq))
    return _verify(ring, card_id, entries.all(), card)


def verify_subject(session: Session, ring: KeyRing, subject_id: UUID) -> Verdict:
    """The same for a policy, a requestor, a cardholder or a client."""
    head = session.get_one(SubjectJournal, subject_id, populate_existing=True)
    chain = select(SubjectJournalEntry).where(SubjectJournalEntry.subject_id == subject_id)
    return _verify(ring, subject_id, session.scalars(chain.order_by(SubjectJournalEntry.seq)).all(), head)


def _verify(
    ring: KeyRing, owner_id: UUID, entries: Sequence[JournalEntry | SubjectJournalEntry], head: Card | SubjectJournal
) -> Verdict:
    link = FIRST_LINK
    for seq, entry in enumerate(entries, 1):
        key = ring.get(Purpose.JOURNAL, entry.key_version)
        metadata = _metadata(owner_id, seq, entry.event_id, entry.type, entry.at, entry.actor, entry.key_version)
        if entry.seq != seq or entry.link != _link(key, link, metadata, entry.salt, entry.payload):
            return Verdict(False, len(entries), seq)
        link = entry.link
    if len(entries) != head.journal_count or link != head.journal_head:
        return Verdict(False, len(entries), len(entries) + 1)
    return Verdict(True, len(entries), None)


def _locked_subject(session: Session, subject_id: UUID) -> SubjectJournal:
    new = {"subject_id": subject_id, "journal_count": 0, "journal_head": FIRST_LINK}
    session.execute(insert(SubjectJournal).values(new).on_conflict_do_nothing())
    locked = select(SubjectJournal).where(SubjectJournal.subject_id == subject_id).with_for_update()
    return session.scalars(locked).one()


def _metadata(owner: UUID, seq: int, event_id: UUID, type_: str, at: datetime, actor: str, key_version: int) -> bytes:
    return rfc8785.dumps([str(owner), seq, str(event_id), type_, rfc3339(at), actor, key_version])


def _link(key: Key, previous: bytes, metadata: bytes, salt: bytes, payload: dict[str, Any]) -> bytes:
    return keyed_hash(key, previous + metadata + sha256(salt + rfc8785.dumps(payload)).digest())
