"""Whose card it is. CPR and mobile are sealed under the holder's own data key; look-up is by keyed fingerprint."""

import re
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tokenization import events, ids, phone_numbers
from tokenization.errors import Conflict, Invalid, NotFound
from tokenization.models import Cardholder
from tokenization.secret import Secret
from tokenization.vault import DataKey, Place, Vault

LANGUAGES: Final = ("da", "en")
_CPR: Final = re.compile(r"[0-9]{6}-?[0-9]{4}", re.ASCII)


class AlreadyKnown(Conflict):
    """There is another cardholder with this CPR number or MitID."""

    code = "cardholder-known"


def register(
    session: Session,
    vault: Vault,
    *,
    name: str,
    cpr: str,
    mobile: str | None,
    language: str = "da",
    mitid_uuid: str | None = None,
    address: str | None = None,
    now: datetime,
) -> Cardholder:
    """A new cardholder. Raises Invalid for what is no CPR number or no mobile, AlreadyKnown."""
    holder_id = ids.new_id()
    data_key = vault.create_party_key(session, holder_id)
    holder = Cardholder(
        holder_id=holder_id,
        name=name,
        language=language,
        address=address,
        cpr_fingerprint=vault.fingerprint("cpr", normal_cpr(cpr)),
        cpr_sealed=data_key.seal(_place(holder_id, "cpr_sealed"), normal_cpr(cpr).encode()),
        mitid_uuid=mitid_uuid,
        created_at=now,
    )
    _set_mobile(vault, data_key, holder, mobile)
    session.add(holder)
    _flush(session)
    events.emit(session, events.CardholderRegistered(at=now, subject_id=holder_id, holder_id=holder_id))
    return holder


def change(session: Session, vault: Vault, holder: Cardholder, changes: dict[str, Any], now: datetime) -> None:
    """Change name, address, language, mobile or MitID link, its lock held. After a new mobile no SMS codes for a while
    (R-S1). Raises Invalid, AlreadyKnown.
    """
    fields = sorted(name for name, value in changes.items() if _differs(vault, holder, name, value))
    for field in fields:
        if field == "mobile":
            _set_mobile(vault, vault.party_key(session, holder.holder_id), holder, changes[field])
            holder.mobile_changed_at = now
        else:
            setattr(holder, field, changes[field])
    _flush(session)
    if fields:
        subject = holder.holder_id
        events.emit(session, events.CardholderChanged(at=now, subject_id=subject, holder_id=subject, fields=fields))


def _differs(vault: Vault, holder: Cardholder, field: str, value: str | None) -> bool:
    if field != "mobile":
        return bool(getattr(holder, field) != value)
    return holder.mobile_fingerprint != (None if value is None else vault.fingerprint("mobile", value))


def _flush(session: Session) -> None:
    """The unique columns have the last word: two at once may register the same person."""
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyKnown from error


def get(session: Session, holder_id: UUID, *, lock: bool = False) -> Cardholder:
    """The cardholder; locked, that is before any card's lock, never after. Raises NotFound.

    The lock lets foreign keys pass (FOR NO KEY UPDATE): who changes a card's row twice in a transaction has the key to
    its holder checked, and would wait for us while we wait for the card.
    """
    how = {"key_share": True} if lock else None
    holder = session.get(Cardholder, holder_id, with_for_update=how, populate_existing=lock)
    if holder is None:
        raise NotFound
    return holder


def mobile(session: Session, vault: Vault, holder: Cardholder) -> Secret[str] | None:
    """The mobile number, E.164, opened; None if the bank has none."""
    if holder.mobile_sealed is None:
        return None
    data_key = vault.party_key(session, holder.holder_id)
    return Secret(data_key.open(_place(holder.holder_id, "mobile_sealed"), holder.mobile_sealed).decode())


def normal_cpr(text: str) -> str:
    """Ten digits without dash. Raises Invalid; modulus 11 doesn't hold for all numbers issued since 2007."""
    if not _CPR.fullmatch(text) or not _is_day(text):
        raise Invalid("cpr", "a CPR number is ten digits that begin with a date, DDMMYY-SSSS")
    return text.replace("-", "")


def _is_day(text: str) -> bool:
    # Any leap year will do: the century is coded in the seventh digit and doesn't matter here.
    try:
        date(2000, int(text[2:4]), int(text[0:2]))
    except ValueError:
        return False
    return True


def _set_mobile(vault: Vault, data_key: DataKey, holder: Cardholder, number: str | None) -> None:
    if number is not None:
        phone_numbers.check(number, "mobile")
    place = _place(holder.holder_id, "mobile_sealed")
    holder.mobile_sealed = None if number is None else data_key.seal(place, number.encode())
    holder.mobile_fingerprint = None if number is None else vault.fingerprint("mobile", number)


def _place(holder_id: UUID, column: str) -> Place:
    return Place("cardholders", holder_id, column)
