"""The life of a token. What it stores is its own; whether it can pay is derived, here, from everything around it."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import delete, false, func, select, update
from sqlalchemy.orm import Session

from tokenization import cards, events, ids, number_space
from tokenization.errors import ContactBank, IllegalMove
from tokenization.models import Card, KeyBatch, Plastic, Requestor, Token, TokenDirectory, TokenSuspension
from tokenization.number_space import NumberSpace
from tokenization.secret import Key, Number
from tokenization.vault import Place, Vault

# The first of these that holds is what the API calls `because`; beside it the status that follows from it.
STATUS_BY_CAUSE: Final = {
    "deactivated": "deactivated",
    "expired": "expired",
    "card_closed": "deactivated",
    "card_blocked": "suspended",
    "requestor_suspended": "suspended",
    "drawing_right_revoked": "deactivated",
    "drawing_right_expired": "expired",
    "drawing_right_paused": "suspended",
    "issuer": "suspended",
    "wallet_provider": "suspended",
    "cardholder": "suspended",
    "pin_locked": "suspended",
    "unverified": "unverified",
    "inactive": "inactive",
}
Changed = TypeVar("Changed", bound=events.TokenEvent)
PIN_TRIES: Final = 3
BANK_ONLY_REASONS: Final = frozenset({"device_stolen", "fraud"})
SUSPENSION_REASONS: Final = ("device_lost", "device_stolen", "fraud", "other")
PHONE_IS_GONE: Final = frozenset({"device_lost", "device_stolen"})

# From which states a move is legal, and where it leads.
MOVES: Final = {
    "verified": ({"unverified"}, "inactive"),
    "activated": ({"inactive"}, "active"),
    "deactivated": ({"unverified", "inactive", "active"}, "deactivated"),
}


@dataclass(frozen=True, slots=True)
class Device:
    """The phone that a token lives on: its key thumbprint (RFC 7638) is the DPoP key's."""

    name: str
    platform: str
    thumbprint: str
    encryption_key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """A token's derived status, and the first cause of it; None when it can pay."""

    status: str
    because: str | None

    @property
    def can_pay(self) -> bool:
        """Whether the token may be used for a payment now."""
        return self.because is None


def status(
    token: Token,
    card: Card,
    plastic: Plastic,
    requestor: Requestor,
    suspended_by: Iterable[str],
    now: datetime,
    also: AbstractSet[str] = frozenset(),
) -> Status:
    """Derive the status; `plastic` is the card's current one, `also` what floors above know of its right."""
    causes = {token.state, *suspended_by, *also}
    if cards.is_expired(plastic, now):
        causes.add("expired")
    if card.state != "active":
        causes.add(f"card_{card.state}")
    if requestor.status != "active":
        causes.add("requestor_suspended")
    for cause, derived in STATUS_BY_CAUSE.items():
        if cause in causes:
            return Status(derived, cause)
    return Status("active", None)


def version(token: Token, card: Card, right_revision: int = 0) -> int:
    """Grows with every change of token, card and drawing right, so that a receiver can drop what is older."""
    return token.revision + card.revision + right_revision


def create(
    session: Session,
    vault: Vault,
    space: NumberSpace,
    card: Card,
    *,
    requestor: Requestor,
    scheme: str,
    device: Device,
    right_id: UUID | None,
    verified: bool,
    now: datetime,
) -> Token:
    """A token with a fresh number, `inactive` until a PIN is chosen, or `unverified` until a code is confirmed."""
    token_id = ids.new_id()
    number = number_space.claim(session, vault, space, TokenDirectory, card.card_id, token_id)
    data_key = vault.card_key(session, card.card_id)
    token = Token(
        card_id=card.card_id,
        token_id=token_id,
        right_id=right_id,
        requestor_id=requestor.requestor_id,
        scheme=scheme,
        number_sealed=data_key.seal(_place(token_id, "number_sealed"), number.reveal().encode()),
        last4=number.last4,
        state="inactive" if verified else "unverified",
        decision="approved" if verified else "verification_required",
        device_name=device.name,
        device_platform=device.platform,
        device_thumbprint=device.thumbprint,
        encryption_key=device.encryption_key,
        pin_tries_left=PIN_TRIES,
        atc_issued=0,
        atc_seen=0,
        atc_window=bytes(8),
        payments_without_pin=0,
        minor_without_pin=0,
        revision=1,
        created_at=now,
    )
    session.add(token)
    session.flush()
    return token


