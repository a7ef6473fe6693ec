"""Signed-in phones, and their refresh tokens: bound to the phone's key, each used once (RFC 9700 section 4.14)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from tokenization import events, ids
from tokenization.models import Requestor
from wallet.access.events import SessionEnded, SessionStarted
from wallet.access.models import AccessSession, OAuthClient, RefreshToken

REFRESH_LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client, its requestor and a session stand right now."""

    client_active: bool
    requestor_id: UUID | None
    requestor_active: bool
    session: AccessSession | None

    @property
    def may_go_on(self) -> bool:
        """Whether a call that was let in would be let in still."""
        return self.client_active and self.requestor_active and bool(self.session and not self.session.ended_at)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A session that goes on, and its next refresh token."""

    session: AccessSession
    refresh_token: str


def start(
    session: Session,
    *,
    client_id: str,
    holder_id: UUID,
    thumbprint: str,
    acr: str | None,
    auth_time: datetime | None,
    session_id: UUID | None = None,
    now: datetime,
) -> AccessSession:
    """A cardholder signed in on a phone, whose key has that thumbprint."""
    return _start(
        session,
        AccessSession(
            session_id=session_id or ids.new_id(),
            client_id=client_id,
            scope="wallet",
            holder_id=holder_id,
            thumbprint=thumbprint,
            acr=acr,
            auth_time=auth_time,
            created_at=now,
        ),
    )


def start_for_child(
    session: Session,
    *,
    client_id: str,
    thumbprint: str,
    holder_id: UUID,
    card_id: UUID,
    right_id: UUID,
    pairing_id: UUID,
    now: datetime,
) -> AccessSession:
    """A child's phone is let in by the parent, in the transaction that pairs it: unpairing then finds it at once.

    It is of no use before the phone redeems its device code (`devices.approve`). `holder_id` is the grantor's.
    """
    return _start(
        session,
        AccessSession(
            session_id=ids.new_id(),
            client_id=client_id,
            scope="child",
            holder_id=holder_id,
            card_id=card_id,
            right_id=right_id,
            pairing_id=pairing_id,
            thumbprint=thumbprint,
            created_at=now,
        ),
    )


def issue_refresh_token(session: Session, session_id: UUID, now: datetime) -> str:
    """A new refresh token of a session: 256 random bits, of which the hash is kept."""
    token = secrets.token_urlsafe(32)
    lifetime = {"created_at": now, "expires_at": now + REFRESH_LIFETIME}
    session.add(RefreshToken(token_hash=_hash(token), session_id=session_id, **lifetime))
    session.flush()
    return token


def rotate(session: Session, token: str, *, client_id: str, thumbprint: str, now: datetime) -> Rotated | None:
    """Use a refresh token; None if it isn't good for this client and key.

    A token that comes again ends the session: one of the two who had it is a thief. One retry is allowed, by the same
    key and while its successor is unused, as the phone may never have got the answer; the successor is then void.
    """
    found = _locked(session, token)
    if found is None:
        return None
    owner, link = found
    if owner.client_id != client_id or owner.thumbprint != thumbprint or owner.ended_at or now >= link.expires_at:
        return None
    if link.used_at is None:
        link.used_at = now
    elif _is_retry(session, link):
        link.retried_at = now
        _void(session, link.replaced_by, now)
    else:
        _end([owner], session, "refresh_reuse", now)
        return None
    successor = issue_refresh_token(session, owner.session_id, now)
    link.replaced_by = _hash(successor)
    return Rotated(owner, successor)


def live(session: Session, session_id: UUID) -> AccessSession | None:
    """The session, if it has not ended; locked, so that it doesn't end meanwhile."""
    found = session.get(AccessSession, session_id, with_for_update=True, populate_existing=True)
    return None if found is None or found.ended_at else found


def of_refresh_token(session: Session, token: str) -> AccessSession | None:
    """The session that a refresh token, used or not, belongs to."""
    owner = select(AccessSession).join(RefreshToken, RefreshToken.session_id == AccessSession.session_id)
    return session.scalar(owner.where(RefreshToken.token_hash == _hash(token)))


