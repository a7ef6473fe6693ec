"""The tables of the journal: an entry is chained to the one before, and who it is about keeps count and head."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tokenization.models import SCHEMA, Base, key_to


class JournalEntry(Base):
    """One thing that happened to a card, chained to the one before (entries.py). Payload and salt may be erased."""

    __tablename__ = "journal_entries"
    __table_args__ = (key_to(f"{SCHEMA}.cards", "card_id"), {"schema": SCHEMA})

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    type: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    salt: Mapped[bytes | None]
    digest: Mapped[bytes]
    key_version: Mapped[int]
    link: Mapped[bytes]


class SubjectJournal(Base):
    """Count and head of the journal of something that is no card: a policy, a requestor, a cardholder, a client."""

    __tablename__ = "subject_journals"
    __table_args__ = ({"schema": SCHEMA},)

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    journal_count: Mapped[int]
    journal_head: Mapped[bytes]
    journal_seal: Mapped[bytes]


class SubjectJournalEntry(Base):
    """One thing that happened to something that is no card."""

    __tablename__ = "subject_journal_entries"
    __table_args__ = ({"schema": SCHEMA},)

    subject_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.subject_journals.subject_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    type: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    salt: Mapped[bytes | None]
    digest: Mapped[bytes]
    key_version: Mapped[int]
    link: Mapped[bytes]
