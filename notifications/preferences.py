"""What people chose to be told of, and how (docs/adr/044): per kind of message, in the inbox and by SMS.

Applied when a message is written: what is written nowhere costs nothing, and a payment asks for none of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from notifications import kinds
from notifications.audiences import Audience
from notifications.kinds import Kind
from notifications.models import Preference
from tokenization.errors import Invalid, NotFound


class PreferenceFixed(Invalid):
    """This must be told, and cannot be switched off."""

    code = "preference-fixed"


@dataclass(frozen=True, slots=True)
class Ways:
    """How one kind of message comes. `sms` is None where there is no number to send it to."""

    inbox: bool
    sms: bool | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kind, and how it comes to one person."""

    kind: str
    described: Kind
    ways: Ways


_OF_SEVERAL: Final = select(Preference).where(
    Preference.recipient_id == func.any(bindparam("recipients", type_=ARRAY(Uuid))),
    Preference.kind.in_(bindparam("kinds", expanding=True)),
)


def listed(session: Session, recipient_id: UUID, audience: Audience) -> list[Chosen]:
    """Every kind that a person may get, and how."""
    own = {each.kind: each for each in _stored(session, recipient_id)}
    return [
        Chosen(kind, described, _allowed(described, _delivered(kind, audience), own.get(kind)))
        for kind, described in kinds.of(audience).items()
    ]


def choose(
    session: Session, recipient_id: UUID, audience: Audience, kind: str, *, inbox: bool, sms: bool | None
) -> Chosen:
    """Switch a kind; `sms` None sets that as delivered, whatever was chosen before. Raises NotFound, Invalid for an SMS
    to who gets none, and PreferenceFixed where less than is delivered was asked for of what must be told.
    """
    described, delivered = kinds.of(audience).get(kind), _delivered(kind, audience)
    if described is None:
        raise NotFound
    if sms is not None and delivered.sms is None:
        raise Invalid("sms", "must be null: there is no text message to this person")
    wanted = Ways(inbox, delivered.sms if sms is None else sms)
    if described.is_fixed and (lost := _lost(delivered, wanted)):
        raise PreferenceFixed(lost, "must be true: this is always told")
    _keep(session, recipient_id, kind, wanted, delivered)
    return Chosen(kind, described, wanted)


def of_several(
    session: Session, recipients: Collection[UUID], of_kinds: Collection[str]
) -> Mapping[tuple[UUID, str], Preference]:
    """What several people chose of some kinds, in one query; nothing where they get it as delivered."""
    found = session.scalars(_OF_SEVERAL, {"recipients": list(recipients), "kinds": sorted(of_kinds)})
    return {(each.recipient_id, each.kind): each for each in found}


def ways(audience: Audience, kind: str, own: Preference | None, *, sms: bool) -> Ways:
    """How a message comes that is delivered with an SMS or without."""
    return _allowed(kinds.of(audience)[kind], Ways(inbox=True, sms=sms), own)


def _allowed(described: Kind, delivered: Ways, own: Preference | None) -> Ways:
    """What must be told is told, whatever was chosen before it was so."""
    if own is None:
        return delivered
    sms = None if delivered.sms is None else own.sms
    return Ways(inbox=True, sms=delivered.sms or sms) if described.is_fixed else Ways(own.inbox, sms)


def _delivered(kind: str, audience: Audience) -> Ways:
    return Ways(inbox=True, sms=kind in kinds.BY_SMS if audience is Audience.HOLDER else None)


def _lost(delivered: Ways, wanted: Ways) -> str | None:
    """Which of the ways was delivered and is not wanted."""
    if not wanted.inbox:
        return "inbox"
    return "sms" if delivered.sms and not wanted.sms else None


def _stored(session: Session, recipient_id: UUID) -> list[Preference]:
    return list(session.scalars(select(Preference).where(Preference.recipient_id == recipient_id)))


def _keep(session: Session, recipient_id: UUID, kind: str, wanted: Ways, delivered: Ways) -> None:
    """Only what is not as delivered."""
    if wanted == delivered:
        own = (Preference.recipient_id == recipient_id, Preference.kind == kind)
        session.execute(delete(Preference).where(*own))
        return
    row = {"recipient_id": recipient_id, "kind": kind, "inbox": wanted.inbox, "sms": bool(wanted.sms)}
    kept = insert(Preference).values(row)
    changed = {"inbox": kept.excluded.inbox, "sms": kept.excluded.sms}
    session.execute(kept.on_conflict_do_update(index_elements=["recipient_id", "kind"], set_=changed))
