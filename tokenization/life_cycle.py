"""The life of a token: one table of legal moves, and every change of a token through it.

Whoever changes a token holds its card's lock. A change bumps the token's revision, and with it the `version` by which
receivers drop what is older.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from tokenization import cards, events, token_operations, token_status, tokens
from tokenization.errors import ContactBank, IllegalMove
from tokenization.models import Card, KeyBatch, Requestor, Token, TokenSuspension
from tokenization.secret import Key
from tokenization.token_status import STATUS_BY_CAUSE
from tokenization.vault import Vault


@dataclass(frozen=True, slots=True)
class Move:
    """From which stored states a move is legal, and where it leads; None where the state stays.

    `unless` are the causes of a derived status that forbid it, `done` is the word for it in a refusal.
    """

    sources: frozenset[str]
    target: str | None
    unless: frozenset[str]
    done: str


_LIVE: Final = frozenset({"unverified", "inactive", "active"})
_AROUND: Final = frozenset(STATUS_BY_CAUSE) - {"deactivated", "unverified", "inactive"}
_OVER: Final = frozenset(cause for cause in _AROUND if STATUS_BY_CAUSE[cause] in {"deactivated", "expired"})
_NOTHING: Final = frozenset[str]()

# What prepares a payment needs a token in whose way nothing else stands: so a provisioning in flight during a block
# never ends active. What holds a token back is legal until it has ended itself, whatever else is the matter.
MOVES: Final = {
    "verify": Move(frozenset({"unverified"}), "inactive", _AROUND, "verified"),
    "activate": Move(frozenset({"inactive"}), "active", _AROUND, "activated"),
    "issue_keys": Move(frozenset({"active"}), None, _AROUND, "given payment keys"),
    "change_pin": Move(frozenset({"active"}), None, _OVER, "given another PIN"),
    "suspend": Move(_LIVE, None, _NOTHING, "suspended"),
    "resume": Move(_LIVE, None, _NOTHING, "resumed"),
    "deactivate": Move(_LIVE, "deactivated", _NOTHING, "deactivated"),
}


def check(operation: str, state: str, causes: AbstractSet[str] = frozenset()) -> None:
    """Raise IllegalMove, naming the first thing in the way, unless MOVES allows it to a token in that stored state.

    `causes` is what else stands in its way.
    """
    legal = MOVES[operation]
    in_the_way = causes & legal.unless | ({state} - legal.sources)
    if in_the_way:
        raise IllegalMove(f"a token that is {token_status.of(in_the_way)} cannot be {legal.done}")


def require(
    session: Session, card: Card, token: Token, operation: str, *, also: AbstractSet[str], now: datetime
) -> None:
    """`check` of a token as it stands; `also` is what floors above know of its drawing right. Raises IllegalMove."""
    plastic = cards.current_plastic(session, card)
    requestor = session.get_one(Requestor, token.requestor_id)
    held_by = [held.by for held in tokens.suspensions(session, card.card_id, token.token_id)]
    check(operation, token.state, token_status.causes(token, card, plastic, requestor, held_by, now, also))


def move(token: Token, operation: str) -> None:
    """Make a move of MOVES: the state that it leads to, and a new revision. Raises IllegalMove."""
    check(operation, token.state)
    token.state, token.revision = MOVES[operation].target or token.state, token.revision + 1


def activate(
    session: Session,
    vault: Vault,
    card: Card,
    token: Token,
    pin_key: Key,
    biometric_key: Key | None,
    *,
    also: AbstractSet[str],
    now: datetime,
) -> None:
    """The cardholder chose a PIN on the phone (R-3.3a): keep its key, sealed. Raises IllegalMove."""
    require(session, card, token, "activate", also=also, now=now)
    move(token, "activate")
    token.activated_at = now
    tokens.seal_cvm_keys(session, vault, token, pin=pin_key, biometric=biometric_key)
    events.emit(session, tokens.changed(events.TokenActivated, card, token, now))


def change_pin(
    session: Session, vault: Vault, card: Card, token: Token, pin_key: Key, *, also: AbstractSet[str], now: datetime
) -> None:
    """A new PIN; it clears `pin_locked` and gives the tries back (R-10.2: one that others know is changed at once).

    Raises IllegalMove.
    """
    require(session, card, token, "change_pin", also=also, now=now)
    move(token, "change_pin")
    tokens.seal_cvm_keys(session, vault, token, pin=pin_key)
    token.pin_tries_left = tokens.PIN_TRIES
    _lift(session, token, token_operations.PIN_LOCK)
    events.emit(session, tokens.changed(events.TokenPinChanged, card, token, now))


def suspend(
    session: Session,
    card: Card,
    token: Token,
    *,
    by: str,
    reason: str,
    now: datetime,
    by_delegate: bool = False,
) -> bool:
    """Hold the token back, and kill its unused payment keys. False if `by` holds it already: then the first reason
    stands, unless the new one is graver. `by_delegate`: a delegate acts for the cardholder. Raises IllegalMove.
    """
    check("suspend", token.state)
    if not _hold(session, token, by, reason, now):
        return False
    _kill_keys(session, token, now)
    move(token, "suspend")
    session.flush()
    who = {"by": by, "by_delegate": by_delegate and token.right_id is not None}
    events.emit(session, tokens.changed(events.TokenSuspended, card, token, now, **who, reason=reason))
    return True


def resume(session: Session, card: Card, token: Token, *, by: str, now: datetime) -> None:
    """Take one's own suspension away; the bank, where it has none, the cardholder's, by agreement (R-10.2).

    One at a time: the bank may be done with a token whose phone is still lost. Raises ContactBank after theft or fraud,
    IllegalMove where there is nothing that `by` may lift.
    """
    check("resume", token.state)
    held = tokens.suspensions(session, token.card_id, token.token_id)
    liftable = [each for each in held if token_operations.may_undo(by, each.reason, of=each.by)]
    if not liftable:
        if any(each.by == by for each in held):
            raise ContactBank
        raise IllegalMove("no suspension of this token is yours to lift")
    lifted = min(liftable, key=lambda each: each.by != by)
    reason = token_operations.why_resumed(lifted.reason)
    _lift(session, token, lifted.by)
    move(token, "resume")
    events.emit(session, tokens.changed(events.TokenResumed, card, token, now, by=by, held_by=lifted.by, reason=reason))


def deactivate(
    session: Session, card: Card, token: Token, *, by: str, reason: str = token_operations.OTHER, now: datetime
) -> None:
    """End the token, for good. What speaks against its phone is kept: to end a token is no milder than to suspend it.

    Raises IllegalMove if it has ended.
    """
    move(token, "deactivate")
    token.deactivated_at = now
    if reason in token_operations.OF_THE_PHONE:
        _hold(session, token, token_operations.holder(by), reason, now)
    _kill_keys(session, token, now)
    events.emit(session, tokens.changed(events.TokenDeactivated, card, token, now, by=by, reason=reason))


def _hold(session: Session, token: Token, by: str, reason: str, now: datetime) -> bool:
    held = session.get(TokenSuspension, (token.card_id, token.token_id, by), populate_existing=True)
    if held is None:
        session.add(TokenSuspension(card_id=token.card_id, token_id=token.token_id, by=by, reason=reason, at=now))
    elif token_operations.is_graver(reason, than=held.reason):
        held.reason, held.at = reason, now
    else:
        return False
    return True


def _lift(session: Session, token: Token, by: str) -> None:
    of_token = (TokenSuspension.card_id == token.card_id, TokenSuspension.token_id == token.token_id)
    session.execute(delete(TokenSuspension).where(*of_token, TokenSuspension.by == by))


def _kill_keys(session: Session, token: Token, now: datetime) -> None:
    batches = (KeyBatch.card_id == token.card_id, KeyBatch.token_id == token.token_id, KeyBatch.expires_at > now)
    session.execute(update(KeyBatch).where(*batches).values(expires_at=now))
