"""Codes by SMS. They go through no event: neither journal nor inbox may hold one (R-S1)."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from notifications import sms_queue, wording
from notifications.models import SmsMessage
from tokenization import ids
from tokenization.models import Cardholder
from tokenization.secret import Secret
from tokenization.vault import Vault

_TEXTS: Final = {
    "da": "{code} er din kode til at sætte kortet, der ender på {card}, på {device}. Den gælder i {lasts}. "
    "Giv den ikke til nogen, heller ikke til banken.",
    "en": "{code} is your code to put the card ending in {card} on {device}. It is good for {lasts}. "
    "Give it to nobody, not even the bank.",
}


def queue(
    session: Session,
    vault: Vault,
    holder: Cardholder,
    code: Secret[str],
    *,
    card: str,
    device: str,
    minutes: int,
    now: datetime,
) -> None:
    """Let a code be sent to the number that the bank holds: `card` is its last 4, `minutes` how long the code is good.
    The text is sealed, and forgotten once it is sent or the code no good any more.
    """
    to = wording.language(holder.language)
    parts = {
        "code": code.reveal(),
        "card": card,
        "device": wording.device(device),
        "lasts": wording.minutes(minutes, to),
    }
    row = sms_queue.row(holder.holder_id, ids.new_id(), sms_queue.CODE, "", at=now, now=now)
    place, text = sms_queue.sealed_place(row["sms_id"]), _TEXTS[to].format_map(parts)
    sealed = vault.party_key(session, holder.holder_id).seal(place, text.encode())
    session.add(SmsMessage(**row | {"text_sealed": sealed, "expires_at": now + timedelta(minutes=minutes)}))
