"""When cards on file last paid: read off the payments, and kept nowhere else."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from tokenization.models import Credential
from wallet.payments.models import Payment

PAID: Final = (Payment.approved, Payment.kind == "purchase")
# By `ix_payments_of_credential`, from the newest on.
_NEWEST: Final = (
    select(Payment.at)
    .where(Payment.card_id == Credential.card_id, Payment.credential_id == Credential.credential_id, *PAID)
    .order_by(Payment.payment_id.desc())
    .limit(1)
    .lateral()
)


def last_paid(session: Session, card_id: UUID, credential_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """credential -> when the newest purchase with it was approved, for those of a card that have paid."""
    of_card = (Credential.card_id == card_id, Credential.credential_id.in_(credential_ids))
    wanted = select(Credential.credential_id, _NEWEST.c.at).join(_NEWEST, true()).where(*of_card)
    return dict(session.execute(wanted).all())
