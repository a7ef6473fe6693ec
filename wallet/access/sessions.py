"""Sessions: a phone on which somebody signed in. One for each phone, person and app, however often they sign in.

An access token names its session, which is looked up at every call: so an end is an end at once (docs/adr/006).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, and_, any_, bindparam, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from delegation import drawing_rights
from tokenization import events, ids
from tokenization.models import Requestor
from tokenization.pipeline import Answer, Pipeline, compiled
from wallet.access.events import SessionEnded, SessionRenewed, SessionStarted
from wallet.access.models import AccessSession, OAuthClient


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client, its requestor and a session stand right now."""

    client_active: bool
    requestor_id: UUID | None
    requestor_active: bool
    session: AccessSession | None

    @property
    def may_call(self) -> bool:
        """Whether a machine is let in."""
        return self.client_active and self.requestor_active

    @property
    def may_go_on(self) -> bool:
        """Whether a call that was let in would be let in still."""
        return self.may_call and bool(self.session and not self.session.ended_at)


_UNKNOWN: Final = Standing(client_active=False, requestor_id=None, requestor_active=False, session=None)


def start(
    session: Session,
    *,
    client_id: str,
    holder_id: UUID,
    thumbprint: str,
    acr: str | None,
    auth_time: datetime | None,
    now: datetime,
) -> AccessSession:
    """A cardholder signed in on a phone, whose key has that thumbprint. If that phone has a session already, it goes
    on with the new sign-in: whoever approves something with MitID is no second phone.
    """
    phone = {"client_id": client_id, "holder_id": holder_id, "thumbprint": thumbprint, "scope": "wallet"}
    signed_in = {"acr": acr, "auth_time": auth_time}
    while True:  # It is new, or it is there; between the two questions it can end, once.
        if made := _begin(session, phone | signed_in | {"session_id": ids.new_id(), "created_at": now}):
            return made
        if found := _renew(session, phone, signed_in, now):
            return found


def _begin(session: Session, row: dict[str, Any]) -> AccessSession | None:
    """A new session; None where the phone has one (a unique index holds that)."""
    new = insert(AccessSession).values(row).on_conflict_do_nothing().returning(AccessSession)
    made = session.scalar(new)
    return None if made is None else _started(session, made)


