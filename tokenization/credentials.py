"""Stored credentials: a card on file at a merchant, set up by the cardholder and by nobody else (R-3.6)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tokenization import events, ids
from tokenization.errors import IllegalMove
from tokenization.models import Card, Credential, CredentialDirectory, Requestor

AGREEMENTS: Final = ("subscription", "card_on_file", "digital_wallet")


def register(
    session: Session,
    card: Card,
    requestor: Requestor,
    *,
    plastic_id: UUID,
    agreement: str,
    reference: str,
    now: datetime,
) -> Credential:
    """A merchant keeps the card on file: `pending`, paying nothing, until the cardholder says yes (R-3.6a).

    Who asks again before that gets the same one: a cardholder is asked once. `plastic_id` is the one that was shown.
    """
    waiting = _waiting(session, card, requestor, reference)
    if waiting is not None:
        return waiting
    credential = Credential(
        card_id=card.card_id,
        credential_id=ids.new_id(),
        requestor_id=requestor.requestor_id,
        plastic_id=plastic_id,
        reference=reference,
        agreement=agreement,
        state="pending",
        automatic_update=False,
        version=1,
        created_at=now,
    )
    session.add(credential)
    session.add(CredentialDirectory(credential_id=credential.credential_id, card_id=card.card_id))
    event = _event(events.CredentialRegistered, session, card, credential, now, agreement=agreement)
    events.emit(session, event)
    return credential


def _waiting(session: Session, card: Card, requestor: Requestor, reference: str) -> Credential | None:
    same = (Credential.card_id == card.card_id, Credential.requestor_id == requestor.requestor_id)
    pending = (Credential.reference == reference, Credential.state == "pending")
    return session.scalar(select(Credential).where(*same, *pending))


def confirm(session: Session, card: Card, credential: Credential, *, automatic_update: bool, now: datetime) -> None:
    """Yes, this shop may keep my card. Raises IllegalMove unless it waits for that."""
    if credential.state != "pending":
        raise IllegalMove(f"the registration is {credential.state}, not waiting for a yes")
    credential.state, credential.confirmed_at = "active", now
    credential.automatic_update, credential.version = automatic_update, credential.version + 1
    event = _event(events.CredentialConfirmed, session, card, credential, now, automatic_update=automatic_update)
    events.emit(session, event)


def choose_update(session: Session, card: Card, credential: Credential, automatic_update: bool, now: datetime) -> None:
    """Whether the merchant is told the next card (R-3.6c). Nothing happens if that is chosen already."""
    if credential.state == "withdrawn":
        raise IllegalMove("the registration was withdrawn")
    if credential.automatic_update == automatic_update:
        return
    credential.automatic_update, credential.version = automatic_update, credential.version + 1
    event = _event(events.CredentialUpdateChosen, session, card, credential, now, automatic_update=automatic_update)
    events.emit(session, event)


def withdraw(session: Session, card: Card, credential: Credential, *, by: str, now: datetime) -> None:
    """Take the registration away, by the cardholder or the merchant. Raises IllegalMove if it is gone."""
    if credential.state == "withdrawn":
        raise IllegalMove("the registration was withdrawn")
    credential.state, credential.withdrawn_at = "withdrawn", now
    credential.version += 1
    events.emit(session, _event(events.CredentialWithdrawn, session, card, credential, now, by=by))


def follow_card(session: Session, card_id: UUID) -> None:
    """The card has a new plastic, or is closed: a new version of every credential whose merchant is told (R-3.6b)."""
    told = (Credential.card_id == card_id, Credential.state == "active", Credential.automatic_update)
    session.execute(update(Credential).where(*told).values(version=Credential.version + 1))


def active_count(session: Session, card_id: UUID) -> int:
    """How many credentials a block reaches."""
    active = (Credential.card_id == card_id, Credential.state == "active")
    return session.scalar(select(func.count()).select_from(Credential).where(*active)) or 0


def card_of(session: Session, credential_id: UUID) -> UUID | None:
    """Which card a credential belongs to."""
    entry = session.get(CredentialDirectory, credential_id)
    return entry.card_id if entry else None


def _event(
    kind: type[events.Credentialed],
    session: Session,
    card: Card,
    credential: Credential,
    now: datetime,
    **more: object,
) -> events.Credentialed:
    merchant = session.get_one(Requestor, credential.requestor_id)
    return kind(
        at=now,
        card_id=card.card_id,
        holder_id=card.holder_id,
        credential_id=credential.credential_id,
        requestor_id=credential.requestor_id,
        merchant=merchant.name,
        version=credential.version,
        **more,
    )
