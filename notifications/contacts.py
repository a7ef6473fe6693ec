"""What whoever looks after a requestor's endpoint is told by SMS: that it fails, and that it is disabled."""

from datetime import datetime
from typing import Final
from uuid import uuid5

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from notifications import sms_queue, wording
from notifications.models import SmsMessage, WebhookEndpoint
from notifications.texts.requestors import FOR_REQUESTORS
from tokenization.events import rfc3339
from tokenization.models import Requestor

FAILING: Final = "endpoint.failing"


def tell(session: Session, endpoint: WebhookEndpoint, kind: str, disabled_at: datetime, now: datetime) -> None:
    """Once in all the time that it fails, each; nobody, where the bank knows no contact."""
    requestor = session.get_one(Requestor, endpoint.requestor_id)
    since = endpoint.failing_since
    if requestor.contact_mobile_sealed is None or requestor.contact_language is None or since is None:
        return
    to = requestor.contact_language
    text = FOR_REQUESTORS[kind][to].format(
        name=wording.name(requestor.name),
        failing_since=wording.moment(since, to),
        disabled_at=wording.moment(disabled_at, to),
    )
    # The same id all the time that it fails: a second text of the kind is none.
    spell = uuid5(endpoint.endpoint_id, rfc3339(since))
    row = sms_queue.row(requestor.requestor_id, spell, kind, text, at=now, now=now, to="requestor")
    session.execute(insert(SmsMessage).values(row).on_conflict_do_nothing())
