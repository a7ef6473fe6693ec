"""What signing in leaves behind, taken away bit by bit, when somebody else signs in: no job to run, none to forget."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from wallet.access import sessions
from wallet.access.models import AccessSession, RedeemedCode, RefreshChain
from wallet.access.oauth.codes import REUSE_SEEN_FOR

# Sessions that have ended stay visible to the bank's own queries for so long; the journal has them for good.
ENDED_KEPT_FOR: Final = timedelta(days=30)
_SWEPT_AT_ONCE: Final = 50
_SWEEPER: Final = (1, 2)  # the advisory lock of whoever sweeps


def sweep(session: Session, now: datetime) -> None:
    """Take some of it away: codes whose reuse matters no more, refresh tokens past their time, sessions that are over.

    In a transaction of its own, as it locks sessions of others.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(*_SWEEPER))):
        return
    _codes(session, now)
    _chains(session, now)
    _sessions(session, now)


def _codes(session: Session, now: datetime) -> None:
    old = select(RedeemedCode.code_hash).where(RedeemedCode.at <= now - REUSE_SEEN_FOR).limit(_SWEPT_AT_ONCE)
    session.execute(delete(RedeemedCode).where(RedeemedCode.code_hash.in_(old)))


def _chains(session: Session, now: datetime) -> None:
    """And a session whose last chain has passed is over: nobody can go on with it."""
    old = select(RefreshChain.chain_id).where(RefreshChain.expires_at <= now).limit(_SWEPT_AT_ONCE)
    gone = delete(RefreshChain).where(RefreshChain.chain_id.in_(old)).returning(RefreshChain.session_id)
    touched = set(session.scalars(gone))
    alive = select(RefreshChain.session_id).where(RefreshChain.session_id.in_(touched))
    for session_id in sorted(touched - set(session.scalars(alive))):
        sessions.end(session, session_id, reason="expired", now=now)


def _sessions(session: Session, now: datetime) -> None:
    old = select(AccessSession.session_id).where(AccessSession.ended_at <= now - ENDED_KEPT_FOR)
    these = list(session.scalars(old.limit(_SWEPT_AT_ONCE)))
    session.execute(delete(RefreshChain).where(RefreshChain.session_id.in_(these)))
    session.execute(delete(AccessSession).where(AccessSession.session_id.in_(these)))
