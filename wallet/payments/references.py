"""Exactly once: an acquirer's reference is claimed before anything is locked, and keeps its answer for ever."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wallet.payments.models import ReferenceDirectory
from wallet.payments.requests import Reference

AUTHORIZATION: Final = "authorization"
TOMBSTONE: Final = "reversal_first"


class Claim(Enum):
    """What becomes of a reference that is asked for."""

    OURS = auto()
    REVERSED_BEFORE = auto()  # ours, but its reversal came first
    TAKEN = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the acquirer is told, now or again."""

    body: dict[str, Any]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceReused:
    """The reference was used before, with other content."""


def claim(session: Session, wanted: Sequence[Reference], now: datetime) -> list[Claim]:
    """Claim references for authorisations, ascending. Who asks for one that is being decided waits for its commit."""
    claims: dict[int, Claim] = {}
    for index in sorted(range(len(wanted)), key=lambda i: (wanted[i].client_id, wanted[i].text)):
        claims[index] = _claim_one(session, wanted[index], now)
    return [claims[index] for index in range(len(wanted))]


def _claim_one(session: Session, reference: Reference, now: datetime) -> Claim:
    if claim_for(session, reference, AUTHORIZATION, now):
        return Claim.OURS
    buried = _row(reference.client_id, reference.text) & (ReferenceDirectory.operation == TOMBSTONE)
    revived = {"operation": AUTHORIZATION, "content_hash": reference.content_hash}
    revival = update(ReferenceDirectory).where(buried).values(revived).returning(ReferenceDirectory.client_id)
    return Claim.TAKEN if session.scalar(revival) is None else Claim.REVERSED_BEFORE


def claim_for(session: Session, reference: Reference, operation: str, now: datetime) -> bool:
    """Claim one reference for what it is to name; False where it is taken."""
    row = {"network_reference": reference.text, "content_hash": reference.content_hash}
    return _insert(session, {"client_id": reference.client_id, "operation": operation, "at": now, **row})


def bury(session: Session, client_id: str, reference: str, now: datetime) -> ReferenceDirectory:
    """What a reference names; an authorisation that has not come yet is remembered as reversed, by a tombstone."""
    row = {"client_id": client_id, "network_reference": reference, "operation": TOMBSTONE, "at": now}
    _insert(session, row)
    return _find(session, client_id, reference)


def _insert(session: Session, row: dict[str, Any]) -> bool:
    insertion = insert(ReferenceDirectory).values(row).on_conflict_do_nothing()
    return session.scalar(insertion.returning(ReferenceDirectory.client_id)) is not None


def keep(
    session: Session, reference: Reference, card_id: UUID | None, payment_id: UUID | None, answer: dict[str, Any]
) -> None:
    """Keep the answer beside its reference."""
    kept = {"card_id": card_id, "payment_id": payment_id, "answer": answer}
    session.execute(update(ReferenceDirectory).where(_row(reference.client_id, reference.text)).values(kept))


def earlier(session: Session, reference: Reference) -> Answer | ReferenceReused:
    """What was answered to a reference that is taken, if the content was the same."""
    entry = _find(session, reference.client_id, reference.text)
    if entry.answer is None or entry.content_hash is None:
        return ReferenceReused()
    hashes = (reference.content_hash, *reference.other_hashes)
    same = any(hmac.compare_digest(entry.content_hash, each) for each in hashes)
    return Answer(entry.answer, replayed=True) if same else ReferenceReused()


def payment_of(session: Session, client_id: str, payment_id: UUID) -> ReferenceDirectory | None:
    """The authorisation that a payment came from; None where there is none, or it is another client's."""
    own = (ReferenceDirectory.payment_id == payment_id) & (ReferenceDirectory.client_id == client_id)
    return session.scalar(select(ReferenceDirectory).where(own, ReferenceDirectory.operation == AUTHORIZATION))


def is_known(session: Session, reference: Reference) -> bool:
    """Whether the client has used the reference before, for whatever."""
    return session.get(ReferenceDirectory, (reference.client_id, reference.text)) is not None


def _find(session: Session, client_id: str, reference: str) -> ReferenceDirectory:
    return session.get_one(ReferenceDirectory, (client_id, reference), populate_existing=True)


def _row(client_id: str, reference: str) -> ColumnElement[bool]:
    return (ReferenceDirectory.client_id == client_id) & (ReferenceDirectory.network_reference == reference)
