"""The yellow path of provisioning: a token is verified, by a code to the number that the bank holds or by MitID again,
before a PIN can be chosen.
"""

import hmac
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from tokenization import events, ids, life_cycle, token_operations, tokens
from tokenization.errors import Conflict
from tokenization.models import Card, Cardholder, CodeSending, Token, TokenSuspension, VerificationCode
from tokenization.policies import TokensPolicy
from tokenization.secret import Secret
from tokenization.vault import Vault

METHODS: Final = ("sms_code", "mitid")
_DIGITS: Final = 6
_DAY: Final = timedelta(days=1)
_MISSED_BY: Final = (token_operations.CARDHOLDER, token_operations.ISSUER)
_MISSED: Final = ("device_lost", "device_stolen")


class NoCode(Conflict):
    """No code is waiting to be confirmed: ask for a new one."""

    code = "no-code"


class NoMoreCodes(Conflict):
    """No more codes are sent for this token: provision it anew."""

    code = "no-more-codes"


class NobodyToText(Conflict):
    """The bank has no mobile number for this, got it only lately, or the phone is missing: verify it in another way."""

    code = "verification-unavailable"


class NoSignIn(Conflict):
    """It cannot be confirmed by a sign-in: a child has no MitID, or MitID would not show what is confirmed."""

    code = "verification-unavailable"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not that code; so many tries are left."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class TooManyCodes:
    """This person has had as many codes as are sent in a day: the next one may be asked for in `wait_seconds`."""

    wait_seconds: int


def methods(
    session: Session, holder: Cardholder, policy: TokensPolicy, now: datetime, *, mitid_shows_text: bool
) -> list[str]:
    """How a token of this person can be verified now; none if it cannot. A sign-in confirms only what MitID shows."""
    by_sign_in = mitid_shows_text and holder.mitid_uuid is not None
    usable = {"sms_code": may_text(session, holder, policy, now), "mitid": by_sign_in}
    return [method for method in METHODS if usable[method]]


def may_text(session: Session, holder: Cardholder, policy: TokensPolicy, now: datetime) -> bool:
    """Whether a code may go to the number that the bank holds: it has one, not since lately (R-S1), and no phone is
    missing that its SIM may be in.
    """
    if holder.mobile_sealed is None or 0 in {policy.codes_per_token, policy.codes_per_day}:
        return False
    changed_at, settled = holder.mobile_changed_at, timedelta(days=policy.mobile_settled_days)
    return (changed_at is None or now - changed_at >= settled) and not _misses_a_phone(session, holder)


def _misses_a_phone(session: Session, holder: Cardholder) -> bool:
    """Whether one of this person's phones is lost or stolen, as a token on it tells, and had the number that they have
    now. A token that has ended tells so, too: whoever found the phone may have ended it.
    """
    of_token = (TokenSuspension.card_id == Token.card_id, TokenSuspension.token_id == Token.token_id)
    missed = (TokenSuspension.by.in_(_MISSED_BY), TokenSuspension.reason.in_(_MISSED))
    found = select(Token.token_id).join(Card, Card.card_id == Token.card_id).join(TokenSuspension, and_(*of_token))
    found = found.where(Card.holder_id == holder.holder_id, Token.right_id.is_(None), *missed)
    if holder.mobile_changed_at is not None:
        found = found.where(TokenSuspension.at >= holder.mobile_changed_at)
    return session.scalar(found.limit(1)) is not None


def new_code(
    session: Session, vault: Vault, card: Card, token: Token, holder: Cardholder, policy: TokensPolicy, now: datetime
) -> Secret[str] | TooManyCodes:
    """Six digits to send; what was sent before counts no more. The caller has checked that the token is unverified.

    The holder's lock is held, taken before the card's: codes are counted per person, over all tokens, so that a new
    token is no way to more of them. Raises NobodyToText, NoMoreCodes.
    """
    if not may_text(session, holder, policy, now):
        raise NobodyToText
    waiting = session.get(VerificationCode, (token.card_id, token.token_id), populate_existing=True)
    codes_left = policy.codes_per_token if waiting is None else waiting.codes_left
    if codes_left == 0:
        raise NoMoreCodes
    wait = _wait(session, holder, policy, now)
    if wait:
        return TooManyCodes(math.ceil(wait.total_seconds()))
    if waiting is None:
        waiting = VerificationCode(card_id=token.card_id, token_id=token.token_id)
        session.add(waiting)
    code = Secret(f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}")
    waiting.codes_left, waiting.tries_left = codes_left - 1, policy.code_tries
    waiting.digest = _digest(vault, token, holder, code)
    waiting.expires_at = now + timedelta(minutes=policy.code_minutes)
    session.add(CodeSending(holder_id=holder.holder_id, sending_id=ids.new_id(), at=now))
    events.emit(session, tokens.changed(events.TokenCodeSent, card, token, now))
    return code


def _wait(session: Session, holder: Cardholder, policy: TokensPolicy, now: datetime) -> timedelta:
    """Until the first of the last day's codes is a day old; none if there were fewer than the policy allows."""
    of_holder = CodeSending.holder_id == holder.holder_id
    session.execute(delete(CodeSending).where(of_holder, CodeSending.at <= now - _DAY))
    newest = select(CodeSending.at).where(of_holder).order_by(CodeSending.at.desc()).limit(policy.codes_per_day)
    sent_at = session.scalars(newest).all()
    return sent_at[-1] + _DAY - now if len(sent_at) == policy.codes_per_day else timedelta()


def confirm(
    session: Session,
    vault: Vault,
    card: Card,
    token: Token,
    holder: Cardholder,
    code: Secret[str],
    policy: TokensPolicy,
    now: datetime,
) -> Wrong | None:
    """None, and the token is `inactive`, if it is the code that was sent to the number that the holder has now.

    Raises NoCode, and NobodyToText if none would be sent any more.
    """
    if not may_text(session, holder, policy, now):
        raise NobodyToText
    waiting = session.get(VerificationCode, (token.card_id, token.token_id), populate_existing=True)
    if waiting is None or waiting.tries_left == 0 or now >= waiting.expires_at:
        raise NoCode
    waiting.tries_left -= 1
    if not hmac.compare_digest(waiting.digest, _digest(vault, token, holder, code)):
        left = waiting.tries_left
        events.emit(session, tokens.changed(events.TokenCodeRefused, card, token, now, tries_left=left))
        return Wrong(left)
    verified(session, card, token, "sms_code", now)
    return None


def confirm_by_sign_in(session: Session, card: Card, token: Token, now: datetime) -> None:
    """Its cardholder has just signed in for this very token, and MitID showed which. Raises NoSignIn, IllegalMove."""
    if token.right_id is not None:
        raise NoSignIn
    verified(session, card, token, "mitid", now)


def verified(session: Session, card: Card, token: Token, method: str, now: datetime) -> None:
    """It was confirmed by that method: a PIN can be chosen, and no code counts any more. Raises IllegalMove."""
    of_token = (VerificationCode.card_id == token.card_id, VerificationCode.token_id == token.token_id)
    session.execute(delete(VerificationCode).where(*of_token))
    life_cycle.move(token, "verify")
    events.emit(session, tokens.changed(events.TokenVerified, card, token, now, method=method))


def _digest(vault: Vault, token: Token, holder: Cardholder, code: Secret[str]) -> bytes:
    """Of which token it is, and for which number: once that changes, the code is good for nothing."""
    since = holder.mobile_changed_at and holder.mobile_changed_at.timestamp()
    return vault.fingerprint("code", f"{token.token_id}|{since}|{code.reveal()}")