def _renew(session: Session, phone: dict[str, Any], signed_in: dict[str, Any], now: datetime) -> AccessSession | None:
    living = select(AccessSession).filter_by(**phone, ended_at=None).with_for_update()
    found = session.scalars(living.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        return None
    found.acr, found.auth_time = signed_in["acr"], signed_in["auth_time"]
    session.flush()
    events.emit(session, SessionRenewed(at=now, **_told(found), client=found.client_id))
    return found


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
    let_in = AccessSession(
        session_id=ids.new_id(),
        client_id=client_id,
        scope="child",
        holder_id=holder_id,
        card_id=card_id,
        right_id=right_id,
        pairing_id=pairing_id,
        thumbprint=thumbprint,
        created_at=now,
    )
    session.add(let_in)
    session.flush()
    return _started(session, let_in)


def live(session: Session, session_id: UUID) -> AccessSession | None:
    """The session, if it has not ended; locked, so that it doesn't end meanwhile."""
    found = session.get(AccessSession, session_id, with_for_update=True, populate_existing=True)
    return None if found is None or found.ended_at else found


def outlived_its_right(session: Session, found: AccessSession, now: datetime) -> bool:
    """Whether it is a child's, and the drawing right is over. One that expired may live again, so that ends no session;
    revoking does.
    """
    if found.right_id is None or found.card_id is None:
        return False
    return not drawing_rights.is_live(drawing_rights.load(session, found.card_id, found.right_id), now)


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
        return _UNKNOWN
    client_status, requestor_id, requestor_status, found = row
    return Standing(client_status == "active", requestor_id, requestor_status in (None, "active"), found)


# Asked for each group of payments: written once.
_MACHINES: Final = compiled(
    select(
        OAuthClient.client_id, OAuthClient.status, OAuthClient.requestor_id, Requestor.status.label("requestor_status")
    )
    .outerjoin(Requestor, Requestor.requestor_id == OAuthClient.requestor_id)
    .where(OAuthClient.client_id == any_(bindparam("client_ids", type_=ARRAY(Text))))
)


def find_machines(pipe: Pipeline, client_ids: Collection[str]) -> Answer:
    """How many machines stand, in one statement; to be read by `standings`."""
    return pipe.send(_MACHINES, client_ids=list(client_ids))


def standings(rows: Iterable[Any], client_ids: Collection[str]) -> dict[str, Standing]:
    """Of each machine that was asked for, those that nobody knows, too."""
    known = {row.client_id: _of_machine(row) for row in rows}
    return {client_id: known.get(client_id, _UNKNOWN) for client_id in client_ids}


def _of_machine(row: Any) -> Standing:
    return Standing(row.status == "active", row.requestor_id, row.requestor_status in (None, "active"), None)


def end(session: Session, session_id: UUID, *, reason: str, now: datetime) -> int:
    """End one session. All of these answer how many they ended."""
    return _end_where(session, AccessSession.session_id == session_id, reason, now)


def end_for_right(session: Session, right_id: UUID, *, reason: str = "right_ended", now: datetime) -> int:
    """End every session under a drawing right; in the transaction that revokes it."""
    return _end_where(session, AccessSession.right_id == right_id, reason, now)


def end_for_pairing(session: Session, pairing_id: UUID, *, reason: str, now: datetime) -> int:
    """End the sessions of one pairing; in the transaction that pairs the phone anew."""
    return _end_where(session, AccessSession.pairing_id == pairing_id, reason, now)


def end_for_phone(
    session: Session, thumbprint: str, *, holder_id: UUID | None = None, reason: str, now: datetime
) -> int:
    """End every session on a phone that is lost (R-10.2), whoever signed in there; or that person's alone."""
    whose = true() if holder_id is None else AccessSession.holder_id == holder_id
    return _end_where(session, and_(AccessSession.thumbprint == thumbprint, whose), reason, now)


def end_for_holder(session: Session, holder_id: UUID, *, reason: str = "mitid_relinked", now: datetime) -> int:
    """End a cardholder's own sessions: whoever signed in is not who the bank says now. Children's go on."""
    return _end_where(
        session, and_(AccessSession.holder_id == holder_id, AccessSession.right_id.is_(None)), reason, now
    )


def end_for_client(session: Session, client_id: str, *, reason: str = "client_revoked", now: datetime) -> int:
    """End the sessions of an app."""
    return _end_where(session, AccessSession.client_id == client_id, reason, now)


def _started(session: Session, started: AccessSession) -> AccessSession:
    events.emit(session, SessionStarted(at=started.created_at, **_told(started), client=started.client_id))
    return started


def _told(found: AccessSession) -> dict[str, Any]:
    """What every event of a session says. It stands in the journal of the holder."""
    whose = {"subject_id": found.holder_id, "holder_id": found.holder_id, "right_id": found.right_id}
    return {**whose, "session": ids.to_text("sess", found.session_id)}


def _end_where(session: Session, condition: ColumnElement[bool], reason: str, now: datetime) -> int:
    open_ones = select(AccessSession).where(condition, AccessSession.ended_at.is_(None))
    in_order = open_ones.order_by(AccessSession.session_id).with_for_update()
    found = session.scalars(in_order.execution_options(populate_existing=True)).all()
    _end(list(found), session, reason, now)
    return len(found)


def _end(ending: list[AccessSession], session: Session, reason: str, now: datetime) -> None:
    for one in ending:
        one.ended_at, one.end_reason = now, reason
        events.emit(session, SessionEnded(at=now, **_told(one), client=one.client_id, reason=reason))
    session.flush()
