"""The journal: append-only and hash-chained, one chain per card (and per policy, requestor, cardholder, client, key).

How an entry hangs on the one before stands in links.py, who looks whether all of them do in chains.py.

The card's row keeps count, head and a seal over both, which stands in no entry: who cuts the tail cannot make the one
that belongs to what is left, and nobody makes it for him. Where the seal does not hold, entries go on (a card must be
blocked whatever became of its journal) but no seal is made any more. An old state of everything, put back whole from a
copy, is beyond what a chain can show: anchors.py.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization import cards, ids
from tokenization.cards import JournalHead
from tokenization.events import CardEvent, Event, SubjectEvent
from tokenization.journal import links
from tokenization.journal.models import JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose, VersionedKey
from tokenization.models import Card
from tokenization.pipeline import changing, inserting, pipeline, together

log = structlog.get_logger()
NO_SEAL: Final = b""
_HEAD: Final = ("journal_count", "journal_head", "journal_seal")


@dataclass(frozen=True, slots=True)
class _Kind:
    """Of a card or of a subject: what names it, and the statement that writes entries and the heads that they grow."""

    owner: str
    write: str
    entry: type[JournalEntry | SubjectJournalEntry]

    def last_version(self, owner_id: UUID, seq: int) -> Select[int]:
        """Under which key an entry says that it was linked."""
        of_owner = getattr(self.entry, self.owner) == owner_id
        return select(self.entry.key_version).where(of_owner, self.entry.seq == seq)


_OF_CARDS: Final = _Kind("card_id", together(inserting(JournalEntry), changing(Card, ["card_id"], _HEAD)), JournalEntry)
_OF_SUBJECTS: Final = _Kind(
    "subject_id",
    together(inserting(SubjectJournalEntry), changing(SubjectJournal, ["subject_id"], _HEAD)),
    SubjectJournalEntry,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the journal: what the outbox passes on. `owner_id` is the card or the subject."""

    owner_id: UUID
    seq: int
    event: Event
    event_id: UUID
    payload: dict[str, Any]


@dataclass(slots=True)
class _Written:
    """Rows on their way: entries in order, and of each owner the head after its last."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    heads: dict[UUID, dict[str, Any]] = field(default_factory=dict)


def append(session: Session, ring: KeyRing, events: Sequence[Event], actor: str) -> list[Recorded]:
    """Write the events behind their chains. The card's lock must be held; raises LockNotHeld if it isn't."""
    subjects = {event.subject_id for event in events if isinstance(event, SubjectEvent)}
    # All of them at once and in ascending order, after the cards: so no deadlock.
    heads = {subject_id: _locked_subject(session, subject_id) for subject_id in sorted(subjects)}
    current, written = ring.current(Purpose.JOURNAL), {_OF_CARDS: _Written(), _OF_SUBJECTS: _Written()}
    recorded = []
    for event in events:
        kind, owner_id, head = _owner(session, event, heads)
        if head.holds is None:
            head.holds = _holds(session, ring, kind, owner_id, head)
        recorded.append(_link(written[kind], kind.owner, owner_id, head, event, actor, current))
    _send(session, written)
    return recorded


def _link(
    written: _Written, owner: str, owner_id: UUID, head: JournalHead, event: Event, actor: str, current: VersionedKey
) -> Recorded:
    """An entry behind its chain's head, which it then is itself."""
    payload, salt = event.payload(), secrets.token_bytes(16)
    entry = SimpleNamespace(
        seq=head.count + 1,
        event_id=ids.new_id(),
        type=event.type,
        at=event.at,
        actor=actor,
        payload=payload,
        salt=salt,
        digest=links.digest(salt, payload),
        key_version=current.version,
    )
    head.count, head.link = entry.seq, links.link(current.key, head.link, owner_id, entry)
    seal = links.seal(current.key, owner_id, head.count, head.link) if head.holds else NO_SEAL
    written.entries.append({owner: owner_id, "link": head.link, **vars(entry)})
    written.heads[owner_id] = {owner: owner_id} | dict(zip(_HEAD, (head.count, head.link, seal), strict=True))
    return Recorded(owner_id, entry.seq, event, entry.event_id, payload)


def _holds(session: Session, ring: KeyRing, kind: _Kind, owner_id: UUID, head: JournalHead) -> bool:
    """Whether the seal is over count and head, under whichever key; also where the ring lacks the key that it is under.

    Then the last entry says so, and if that is a lie the entry itself does not hold.
    """
    keys = (each.key for each in reversed(ring.usable(Purpose.JOURNAL)))
    if any(hmac.compare_digest(links.seal(key, owner_id, head.count, head.link), head.seal) for key in keys):
        return True
    version = session.scalar(kind.last_version(owner_id, head.count))
    if version is not None and _is_lacking(ring, version):
        return True
    log.error("journal_broken", **{kind.owner: str(owner_id)})
    return False


def _is_lacking(ring: KeyRing, version: int) -> bool:
    try:
        ring.get(Purpose.JOURNAL, version)
    except KeyRingError:
        return True
    return False


def _send(session: Session, written: Mapping[_Kind, _Written]) -> None:
    with pipeline(session) as pipe:
        for kind, rows in written.items():
            pipe.write(kind.write, rows.entries, rows.heads.values())


def _owner(session: Session, event: Event, subjects: Mapping[UUID, JournalHead]) -> tuple[_Kind, UUID, JournalHead]:
    if isinstance(event, CardEvent):
        return _OF_CARDS, event.card_id, cards.journal_head(session, event.card_id)
    if isinstance(event, SubjectEvent):
        return _OF_SUBJECTS, event.subject_id, subjects[event.subject_id]
    raise TypeError(f"{type(event).__name__} belongs neither to a card nor to a subject")


def _locked_subject(session: Session, subject_id: UUID) -> JournalHead:
    new = {"subject_id": subject_id, "journal_count": 0, "journal_head": links.FIRST_LINK, "journal_seal": NO_SEAL}
    begun = insert(SubjectJournal).values(new).on_conflict_do_nothing().returning(SubjectJournal.subject_id)
    is_new = session.scalar(begun) is not None
    head = select(SubjectJournal.journal_count, SubjectJournal.journal_head, SubjectJournal.journal_seal)
    row = session.execute(head.where(SubjectJournal.subject_id == subject_id).with_for_update()).one()
    return JournalHead(*row, holds=True if is_new else None)