def reveal_number(session: Session, vault: Vault, token: Token) -> Number:
    """The token number, opened."""
    opened = vault.card_key(session, token.card_id).open(_place(token.token_id, "number_sealed"), token.number_sealed)
    return Number(opened.decode())


def find_by_number(session: Session, vault: Vault, number: str) -> TokenDirectory | None:
    """Which card and token a token number belongs to."""
    return session.get(TokenDirectory, vault.fingerprint("number", number))


def suspensions(session: Session, card_id: UUID, token_id: UUID) -> list[TokenSuspension]:
    """Who suspends a token, the first one first."""
    of_token = (TokenSuspension.card_id == card_id, TokenSuspension.token_id == token_id)
    return list(session.scalars(select(TokenSuspension).where(*of_token).order_by(TokenSuspension.at)))


def move(token: Token, name: str) -> None:
    """Make a legal move of MOVES. Raises IllegalMove."""
    sources, target = MOVES[name]
    if token.state not in sources:
        raise IllegalMove(f"a token that is {token.state} cannot be {name}")
    token.state, token.revision = target, token.revision + 1


def activate(
    session: Session, vault: Vault, card: Card, token: Token, pin_key: Key, biometric_key: Key | None, now: datetime
) -> None:
    """The cardholder chose a PIN on the phone (R-3.3a): keep its key, sealed. Raises IllegalMove."""
    move(token, "activated")
    token.activated_at = now
    data_key = vault.card_key(session, card.card_id)
    token.pin_key_sealed = data_key.seal(_place(token.token_id, "pin_key_sealed"), pin_key.reveal())
    if biometric_key is not None:
        place = _place(token.token_id, "biometric_key_sealed")
        token.biometric_key_sealed = data_key.seal(place, biometric_key.reveal())
    events.emit(session, changed(events.TokenActivated, card, token, now))


def change_pin(session: Session, vault: Vault, card: Card, token: Token, pin_key: Key, now: datetime) -> None:
    """A new PIN; it clears `pin_locked` and gives the tries back. Raises IllegalMove unless the token is active."""
    if token.state != "active":
        raise IllegalMove(f"a token that is {token.state} has no PIN to change")
    data_key = vault.card_key(session, card.card_id)
    token.pin_key_sealed = data_key.seal(_place(token.token_id, "pin_key_sealed"), pin_key.reveal())
    token.pin_tries_left, token.revision = PIN_TRIES, token.revision + 1
    _lift(session, token, "pin_locked")
    events.emit(session, changed(events.TokenPinChanged, card, token, now))


def cvm_key(session: Session, vault: Vault, token: Token, method: str) -> Key | None:
    """The PIN key or the biometric key of a token, opened; None if it has none."""
    column = "pin_key_sealed" if method == "pin" else "biometric_key_sealed"
    sealed: bytes | None = getattr(token, column)
    if sealed is None:
        return None
    return Key(vault.card_key(session, token.card_id).open(_place(token.token_id, column), sealed))


def suspend(session: Session, card: Card, token: Token, *, by: str, reason: str, now: datetime) -> bool:
    """Hold the token back, and kill its unused payment keys. False if `by` holds it already: then the first reason
    stands, unless the new one is graver, which only the bank can undo. Raises IllegalMove.
    """
    if token.state == "deactivated":
        raise IllegalMove("a deactivated token cannot be suspended")
    held = session.get(TokenSuspension, (token.card_id, token.token_id, by), populate_existing=True)
    if held is None:
        session.add(TokenSuspension(card_id=token.card_id, token_id=token.token_id, by=by, reason=reason, at=now))
        _kill_keys(session, token, now)
    elif reason in BANK_ONLY_REASONS and held.reason not in BANK_ONLY_REASONS:
        held.reason, held.at = reason, now
    else:
        return False
    token.revision += 1
    session.flush()
    events.emit(session, changed(events.TokenSuspended, card, token, now, by=by, reason=reason))
    return True


