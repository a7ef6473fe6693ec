"""Text messages: an interface to whoever sends them, an HTTP gateway, and a screen for the demo."""

from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Final, Protocol
from uuid import UUID

import httpx
import structlog
from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.orm import Session

from notifications import codes
from notifications.backoff import TEXTS, next_attempt_at
from notifications.deadline import TimedTransport
from notifications.models import SmsMessage
from tokenization import cardholders
from tokenization.secret import Secret
from tokenization.vault import Erased, Vault, VaultError

LEASE: Final = timedelta(seconds=60)
_TIMEOUT_SECONDS: Final = 10.0
_logger: Final = structlog.get_logger(__name__)


class SmsFailed(Exception):
    """The message was not taken; it is tried again."""


class SmsSender(Protocol):
    """Whoever can send a text message."""

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Send to a mobile number (E.164). The same reference is the same message. Raises SmsFailed."""


def masked(mobile: Secret[str]) -> str:
    """`+4520123456` -> `+45••••••56`."""
    number = mobile.reveal()
    return number[:3] + "•" * (len(number) - 5) + number[-2:]


class HttpGateway(AbstractContextManager["HttpGateway"]):
    """A gateway that takes `{"to", "text", "reference"}` by POST and answers 2xx when it has it."""

    def __init__(self, url: str, api_key: Secret[str] | None = None, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key.reveal()}"}
        self._url = url
        self._client = httpx.Client(transport=TimedTransport(timeout_seconds), headers=headers, trust_env=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Hand the message to the gateway. Raises SmsFailed."""
        content = {"to": mobile.reveal(), "text": text.reveal(), "reference": reference}
        try:
            answer = self._client.post(self._url, json=content)
        except httpx.HTTPError as error:
            raise SmsFailed(type(error).__name__) from None
        if not answer.is_success:
            raise SmsFailed(f"status {answer.status_code}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the screen keeps it. It may hold a code, so its text is a secret."""

    to: str
    text: Secret[str]


@dataclass(frozen=True, slots=True)
class Screen:
    """The demo's phone: keeps what would have been sent, and logs that it came, without its text."""

    messages: deque[Shown] = field(default_factory=lambda: deque(maxlen=200))

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Keep the message."""
        self.messages.append(Shown(masked(mobile), text))
        _logger.info("sms_shown", to=masked(mobile), reference=reference)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A waiting message that is ours until `leased_until`, with its number opened; None where the bank has none, or
    where it cannot be opened here, which `trouble` says: the host's copy of the key ring may be older.
    """

    holder_id: UUID
    sms_id: UUID
    mobile: Secret[str] | None
    text: Secret[str]
    leased_until: datetime
    trouble: str | None = None


def claim(session: Session, vault: Vault, now: datetime, limit: int) -> list[Claimed]:
    """Lease up to so many messages that are due."""
    due = (SmsMessage.state == "waiting", SmsMessage.next_attempt_at <= now)
    free = or_(SmsMessage.leased_until.is_(None), SmsMessage.leased_until < now)
    key = tuple_(SmsMessage.recipient_id, SmsMessage.sms_id)
    oldest = select(SmsMessage.recipient_id, SmsMessage.sms_id).where(*due, free)
    found = oldest.order_by(SmsMessage.next_attempt_at).limit(limit)
    leased = update(SmsMessage).where(key.in_(found), *due, free).values(leased_until=now + LEASE).returning(SmsMessage)
    rows = session.scalars(leased, execution_options={"synchronize_session": False})
    return [_open(session, vault, row, now + LEASE) for row in rows.all()]


def settle(session: Session, claimed: Claimed, error: str | None, now: datetime, chance: float) -> None:
    """Write down what came of it, if the lease is still ours: `sent`, `no_number`, again later, or `failed`."""
    message = session.get_one(SmsMessage, (claimed.holder_id, claimed.sms_id), with_for_update=True)
    if message.leased_until != claimed.leased_until:
        return
    message.attempts, message.last_error, message.leased_until = message.attempts + 1, error, None
    later = next_attempt_at(TEXTS, message.attempts, now, chance)
    if claimed.mobile is None and claimed.trouble is None:
        message.state = "no_number"
    elif error is None:
        message.state = "sent"
    elif later is None:
        message.state = "failed"
    else:
        message.next_attempt_at = later
    if message.kind == codes.KIND and message.state != "waiting":
        message.text = ""


def _open(session: Session, vault: Vault, row: SmsMessage, leased_until: datetime) -> Claimed:
    claimed = partial(Claimed, row.recipient_id, row.sms_id, text=Secret(row.text), leased_until=leased_until)
    try:
        return claimed(mobile=cardholders.mobile(session, vault, cardholders.get(session, row.recipient_id)))
    except Erased:  # there is nobody to send to
        return claimed(mobile=None)
    except VaultError as error:
        return claimed(mobile=None, trouble=str(error))
