"""Exactly once: an acquirer's reference is claimed before anything is locked, and keeps its answer for ever."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wallet.payments.models import ReferenceDirectory

TOMBSTONE = "reversal_first"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether this request is the first with its reference; or its reversal came first."""

    ours: bool
    reversed_before: bool = False


def claim(session: Session, wanted: Sequence[tuple[str, str, bytes]], now: datetime) -> list[Claim]:
    """Claim references for authorisations, ascending. Who asks for one that is being decided waits for its commit."""
    claims: dict[int, Claim] = {}
    for index in sorted(range(len(wanted)), key=lambda i: wanted[i][:2]):
        claims[index] = _claim_one(session, *wanted[index], now)
    return [claims[index] for index in range(len(wanted))]


def _claim_one(session: Session, client_id: str, reference: str, content_hash: bytes, now: datetime) -> Claim:
    row = {
        "client_id": client_id,
        "network_reference": reference,
        "operation": "authorization",
        "content_hash": content_hash,
        "at": now,
    }
    insertion = insert(ReferenceDirectory).values(row).on_conflict_do_nothing()
    if session.scalar(insertion.returning(ReferenceDirectory.client_id)) is not None:
        return Claim(ours=True)
    buried = _row(client_id, reference) & (ReferenceDirectory.operation == TOMBSTONE)
    revived = update(ReferenceDirectory).where(buried).values(operation="authorization", content_hash=content_hash)
    taken = session.scalar(revived.returning(ReferenceDirectory.client_id)) is not None
    return Claim(ours=taken, reversed_before=taken)


def keep(
    session: Session,
    client_id: str,
    reference: str,
    card_id: UUID | None,
    payment_id: UUID,
    answer: dict[str, Any],
) -> None:
    """Keep the answer beside its reference."""
    kept = {"card_id": card_id, "payment_id": payment_id, "answer": answer}
    session.execute(update(ReferenceDirectory).where(_row(client_id, reference)).values(kept))


def earlier(session: Session, client_id: str, reference: str, content_hash: bytes) -> dict[str, Any] | None:
    """The answer that was given to the same content; None if the content was another."""
    columns = (ReferenceDirectory.content_hash, ReferenceDirectory.answer)
    kept, answer = session.execute(select(*columns).where(_row(client_id, reference))).one()
    return answer if kept is not None and hmac.compare_digest(kept, content_hash) else None


def payment_of(session: Session, payment_id: UUID) -> ReferenceDirectory | None:
    """The authorisation that a payment came from."""
    of_payment = select(ReferenceDirectory).where(ReferenceDirectory.payment_id == payment_id)
    return session.scalar(of_payment.where(ReferenceDirectory.operation == "authorization"))


def _row(client_id: str, reference: str) -> Any:
    return (ReferenceDirectory.client_id == client_id) & (ReferenceDirectory.network_reference == reference)
