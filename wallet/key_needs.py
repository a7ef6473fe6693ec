"""For what an old version of a key is still needed: who retires or destroys one looks here first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from tokenization.clock import local_date
from tokenization.journal.models import JournalEntry, SubjectJournalEntry
from tokenization.keys.ceremonies import Standing
from tokenization.keys.ring import Purpose
from tokenization.models import Base, CardKey, KeyBatch, PartyKey, Plastic
from wallet.idempotency import KEPT


@dataclass(frozen=True, slots=True)
class Need:
    """How many things need a version, which they are, and until when; for `ever` where nothing but it will do."""

    count: Callable[[Session, Standing, datetime], int]
    text: str
    ever: bool = False


def standing_in_the_way(session: Session, version: Standing, now: datetime) -> str | None:
    """Why a version should not be retired or destroyed now; None if nothing is known to need it."""
    need = NEEDS.get(version.purpose)
    count = need.count(session, version, now) if need else 0
    return need.text.format(count=count) if need and count else None


def is_for_ever(purpose: Purpose) -> bool:
    """Whether not even force may retire a version that was used."""
    return purpose in NEEDS and NEEDS[purpose].ever


def _data_keys(session: Session, version: Standing, _: datetime) -> int:
    kinds = (CardKey, PartyKey)
    return sum(_count(session, kind, kind.kek_version == version.version) for kind in kinds)


def _key_batches(session: Session, version: Standing, now: datetime) -> int:
    return _count(session, KeyBatch, KeyBatch.key_version == version.version, KeyBatch.expires_at > now)


def _plastics(session: Session, version: Standing, now: datetime) -> int:
    living = (Plastic.state != "replaced", Plastic.expiry >= local_date(now))
    return _count(session, Plastic, *living, Plastic.verification_key_version == version.version)


def _journals(session: Session, version: Standing, _: datetime) -> int:
    """Of which kinds there are any: there may be millions of entries."""
    kinds = (JournalEntry, SubjectJournalEntry)
    return sum(session.scalars(select(exists().where(kind.key_version == version.version))).one() for kind in kinds)


def _requests(_: Session, version: Standing, now: datetime) -> int:
    """No row says which version it was hashed by: those of a day are known by whichever was in use then."""
    is_unused = version.active_from is not None and version.active_from > now
    return int(not is_unused and (version.until is None or now < version.until + KEPT))


def _count(session: Session, kind: type[Base], *conditions: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).select_from(kind).where(*conditions)).one()


NEEDS: Final[Mapping[Purpose, Need]] = {
    Purpose.KEY_ENCRYPTION: Need(_data_keys, "it wraps {count} data keys: `wallet keys rewrap` first"),
    Purpose.TOKEN: Need(_key_batches, "phones hold {count} batches of payment keys of it, each for 14 days at most"),
    Purpose.CARD_VERIFICATION: Need(_plastics, "it makes the CVC of {count} plastics that are in use"),
    Purpose.JOURNAL: Need(_journals, "journals could never be verified again without it", ever=True),
    Purpose.REQUEST_HASH: Need(_requests, "requests of the last 24 hours may come again, and are known by it"),
}
