"""Exactly once: an acquirer's reference is claimed before anything is locked, and keeps its answer for ever."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from tokenization.pipeline import Pipeline, as_json, changing, inserting, pipeline
from wallet.payments.models import ReferenceDirectory
from wallet.payments.requests import Reference

AUTHORIZATION: Final = "authorization"
TOMBSTONE: Final = "reversal_first"
_CLAIM: Final = inserting(ReferenceDirectory) + " ON CONFLICT DO NOTHING RETURNING client_id, network_reference"
KEEP: Final = changing(ReferenceDirectory, ["client_id", "network_reference"], ["card_id", "payment_id", "answer"])


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
class Kept:
    """An answer on its way to stand beside its reference."""

    reference: Reference
    card_id: UUID | None
    payment_id: UUID | None
    answer: dict[str, Any]

    def names_the_same(self, reference: Reference) -> bool:
        """Whether that reference is this one, whatever it is used for."""
        return _name(self.reference) == _name(reference)


@dataclass(frozen=True, slots=True)
class ReferenceReused:
    """The reference was used before, with other content."""


class Claims:
    """References claimed for authorisations, ascending, in one statement. Who asks for one that is being decided waits
    for its commit; of one that stands in the list twice, the first is ours.
    """

    def __init__(self, pipe: Pipeline, wanted: Sequence[Reference], payment_ids: Sequence[UUID], now: datetime) -> None:
        self._wanted = wanted
        self._first: dict[tuple[str, str], int] = {}
        for index, reference in enumerate(wanted):
            self._first.setdefault(_name(reference), index)
        in_order = [self._first[name] for name in sorted(self._first)]
        rows = [_new(wanted[index], AUTHORIZATION, now) | {"payment_id": payment_ids[index]} for index in in_order]
        self._claimed = pipe.send(_CLAIM, rows=as_json(rows))

    def outcomes(self, session: Session) -> list[Claim]:
        """What became of each."""
        ours = {(row.client_id, row.network_reference) for row in self._claimed.rows()}
        claims = [Claim.TAKEN] * len(self._wanted)
        for name, index in sorted(self._first.items()):
            if name in ours:
                claims[index] = Claim.OURS
            elif _revive(session, self._wanted[index]):
                claims[index] = Claim.REVERSED_BEFORE
        return claims


def _name(reference: Reference) -> tuple[str, str]:
    return reference.client_id, reference.text


def _revive(session: Session, reference: Reference) -> bool:
    """Whether its reversal came first; it is ours then."""
    buried = _row(reference.client_id, reference.text) & (ReferenceDirectory.operation == TOMBSTONE)
    revived = {"operation": AUTHORIZATION, "content_hash": reference.content_hash}
    revival = update(ReferenceDirectory).where(buried).values(revived).returning(ReferenceDirectory.client_id)
    return session.scalar(revival) is not None


def claim_for(session: Session, reference: Reference, operation: str, now: datetime) -> bool:
    """Claim one reference for what it is to name; False where it is taken."""
    return _insert(session, _new(reference, operation, now))


def _new(reference: Reference, operation: str, now: datetime) -> dict[str, Any]:
    row = {"network_reference": reference.text, "content_hash": reference.content_hash}
    return {"client_id": reference.client_id, "operation": operation, "at": now, **row}


def bury(session: Session, client_id: str, reference: str, now: datetime) -> ReferenceDirectory:
    """What a reference names; an authorisation that has not come yet is remembered as reversed, by a tombstone."""
    row = {"client_id": client_id, "network_reference": reference, "operation": TOMBSTONE, "at": now}
    _insert(session, row)
    return _find(session, client_id, reference)


def _insert(session: Session, row: dict[str, Any]) -> bool:
    with pipeline(session) as pipe:
        claimed = pipe.send(_CLAIM, rows=as_json([row]))
    return bool(claimed.rows())


def keep(session: Session, answer: Kept) -> None:
    """Keep the answer beside its reference."""
    with pipeline(session) as pipe:
        pipe.send(KEEP, rows=as_json(rows_of([answer])))


def rows_of(answers: Iterable[Kept]) -> list[dict[str, Any]]:
    """The rows that KEEP writes for many answers."""
    return [
        {
            "client_id": each.reference.client_id,
            "network_reference": each.reference.text,
            "card_id": each.card_id,
            "payment_id": each.payment_id,
            "answer": each.answer,
        }
        for each in answers
    ]


def earlier(session: Session, reference: Reference) -> Answer | ReferenceReused:
    """What was answered to a reference that is taken, if the content was the same."""
    entry = _find(session, reference.client_id, reference.text)
    return again(reference, entry.content_hash, entry.answer)


def again(reference: Reference, content_hash: bytes | None, answer: dict[str, Any] | None) -> Answer | ReferenceReused:
    """That answer, if it was given to the same content."""
    if answer is None or content_hash is None:
        return ReferenceReused()
    hashes = (reference.content_hash, *reference.other_hashes)
    same = any(hmac.compare_digest(content_hash, each) for each in hashes)
    return Answer(answer, replayed=True) if same else ReferenceReused()


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
