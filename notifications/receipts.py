"""Who has received which new card: read off the merchants' feeds, for the cardholder whose card it is (R-3.6c)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from notifications.models import Update
from tokenization.models import Credential


def last_received(session: Session, credentials: Collection[Credential]) -> dict[UUID, datetime]:
    """credential -> when its merchant last received a new card, for those whose merchant did."""
    theirs = (
        Update.requestor_id.in_({credential.requestor_id for credential in credentials}),
        Update.subject_id.in_({credential.credential_id for credential in credentials}),
        Update.code == "A",
        Update.received_at.is_not(None),
    )
    received = func.max(func.greatest(Update.received_at, Update.at))
    newest = select(Update.subject_id, received).where(*theirs).group_by(Update.subject_id)
    return {credential_id: at for credential_id, at in session.execute(newest) if at}


def received_at(update: Update) -> datetime | None:
    """When its merchant had it, if it has. Of what was told before receipts were kept nobody knows, and the row has a
    moment long ago (migration 0011): taken to have arrived at once.
    """
    return update.received_at and max(update.received_at, update.at)


def entries(session: Session, credential: Credential, *, before: int | None, most: int) -> list[Update]:
    """What its merchant was told of it, or is to be told: newest first, behind the entry `before` of the feed."""
    theirs = (Update.requestor_id == credential.requestor_id, Update.subject_id == credential.credential_id)
    older = () if before is None else (Update.seq < before,)
    return list(session.scalars(select(Update).where(*theirs, *older).order_by(Update.seq.desc()).limit(most)))
