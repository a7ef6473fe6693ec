"""Codes by SMS. They go through no event: neither journal nor inbox may hold one (R-S1)."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from notifications import wording
from notifications.models import SmsMessage
from tokenization import ids
from tokenization.models import Cardholder
from tokenization.secret import Secret

KIND: Final = "token.code"
_TEXTS: Final = {
    "da": "{code} er din kode til at sætte kortet, der ender på {card}, på {device}. Den gælder i {lasts}. "
    "Giv den ikke til nogen, heller ikke til banken.",
    "en": "{code} is your code to put the card ending in {card} on {device}. It is good for {lasts}. "
    "Give it to nobody, not even the bank.",
}


def queue(
    session: Session, holder: Cardholder, code: Secret[str], *, card: str, device: str, minutes: int, now: datetime
) -> None:
    """Let a code be sent to the number that the bank holds: `card` is its last 4, `minutes` how long the code is good.
    Once sent, the text is forgotten.
    """
    to = wording.language(holder.language)
    parts = {
        "code": code.reveal(),
        "card": card,
        "device": wording.device(device),
        "lasts": wording.minutes(minutes, to),
    }
    message = SmsMessage(
        recipient_id=holder.holder_id,
        sms_id=ids.new_id(),
        event_id=ids.new_id(),
        kind=KIND,
        text=_TEXTS[to].format_map(parts),
        state="waiting",
        attempts=0,
        next_attempt_at=now,
        at=now,
    )
    session.add(message)