def resume(session: Session, card: Card, token: Token, *, by: str, now: datetime) -> None:
    """Take one's own suspension away. Raises IllegalMove without one, ContactBank after theft or fraud (R-10.2)."""
    held = session.get(TokenSuspension, (token.card_id, token.token_id, by), populate_existing=True)
    if held is None or token.state == "deactivated":
        raise IllegalMove("the token is not suspended by you")
    if by == "cardholder" and held.reason in BANK_ONLY_REASONS:
        raise ContactBank
    lift(session, card, token, by, now)


def lift(session: Session, card: Card, token: Token, by: str, now: datetime) -> None:
    """Take the suspension by `by` away, whoever asks."""
    _lift(session, token, by)
    token.revision += 1
    events.emit(session, changed(events.TokenResumed, card, token, now, by=by))


def resume_by_issuer(session: Session, card: Card, token: Token, now: datetime) -> None:
    """Take the bank's own suspension away; where it has none, by agreement, the cardholder's (R-10.2).

    One at a time: the bank may be done with a token whose phone is still lost. Raises IllegalMove without one.
    """
    held = {each.by for each in suspensions(session, token.card_id, token.token_id)}
    by = next((by for by in ("issuer", "cardholder") if by in held), None)
    if by is None or token.state == "deactivated":
        raise IllegalMove("neither the bank nor the cardholder suspends this token")
    lift(session, card, token, by, now)


def deactivate(session: Session, card: Card, token: Token, *, by: str, now: datetime) -> None:
    """End the token, for good. Raises IllegalMove if it has ended."""
    move(token, "deactivated")
    token.deactivated_at = now
    _kill_keys(session, token, now)
    events.emit(session, changed(events.TokenDeactivated, card, token, now, by=by))


def live_tokens(session: Session, card_id: UUID) -> list[Token]:
    """The tokens of a card that are not deactivated, as they stand, oldest first; its lock is held."""
    live = select(Token).where(Token.card_id == card_id, Token.state != "deactivated").order_by(Token.token_id)
    return list(session.scalars(live.execution_options(populate_existing=True)))


def live_count(session: Session, card_id: UUID, but_for: Iterable[UUID] = ()) -> int:
    """How many they are, in one statement; `but_for` are drawing rights that have ended, and their tokens with them."""
    ended = func.coalesce(Token.right_id.in_(but_for), false())
    live = (Token.card_id == card_id, Token.state != "deactivated", ~ended)
    return session.scalar(select(func.count()).select_from(Token).where(*live)) or 0


def _lift(session: Session, token: Token, by: str) -> None:
    of_token = (TokenSuspension.card_id == token.card_id, TokenSuspension.token_id == token.token_id)
    session.execute(delete(TokenSuspension).where(*of_token, TokenSuspension.by == by))


def _kill_keys(session: Session, token: Token, now: datetime) -> None:
    batches = (KeyBatch.card_id == token.card_id, KeyBatch.token_id == token.token_id, KeyBatch.expires_at > now)
    session.execute(update(KeyBatch).where(*batches).values(expires_at=now))


def changed(kind: type[Changed], card: Card, token: Token, now: datetime, **more: object) -> Changed:
    """An event about one token, with what all of them say."""
    return kind(
        at=now,
        card_id=card.card_id,
        holder_id=card.holder_id,
        token_id=token.token_id,
        right_id=token.right_id,
        requestor_id=token.requestor_id,
        device_name=token.device_name,
        **more,
    )


def _place(token_id: UUID, column: str) -> Place:
    return Place("tokens", token_id, column)
