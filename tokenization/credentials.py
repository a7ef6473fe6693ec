"""Stored credentials: a card on file at a merchant, set up by the cardholder and by nobody else (R-3.6).

What waits for a yes waits so long and no longer: that it has waited in vain is derived, as nothing happens then but
that nothing more can (docs/adr/040).
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.orm import Session

from tokenization import events, ids, policies
from tokenization.errors import CardClosed, IllegalMove, TooManyRegistrations
from tokenization.models import Card, Credential, CredentialDirectory, Requestor

AGREEMENTS: Final = ("subscription", "card_on_file", "digital_wallet")
STATES: Final = ("pending", "active", "withdrawn")


def status(credential: Any, now: datetime) -> str:
    """Its state; `withdrawn` as well where it waited for a yes until nobody could say it any more."""
    return "withdrawn" if credential.state == "pending" and credential.pending_until <= now else credential.state


def status_in_sql(now: datetime) -> ColumnElement[str]:
    """What `status` says, for PostgreSQL; a test holds the two to each other."""
    waited = and_(Credential.state == "pending", Credential.pending_until <= now)
    return case((waited, "withdrawn"), else_=Credential.state)


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

    Who asks for the same again before that gets the same one: a cardholder is asked once. `plastic_id` is the one that
    was shown. Raises TooManyRegistrations.
    """
    unanswered, same = _unanswered(session, card, requestor, now), (plastic_id, agreement, reference)
    for each in unanswered:
        if each.state == "pending" and (each.plastic_id, each.agreement, each.reference) == same:
            return each
    policy = policies.load(session, now).cards_on_file
    if len(unanswered) >= policy.pending_per_merchant:
        raise TooManyRegistrations
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
        pending_until=now + timedelta(days=policy.pending_days),
    )
    session.add(credential)
    session.add(CredentialDirectory(credential_id=credential.credential_id, card_id=card.card_id))
    event = _event(events.CredentialRegistered, session, card, credential, now, agreement=agreement)
    events.emit(session, event)
    return credential


def _unanswered(session: Session, card: Card, requestor: Requestor, now: datetime) -> list[Credential]:
    """What the merchant asked for and got no yes to, within its time: also what was withdrawn since, or a cardholder
    could be asked again and again.
    """
    same = (Credential.card_id == card.card_id, Credential.requestor_id == requestor.requestor_id)
    found = select(Credential).where(*same, Credential.confirmed_at.is_(None), Credential.pending_until > now)
    return list(session.scalars(found.order_by(Credential.credential_id)))


def confirm(
    session: Session,
    card: Card,
    credential: Credential,
    *,
    automatic_update: bool,
    now: datetime,
    by_payment: bool = False,
) -> None:
    """Yes, this shop may keep my card; in the app or by a payment. Raises IllegalMove unless it waits for that, and
    CardClosed.
    """
    if (found := status(credential, now)) != "pending":
        raise IllegalMove(f"the registration is {found}, not waiting for a yes")
    if card.state == "closed":
        raise CardClosed
    credential.state, credential.confirmed_at = "active", now
    credential.automatic_update, credential.version = automatic_update, credential.version + 1
    said = {"automatic_update": automatic_update, "by_payment": by_payment}
    event = _event(events.CredentialConfirmed, session, card, credential, now, **said)
    events.emit(session, event)


def choose_update(session: Session, card: Card, credential: Credential, automatic_update: bool, now: datetime) -> None:
    """Whether the merchant is told the next card (R-3.6c). Nothing happens if that is chosen already."""
    _raise_if_withdrawn(credential, now)
    if credential.automatic_update == automatic_update:
        return
    credential.automatic_update, credential.version = automatic_update, credential.version + 1
    event = _event(events.CredentialUpdateChosen, session, card, credential, now, automatic_update=automatic_update)
    events.emit(session, event)


def withdraw(session: Session, card: Card, credential: Credential, *, by: str, now: datetime) -> None:
    """Take the registration away, by the cardholder or the merchant. Raises IllegalMove if it is gone."""
    _raise_if_withdrawn(credential, now)
    credential.state, credential.withdrawn_at = "withdrawn", now
    credential.version += 1
    events.emit(session, _event(events.CredentialWithdrawn, session, card, credential, now, by=by))


def _raise_if_withdrawn(credential: Credential, now: datetime) -> None:
    if status(credential, now) == "withdrawn":
        raise IllegalMove("the registration was withdrawn, or waited too long for a yes")


def follow_card(session: Session, card_id: UUID) -> int:
    """What a merchant is told of the card has changed (R-3.6b): a new version of every credential whose merchant is
    told. Answers how many.
    """
    told = (Credential.card_id == card_id, Credential.state == "active", Credential.automatic_update)
    newer = update(Credential).where(*told).values(version=Credential.version + 1).returning(Credential.credential_id)
    return len(session.scalars(newer).all())


def miss_update(session: Session, card: Card, credential: Credential, now: datetime) -> None:
    """The merchant has not had the new card in time: its cardholder may have to give it (R-3.6c)."""
    events.emit(session, _event(events.CredentialUpdateMissed, session, card, credential, now))


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
