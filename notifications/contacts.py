"""What whoever looks after a requestor's endpoint is told by SMS: that it fails, and that it is disabled."""

from datetime import datetime
from typing import Final
from uuid import uuid5

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from notifications import sms_queue, wording
from notifications.models import SmsMessage, WebhookEndpoint
from notifications.texts.requestors import FOR_REQUESTORS
from tokenization.clock import local_date
from tokenization.models import Requestor

FAILING: Final = "endpoint.failing"


def tell(session: Session, endpoint: WebhookEndpoint, kind: str, disabled_at: datetime, now: datetime) -> None:
    """That it was disabled, or will be, on that day: once each, however often it is set anew; nobody, where the bank
    knows no contact.
    """
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
    # The same id all day, whatever was set meanwhile: who sets it, and answers 410, in a loop is sent one. A warning
    # names one day all the time that the endpoint fails.
    once = uuid5(requestor.requestor_id, f"{kind} {local_date(disabled_at)}")
    row = sms_queue.row(requestor.requestor_id, once, kind, text, at=now, now=now, to="requestor")
    session.execute(insert(SmsMessage).values(row).on_conflict_do_nothing())
