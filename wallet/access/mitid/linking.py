"""Which cardholder a MitID belongs to: linked once, by CPR number, never by name. Only the bank can link anew."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import cardholders, events
from tokenization.errors import Invalid
from tokenization.models import Cardholder
from tokenization.vault import Vault
from wallet.access.events import SignInLinked
from wallet.access.mitid.identity import Identity


def cardholder_of(session: Session, vault: Vault, identity: Identity, now: datetime) -> UUID | None:
    """The cardholder who signed in; at the first sign-in found by CPR number and linked. None: not a customer."""
    linked = session.scalar(select(Cardholder.holder_id).where(Cardholder.mitid_uuid == identity.mitid_uuid))
    return linked or _link(session, vault, identity, now)


def still_holds(session: Session, holder_id: UUID, mitid_uuid: str) -> bool:
    """Whether the MitID is that cardholder's still; the bank cannot link anew before this transaction ends."""
    linked = select(Cardholder.mitid_uuid).where(Cardholder.holder_id == holder_id).with_for_update(read=True)
    return session.scalar(linked) == mitid_uuid


def _link(session: Session, vault: Vault, identity: Identity, now: datetime) -> UUID | None:
    fingerprint = _fingerprint(vault, identity)
    if fingerprint is None:
        return None
    same_person = select(Cardholder).where(Cardholder.cpr_fingerprint == fingerprint).with_for_update()
    holder = session.scalars(same_person.execution_options(populate_existing=True)).one_or_none()
    if holder is None or holder.mitid_uuid not in (None, identity.mitid_uuid):
        return None
    if holder.mitid_uuid is None:
        holder.mitid_uuid = identity.mitid_uuid
        session.flush()
        events.emit(session, SignInLinked(at=now, subject_id=holder.holder_id, holder_id=holder.holder_id))
    return holder.holder_id


def _fingerprint(vault: Vault, identity: Identity) -> bytes | None:
    if identity.cpr is None:
        return None
    try:
        return vault.fingerprint("cpr", cardholders.normal_cpr(identity.cpr.reveal()))
    except Invalid:
        return None