def standing(session: Session, client_id: str, session_id: UUID | None) -> Standing:
    """How a token's client and session stand: asked at every call, so that an end is an end at once."""
    wanted = (
        select(OAuthClient.status, OAuthClient.requestor_id, Requestor.status, AccessSession)
        .outerjoin(Requestor, Requestor.requestor_id == OAuthClient.requestor_id)
        .outerjoin(
            AccessSession,
            and_(AccessSession.client_id == OAuthClient.client_id, AccessSession.session_id == session_id),
        )
        .where(OAuthClient.client_id == client_id)
    )
    row = session.execute(wanted).one_or_none()
    if row is None:
        return Standing(False, None, False, None)
    client_status, requestor_id, requestor_status, found = row
    return Standing(client_status == "active", requestor_id, requestor_status in (None, "active"), found)


def end(session: Session, session_id: UUID, *, reason: str, now: datetime) -> int:
    """End one session. All of these answer how many they ended."""
    return _end_where(session, AccessSession.session_id == session_id, reason, now)


def end_for_right(session: Session, right_id: UUID, *, reason: str = "right_ended", now: datetime) -> int:
    """End every session under a drawing right; in the transaction that revokes it."""
    return _end_where(session, AccessSession.right_id == right_id, reason, now)


def end_for_pairing(session: Session, pairing_id: UUID, *, reason: str = "unpaired", now: datetime) -> int:
    """End the sessions of one pairing; in the transaction that unpairs."""
    return _end_where(session, AccessSession.pairing_id == pairing_id, reason, now)


def end_for_thumbprint(
    session: Session, holder_id: UUID, thumbprint: str, *, reason: str = "device_lost", now: datetime
) -> int:
    """End the sessions of a phone that is lost (R-10.2): the holder's own, or a child's under the holder's card."""
    is_phone = and_(AccessSession.holder_id == holder_id, AccessSession.thumbprint == thumbprint)
    return _end_where(session, is_phone, reason, now)


def end_for_client(session: Session, client_id: str, *, reason: str = "client_revoked", now: datetime) -> int:
    """End the sessions of an app."""
    return _end_where(session, AccessSession.client_id == client_id, reason, now)


def _start(session: Session, started: AccessSession) -> AccessSession:
    session.add(started)
    session.flush()
    event = SessionStarted(
        at=started.created_at,
        subject_id=started.holder_id,
        holder_id=started.holder_id,
        right_id=started.right_id,
        session=ids.to_text("sess", started.session_id),
        client=started.client_id,
    )
    events.emit(session, event)
    return started


def _end_where(session: Session, condition: ColumnElement[bool], reason: str, now: datetime) -> int:
    open_ones = select(AccessSession).where(condition, AccessSession.ended_at.is_(None))
    in_order = open_ones.order_by(AccessSession.session_id).with_for_update()
    found = session.scalars(in_order.execution_options(populate_existing=True)).all()
    _end(list(found), session, reason, now)
    return len(found)


def _end(ending: list[AccessSession], session: Session, reason: str, now: datetime) -> None:
    for one in ending:
        one.ended_at, one.end_reason = now, reason
        event = SessionEnded(
            at=now,
            subject_id=one.holder_id,
            holder_id=one.holder_id,
            right_id=one.right_id,
            session=ids.to_text("sess", one.session_id),
            reason=reason,
        )
        events.emit(session, event)
    session.flush()


def _locked(session: Session, token: str) -> tuple[AccessSession, RefreshToken] | None:
    """The session first, as its lock guards the whole chain; then the token, as it stands under that lock."""
    session_id = session.scalar(select(RefreshToken.session_id).where(RefreshToken.token_hash == _hash(token)))
    if session_id is None:
        return None
    owner = session.get_one(AccessSession, session_id, with_for_update=True, populate_existing=True)
    return owner, session.get_one(RefreshToken, _hash(token), populate_existing=True)


def _is_retry(session: Session, link: RefreshToken) -> bool:
    if link.retried_at is not None or link.replaced_by is None:
        return False
    return session.get_one(RefreshToken, link.replaced_by, populate_existing=True).used_at is None


def _void(session: Session, token_hash: bytes | None, now: datetime) -> None:
    """A successor that nobody got: used, and retried too, so that whoever comes with it ends the session."""
    lost = session.get_one(RefreshToken, token_hash)
    lost.used_at = lost.retried_at = now


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
