"""The queue of text messages, each leased while it is sent. What is urgent goes first, and what came too late for
anybody to use is never sent.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, select, tuple_, update
from sqlalchemy.orm import Session

from notifications.backoff import TEXTS, next_attempt_at
from notifications.leases import LEASE, is_free
from notifications.models import WAITING, SmsMessage
from tokenization import cardholders, ids, requestors
from tokenization.errors import NotFound
from tokenization.secret import Secret
from tokenization.vault import Erased, Place, Vault, VaultError

CODE: Final = "token.code"
# A text about a block is of use soon or not at all.
LIFE: Final = timedelta(hours=36)
# Of the gateway's failures none puts a message off for longer: when it is back, nothing lies about.
_LONGEST_AWAY: Final = timedelta(minutes=1)
_EXPIRED_AT_ONCE: Final = 1_000
_CODES, _AT_ONCE, _THE_REST = range(3)
# Blocks, and what somebody else may be doing with one's phone or card.
_SECURITY: Final = ("card.blocked", "card.cvc_guessed", "session.", "token.", "drawing_right.token_")
_KEY: Final = tuple_(SmsMessage.recipient_id, SmsMessage.sms_id)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A waiting message that is ours until `leased_until`, with its number opened; None where there is none, or where
    it cannot be opened here, which `trouble` says: the host's copy of the key ring may be older.
    """

    recipient_id: UUID
    sms_id: UUID
    leased_until: datetime
    mobile: Secret[str] | None = None
    text: Secret[str] | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message: a state that is its last, or None where it is tried again, and what was wrong: with the
    gateway where `away`, else with this message.
    """

    state: str | None
    error: str | None = None
    away: bool = False

    @property
    def called(self) -> str:
        """For metrics."""
        return self.state or ("gateway_failed" if self.away else "put_off")


SENT: Final = Outcome("sent")
NO_NUMBER: Final = Outcome("no_number")


def row(
    recipient_id: UUID, event_id: UUID, kind: str, text: str, *, at: datetime, now: datetime, to: str = "holder"
) -> dict[str, Any]:
    """A text that is to be sent at once, as a row of `sms_messages`: what happened `at` is told from `now` on, to the
    cardholder or (`to`) the requestor of that id.
    """
    return {
        "recipient_id": recipient_id,
        "sms_id": ids.new_id(),
        "event_id": event_id,
        "kind": kind,
        "to": to,
        "text": text,
        "rank": rank(kind),
        "state": "waiting",
        "next_attempt_at": now,
        "expires_at": now + LIFE,
        "at": at,
    }


def rank(kind: str) -> int:
    """The lower, the sooner: codes, then blocks and security, then the rest."""
    if kind == CODE:
        return _CODES
    return _AT_ONCE if kind.startswith(_SECURITY) else _THE_REST


def sealed_place(sms_id: UUID) -> Place:
    """Where a sealed text stands, under the data key of its recipient."""
    return Place("sms_messages", sms_id, "text_sealed")


def claim(session: Session, vault: Vault, now: datetime, limit: int) -> list[Claimed]:
    """Lease up to so many messages that are due, the most urgent first."""
    waiting = select(SmsMessage.recipient_id, SmsMessage.sms_id).where(*_due(now))
    first = waiting.order_by(SmsMessage.rank, SmsMessage.next_attempt_at, SmsMessage.sms_id).limit(limit)
    while found := session.execute(first).all():
        this = update(SmsMessage).where(_KEY.in_([tuple(key) for key in found]), *_due(now))
        leased = this.values(leased_until=now + LEASE).returning(SmsMessage)
        rows = session.scalars(leased, execution_options={"synchronize_session": False, "populate_existing": True})
        if taken := rows.all():
            taken = sorted(taken, key=lambda each: found.index((each.recipient_id, each.sms_id)))
            return [_open(session, vault, each, now + LEASE) for each in taken]
        # Another relay was faster with all of them: look what there is behind them.
    return []


def settle(session: Session, claimed: Claimed, outcome: Outcome, now: datetime, chance: float) -> str | None:
    """Write down what came of it, if the lease is still ours. Answers the state in which it is then."""
    message = session.get_one(
        SmsMessage, (claimed.recipient_id, claimed.sms_id), with_for_update=True, populate_existing=True
    )
    if message.leased_until != claimed.leased_until:
        return None
    message.attempts, message.last_error, message.leased_until = message.attempts + 1, outcome.error, None
    if outcome.state is not None:
        message.state = outcome.state
    else:
        _put_off(message, outcome, now, chance)
    if message.state != "waiting":
        message.text_sealed = None
        message.text = "" if message.kind == CODE else message.text
    session.flush()
    return message.state


def give_back(session: Session, claimed: Claimed) -> None:
    """Let go of a message that was not tried: it has had no attempt."""
    ours = (SmsMessage.recipient_id == claimed.recipient_id, SmsMessage.sms_id == claimed.sms_id)
    still = update(SmsMessage).where(*ours, SmsMessage.leased_until == claimed.leased_until)
    session.execute(still.values(leased_until=None), execution_options={"synchronize_session": False})


def expire(session: Session, now: datetime) -> int:
    """End what nobody could use any more, and forget the codes in it; how many there were, of so many at a time."""
    over = (WAITING, SmsMessage.expires_at <= now, _is_free(now))
    found = select(SmsMessage.recipient_id, SmsMessage.sms_id).where(*over).limit(_EXPIRED_AT_ONCE)
    ended = update(SmsMessage).where(_KEY.in_(found), *over)
    text = case((SmsMessage.kind == CODE, ""), else_=SmsMessage.text)
    forgotten = ended.values(state="expired", text=text, text_sealed=None, leased_until=None)
    options = {"synchronize_session": False}
    return len(session.scalars(forgotten.returning(SmsMessage.sms_id), execution_options=options).all())


def _put_off(message: SmsMessage, outcome: Outcome, now: datetime, chance: float) -> None:
    later = next_attempt_at(TEXTS, message.attempts, now, chance) or message.expires_at
    message.next_attempt_at = min(later, now + _LONGEST_AWAY) if outcome.away else later
    message.put_off = not outcome.away


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    alive = SmsMessage.expires_at > now
    return WAITING, SmsMessage.next_attempt_at <= now, alive, _is_free(now)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return is_free(SmsMessage.leased_until, now)


def _open(session: Session, vault: Vault, message: SmsMessage, until: datetime) -> Claimed:
    claimed = Claimed(message.recipient_id, message.sms_id, until)
    try:
        text = _text(session, vault, message)
        return replace(claimed, mobile=_mobile(session, vault, message), text=text)
    except (Erased, NotFound):  # there is nobody to send to
        return claimed
    except VaultError as error:
        return replace(claimed, trouble=str(error))


def _mobile(session: Session, vault: Vault, message: SmsMessage) -> Secret[str] | None:
    if message.to == "requestor":
        return requestors.contact_mobile(session, vault, requestors.get(session, message.recipient_id))
    return cardholders.mobile(session, vault, cardholders.get(session, message.recipient_id))


def _text(session: Session, vault: Vault, message: SmsMessage) -> Secret[str]:
    if message.text_sealed is None:
        return Secret(message.text)
    data_key = vault.party_key(session, message.recipient_id)
    return Secret(data_key.open(sealed_place(message.sms_id), message.text_sealed).decode())
