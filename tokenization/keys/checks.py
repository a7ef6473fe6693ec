"""Whose keys these are: the database knows its keys by check values, and so a key ring that is not its own.

A ring of another installation would find no card, and everything that it wrote to a journal would look forged for ever.
So nothing is written with one. Told apart are:

- foreign: a version that is known with another value, or a ring that has no version in common. It is refused. Where no
  version is known yet, as before there were check values, it is one that does not open what is there.
- lacking: a version that is known, and of which the ring holds no file: an older copy. What was made by that version
  cannot be opened or verified there, until the file is copied; nothing is harmed, so the service goes on.
- news: a version that is not known yet, of a ring that is: a rotation while the database was away. It is remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization.journal.models import SubjectJournalEntry
from tokenization.keys import ceremonies
from tokenization.keys.files import Entry
from tokenization.keys.ring import ASYMMETRIC, VERSIONS, KeyRing, KeyRingError, Purpose
from tokenization.models import KeyCheck, PartyKey
from tokenization.vault import Vault, VaultError

Version = tuple[str, int]
# What is in the database is of no use without them. The others may be lost, and made anew.
PAIRED: Final = frozenset(Purpose) - ASYMMETRIC - {Purpose.DPOP_NONCE}

_CEREMONY: Final = func.pg_advisory_xact_lock(3, 1)


class ForeignRing(KeyRingError):
    """The key ring is not the one that this database was made with."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ring beside a database. `is_foreign` if it must not write there."""

    differing: tuple[Version, ...] = ()
    lacking: tuple[Version, ...] = ()
    news: tuple[Version, ...] = ()
    nothing_in_common: bool = False

    @property
    def is_foreign(self) -> bool:
        """Whether it is the ring of another installation."""
        return self.nothing_in_common or bool(self.differing)


def compare(known: Mapping[Version, bytes], ring: Mapping[Version, bytes | None]) -> Comparison:
    """What a database knows beside what a ring holds; None is a key that was forgotten, which proves nothing."""
    held = {version: value for version, value in ring.items() if value is not None}
    both = known.keys() & held.keys()
    return Comparison(
        differing=tuple(sorted(version for version in both if known[version] != held[version])),
        lacking=tuple(sorted(known.keys() - ring.keys())),
        news=tuple(sorted(held.keys() - known.keys())),
        nothing_in_common=bool(known) and not both,
    )


def look(session: Session, ring: KeyRing) -> Comparison:
    """Compare a ring with what this database knows."""
    known = _known(session)
    compared = compare(known, _held(ring))
    return compared if known else replace(compared, nothing_in_common=not _opens_what_is_there(session, ring))


def _opens_what_is_there(session: Session, ring: KeyRing) -> bool:
    """Whether a data key, any one, is wrapped by this ring; or there is none."""
    party_id = session.scalar(select(PartyKey.party_id).limit(1))
    try:
        return party_id is None or bool(Vault(ring).party_key(session, party_id))
    except (VaultError, KeyRingError):
        return False


def hold(session: Session, ring: KeyRing) -> Comparison:
    """The same. Raises ForeignRing."""
    found = look(session, ring)
    if found.is_foreign:
        which = f"{named(found.differing[0])} is another key" if found.differing else "none of its keys is known there"
        raise ForeignRing(f"this is not the key ring of the database: {which}. Put back the one that it was made with")
    return found


def remember(session: Session, ring: KeyRing, now: datetime, made: Entry | None = None) -> Comparison:
    """Let the database know the keys that are new to it, and one that is only about to stand in the ring; answers what
    it lacks. Raises ForeignRing.

    It looks once more at the end: of two rings that come first at once, one has come first.
    """
    values = _held(ring)
    news = {version: values[version] for version in hold(session, ring).news}
    if made is not None and made.purpose in PAIRED:
        news[str(made.purpose), made.version] = made.check_value
    rows = [
        {"purpose": purpose, "version": version, "check_value": value, "at": now}
        for (purpose, version), value in news.items()
    ]
    if rows:
        session.execute(insert(KeyCheck).values(rows).on_conflict_do_nothing())
    return hold(session, ring)


def begin_ceremony(session: Session, ring: KeyRing, purpose: Purpose) -> int:
    """Let nobody else rotate or retire meanwhile; answers the highest version that was ever journaled, or 0.

    Raises ForeignRing; KeyRingError for an older copy of the ring, in which the number of a version would be given
    twice. Of a purpose that is not paired none need be there: the next number is one above the journal's.
    """
    session.execute(select(_CEREMONY))
    for version in hold(session, ring).lacking:
        if version[0] == purpose:
            raise KeyRingError(f"an older copy, which lacks {named(version)}: copy the newest one here first")
    of_purpose = SubjectJournalEntry.subject_id == ceremonies.subject_id(purpose)
    versions = session.scalars(select(SubjectJournalEntry.payload["version"]).where(of_purpose))
    return max((version for version in versions if version in VERSIONS), default=0)


def is_known(session: Session, ring: KeyRing, purpose: Purpose, version: int) -> bool:
    """Whether there is, or was, such a version: here, or as far as the database knows."""
    return (purpose, version) in ring.check_values() or (str(purpose), version) in _known(session)


def named(version: Version) -> str:
    """As people are told of it."""
    return f"version {version[1]} of {version[0]}"


def _held(ring: KeyRing) -> dict[Version, bytes | None]:
    values = ring.check_values().items()
    return {(str(purpose), version): value for (purpose, version), value in values if purpose in PAIRED}


def _known(session: Session) -> dict[Version, bytes]:
    rows = session.execute(select(KeyCheck.purpose, KeyCheck.version, KeyCheck.check_value))
    return {(purpose, version): value for purpose, version, value in rows}


class Custody:
    """Stands before everything that a process writes: it compares once, and lets nothing pass with a foreign ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._held = False

    def __call__(self, session: Session) -> None:
        """Raises ForeignRing."""
        if not self._held:
            hold(session, self._ring)
            self._held = True
