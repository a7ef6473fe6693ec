"""A delegate's phone: let in by the grantor, put out again. A pairing allows one provisioning or one new PIN."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from delegation import drawing_rights, events
from delegation.errors import PhoneNotFound, TooManyPhones
from delegation.models import DrawingRight, Pairing
from tokenization import ids
from tokenization.policies import DrawingRightsPolicy


def pair(
    session: Session,
    right: DrawingRight,
    *,
    device_thumbprint: str,
    device_name: str,
    policy: DrawingRightsPolicy,
    now: datetime,
) -> Pairing:
    """Let a phone in; the first one makes an invited right active. A phone that is in already gets a new allowance: a
    delegate has no step-up, so the grantor's stands in for it, for `pair_minutes` (3-api.md, "Drawing rights").

    Raises IllegalMove unless the right is invited or active, TooManyPhones beyond `phones_allowed`.
    """
    phones = live_pairings(session, right.card_id, right.right_id)
    pairing = next((phone for phone in phones if phone.device_thumbprint == device_thumbprint), None)
    if pairing is None and right.phones_allowed is not None and len(phones) >= right.phones_allowed:
        raise TooManyPhones(phones=len(phones), limit=right.phones_allowed)
    drawing_rights.move(right, "paired", now)
    if pairing is None:
        pairing = Pairing(
            card_id=right.card_id,
            pairing_id=ids.new_id(),
            right_id=right.right_id,
            device_thumbprint=device_thumbprint,
        )
        session.add(pairing)
    pairing.device_name = device_name
    pairing.paired_at, pairing.allowance_used_at = now, None
    pairing.allowance_until = now + timedelta(minutes=policy.pair_minutes)
    session.flush()
    _announce(session, events.DrawingRightPaired, right, pairing, now)
    return pairing


def live(session: Session, card_id: UUID, right_id: UUID, device_thumbprint: str) -> Pairing | None:
    """The pairing of that phone with that right, as it stands; None if it isn't let in."""
    phone = (Pairing.card_id == card_id) & (Pairing.right_id == right_id)
    statement = select(Pairing).where(phone, Pairing.device_thumbprint == device_thumbprint)
    return session.scalars(_live(statement)).one_or_none()


def live_pairings(session: Session, card_id: UUID, right_id: UUID) -> list[Pairing]:
    """Every phone that is let in, oldest first."""
    statement = select(Pairing).where(Pairing.card_id == card_id, Pairing.right_id == right_id)
    return list(session.scalars(_live(statement).order_by(Pairing.pairing_id)))


def live_by_right(session: Session, rights: Sequence[DrawingRight]) -> dict[UUID, list[Pairing]]:
    """The same of many rights, by right, in one statement."""
    phones: dict[UUID, list[Pairing]] = {right.right_id: [] for right in rights}
    statement = select(Pairing).where(Pairing.card_id.in_({right.card_id for right in rights}))
    statement = statement.where(Pairing.right_id.in_(list(phones))).order_by(Pairing.pairing_id)
    for phone in session.scalars(_live(statement)):
        phones[phone.right_id].append(phone)
    return phones


def has_allowance(pairing: Pairing, now: datetime) -> bool:
    """Whether the phone may provision, or set its PIN, now: once, and in time."""
    return not (pairing.unpaired_at or pairing.allowance_used_at or now >= pairing.allowance_until)


def use_allowance(pairing: Pairing, now: datetime) -> bool:
    """Use the allowance up. False where there is none."""
    if not has_allowance(pairing, now):
        return False
    pairing.allowance_used_at = now
    return True


def unpair(session: Session, right: DrawingRight, *, pairing_id: UUID | None = None, now: datetime) -> list[Pairing]:
    """Put out that phone, or every phone, whatever the right's status; the caller ends their tokens and sessions.

    Raises PhoneNotFound where that phone is not let in.
    """
    phones = live_pairings(session, right.card_id, right.right_id)
    pairings = [phone for phone in phones if pairing_id in (None, phone.pairing_id)]
    if pairing_id and not pairings:
        raise PhoneNotFound
    for pairing in pairings:
        pairing.unpaired_at = now
        _announce(session, events.DrawingRightUnpaired, right, pairing, now)
    return pairings


def _live(statement: Select[Pairing]) -> Select[Pairing]:
    return statement.where(Pairing.unpaired_at.is_(None)).execution_options(populate_existing=True)


def _announce(
    session: Session,
    kind: Callable[..., events.DrawingRightEvent],
    right: DrawingRight,
    pairing: Pairing,
    now: datetime,
) -> None:
    phone = {"pairing_id": pairing.pairing_id, "device_name": pairing.device_name}
    drawing_rights.announce(session, kind, right, now, **phone)
