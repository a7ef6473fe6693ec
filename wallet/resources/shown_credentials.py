"""Cards on file as the cardholder and as the merchant see them: a page by as many statements as one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from notifications import credential_updates, receipts
from notifications.models import Update
from tokenization import cards, credentials
from tokenization.models import Card, Credential, Plastic, Requestor
from wallet.payments import on_file
from wallet.resources.shown import Shown


def to_holder(session: Session, card: Card, rows: Sequence[Credential], now: datetime) -> list[Shown]:
    """Those of a card, with who has what: which card the merchant knows, when it was last told, when it last paid."""
    found = {row.credential_id for row in rows}
    merchants = _merchants(session, {row.requestor_id for row in rows})
    known = credential_updates.known_plastics(session, rows)
    received = receipts.last_received(session, rows)
    paid = on_file.last_paid(session, card.card_id, found)
    return [
        {
            **_shown(row, now),
            "merchant": merchants[row.requestor_id],
            "known": _plastic(known[row.credential_id]),
            "last_updated_at": received.get(row.credential_id),
            "last_paid_at": paid.get(row.credential_id),
        }
        for row in rows
    ]


def to_merchant(session: Session, rows: Sequence[Credential], now: datetime) -> list[Shown]:
    """What a merchant may know: the plastic that it was told of, never a newer one (ADR 7), and nothing of payments
    that it did not ask for itself.
    """
    known = credential_updates.known_plastics(session, rows)
    schemes = select(Card.card_id, Card.scheme).where(Card.card_id.in_({row.card_id for row in rows}))
    scheme = dict(session.execute(schemes).all())
    return [
        {
            **_shown(row, now),
            **_plastic(known[row.credential_id]),
            "scheme": scheme[row.card_id],
            "reference": row.reference,
        }
        for row in rows
    ]


def update(row: Update) -> Shown:
    """An entry of the merchant's feed, as the cardholder sees it."""
    fields = ("version", "code", "change", "at", "number_given")
    return {name: getattr(row, name) for name in fields} | {"received_at": receipts.received_at(row)} | row.facts


def _shown(row: Credential, now: datetime) -> Shown:
    status = credentials.status(row, now)
    fields = ("credential_id", "card_id", "agreement", "automatic_update", "version", "created_at", "confirmed_at")
    return {name: getattr(row, name) for name in fields} | {
        "status": status,
        "pending_until": row.pending_until if status == "pending" else None,
    }


def _plastic(plastic: Plastic) -> dict[str, str]:
    return {"last4": plastic.last4, "expiry": cards.month(plastic.expiry)}


def _merchants(session: Session, requestor_ids: set[UUID]) -> dict[UUID, str]:
    names = select(Requestor.requestor_id, Requestor.name).where(Requestor.requestor_id.in_(requestor_ids))
    return dict(session.execute(names).all())
