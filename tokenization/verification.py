"""The yellow path of provisioning: a code by SMS to the number that the bank holds, before a PIN can be chosen."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from tokenization import events, tokens
from tokenization.errors import Conflict
from tokenization.models import Card, Cardholder, Token, VerificationCode
from tokenization.secret import Secret
from tokenization.vault import Vault

# 3-api.md: a code lives ten minutes and three tries; none is sent to a number for a week after it was changed (R-S1).
LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 3
CODES: Final = 3  # for one token: more would be more guesses
SETTLED: Final = timedelta(days=7)
_DIGITS: Final = 6


class NoCode(Conflict):
    """No code is waiting to be confirmed: ask for a new one."""

    code = "no-code"


class NoMoreCodes(Conflict):
    """No more codes are sent for this token: provision it anew."""

    code = "no-more-codes"


class NobodyToText(Conflict):
    """The bank has no mobile number for this, or got it only lately: type the card in instead."""

    code = "verification-unavailable"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not that code; so many tries are left."""

    tries_left: int


def may_text(holder: Cardholder, now: datetime) -> bool:
    """Whether a code may go to the number that the bank holds."""
    changed_at = holder.mobile_changed_at
    return holder.mobile_sealed is not None and (changed_at is None or now - changed_at >= SETTLED)


def new_code(
    session: Session, vault: Vault, card: Card, token: Token, holder: Cardholder, now: datetime
) -> Secret[str]:
    """Six digits to send; what was sent before counts no more. The caller has checked that the token is unverified.

    Raises NobodyToText, NoMoreCodes.
    """
    if not may_text(holder, now):
        raise NobodyToText
    waiting = session.get(VerificationCode, (token.card_id, token.token_id), populate_existing=True)
    if waiting is None:
        waiting = VerificationCode(card_id=token.card_id, token_id=token.token_id, codes_left=CODES)
        session.add(waiting)
    if waiting.codes_left == 0:
        raise NoMoreCodes
    code = Secret(f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}")
    waiting.codes_left, waiting.tries_left = waiting.codes_left - 1, TRIES
    waiting.digest, waiting.expires_at = _digest(vault, token, code), now + LIFETIME
    events.emit(session, tokens.changed(events.TokenCodeSent, card, token, now))
    return code


def confirm(session: Session, vault: Vault, card: Card, token: Token, code: Secret[str], now: datetime) -> Wrong | None:
    """None, and the token is `inactive`, if it is the code that was sent. Raises NoCode."""
    waiting = session.get(VerificationCode, (token.card_id, token.token_id), populate_existing=True)
    if waiting is None or waiting.tries_left == 0 or now >= waiting.expires_at:
        raise NoCode
    waiting.tries_left -= 1
    if not hmac.compare_digest(waiting.digest, _digest(vault, token, code)):
        left = waiting.tries_left
        events.emit(session, tokens.changed(events.TokenCodeRefused, card, token, now, tries_left=left))
        return Wrong(left)
    session.delete(waiting)
    tokens.move(token, "verified")
    events.emit(session, tokens.changed(events.TokenVerified, card, token, now))
    return None


def _digest(vault: Vault, token: Token, code: Secret[str]) -> bytes:
    return vault.fingerprint("code", f"{token.token_id}|{code.reveal()}")
