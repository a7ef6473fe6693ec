"""Token requestors (EMVCo): wallets, merchants and acquirers that the bank and the scheme approved (R-3.3b)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import events, ids, phone_numbers
from tokenization.errors import NotFound
from tokenization.models import PartyKey, Requestor
from tokenization.secret import Secret
from tokenization.vault import DataKey, Place, Vault

KINDS: Final = ("wallet", "merchant", "acquirer")


def register(
    session: Session,
    *,
    kind: str,
    name: str,
    merchant_ids: list[str],
    schemes: list[str],
    may_hold_numbers: bool = False,
    app_attestation: str = "off",
    status: str = "active",
    now: datetime,
) -> Requestor:
    """Approve a wallet, a merchant or an acquirer."""
    requestor = Requestor(
        requestor_id=ids.new_id(),
        kind=kind,
        name=name,
        status=status,
        merchant_ids=merchant_ids,
        schemes=schemes,
        may_hold_numbers=may_hold_numbers,
        app_attestation=app_attestation,
        revision=1,
        created_at=now,
    )
    session.add(requestor)
    session.flush()
    subject = requestor.requestor_id
    event = events.RequestorRegistered(
        at=now, subject_id=subject, requestor_id=subject, kind=kind, name=name, status=status
    )
    events.emit(session, event)
    return requestor


def change(session: Session, requestor: Requestor, changes: dict[str, Any], now: datetime) -> None:
    """Change what the bank allows it. By derivation, `suspended` stops its tokens and its cards on file at once, and
    `active` gives back what that took.
    """
    news = {field: value for field, value in changes.items() if getattr(requestor, field) != value}
    for field, value in news.items():
        setattr(requestor, field, value)
    if news:
        requestor.revision += 1
        subject = requestor.requestor_id
        event = events.RequestorChanged(at=now, subject_id=subject, requestor_id=subject, changes=news)
        events.emit(session, event)


def get(session: Session, requestor_id: UUID, *, lock: bool = False) -> Requestor:
    """The requestor; locked where it, or where it listens, is about to change. Raises NotFound."""
    how = {"key_share": True} if lock else None  # tokens may be made for it meanwhile
    requestor = session.get(Requestor, requestor_id, with_for_update=how, populate_existing=lock)
    if requestor is None:
        raise NotFound
    return requestor


def set_contact(
    session: Session, vault: Vault, requestor: Requestor, contact: dict[str, str] | None, now: datetime
) -> None:
    """Who is told when webhooks fail: `mobile` (E.164) and `language`, or nobody. The requestor is locked, or new.

    Raises Invalid, naming the field.
    """
    before = contact_mobile(session, vault, requestor)
    is_known = None if before is None else {"mobile": before.reveal(), "language": requestor.contact_language}
    if contact == is_known:
        return
    requestor.contact_mobile_sealed = requestor.contact_language = None
    if contact is not None:
        requestor.contact_mobile_sealed = _sealed_mobile(session, vault, requestor, contact["mobile"])
        requestor.contact_language = contact["language"]
    subject, changes = requestor.requestor_id, {"contact": contact and {"language": contact["language"]}}
    events.emit(session, events.RequestorChanged(at=now, subject_id=subject, requestor_id=subject, changes=changes))


def _sealed_mobile(session: Session, vault: Vault, requestor: Requestor, mobile: str) -> bytes:
    phone_numbers.check(mobile, "contact.mobile")
    key = data_key(session, vault, requestor.requestor_id)
    return key.seal(contact_place(requestor.requestor_id), mobile.encode())


def data_key(session: Session, vault: Vault, requestor_id: UUID) -> DataKey:
    """The requestor's own data key, made when it is first needed; the requestor is locked, so there is one."""
    if session.scalar(select(PartyKey.party_id).where(PartyKey.party_id == requestor_id).limit(1)):
        return vault.party_key(session, requestor_id)
    return vault.create_party_key(session, requestor_id)


def contact_mobile(session: Session, vault: Vault, requestor: Requestor) -> Secret[str] | None:
    """The number of whoever looks after it, E.164, opened; None if the bank has none. Raises VaultError."""
    if requestor.contact_mobile_sealed is None:
        return None
    data_key = vault.party_key(session, requestor.requestor_id)
    return Secret(data_key.open(contact_place(requestor.requestor_id), requestor.contact_mobile_sealed).decode())


def contact_place(requestor_id: UUID) -> Place:
    """Where that number stands, sealed under the requestor's own data key."""
    return Place("requestors", requestor_id, "contact_mobile_sealed")
