"""Tokens as rows: made, found, opened. What happens to one is in life_cycle.py, and whether it can pay in
token_status.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import func, literal_column, or_, select
from sqlalchemy.orm import Session

from tokenization import events, ids, number_space
from tokenization.models import Card, Requestor, Token, TokenDirectory, TokenSuspension
from tokenization.number_space import NumberSpace
from tokenization.secret import Key, Number
from tokenization.vault import DataKey, Place, Vault

Changed = TypeVar("Changed", bound=events.TokenEvent)
PIN_TRIES: Final = 3
# Written out, so that the plan of a prepared statement can use the index for them (ix_tokens_live).
LIVE: Final = Token.state != literal_column("'deactivated'")


@dataclass(frozen=True, slots=True)
class Device:
    """The phone that a token lives on: its key thumbprint (RFC 7638) is the DPoP key's."""

    name: str
    platform: str
    thumbprint: str
    encryption_key: dict[str, str]


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
    doubt: str | None = None,
    now: datetime,
) -> Token:
    """A token with a fresh number, `inactive` until a PIN is chosen; where there is a doubt, first `unverified`."""
    token_id = ids.new_id()
    number = number_space.claim(session, vault, space, TokenDirectory, card.card_id, token_id)
    data_key = vault.card_key(session, card.card_id)
    token = Token(
        card_id=card.card_id,
        token_id=token_id,
        right_id=right_id,
        requestor_id=requestor.requestor_id,
        scheme=scheme,
        number_sealed=data_key.seal(number_place(token_id), number.reveal().encode()),
        last4=number.last4,
        state="inactive" if doubt is None else "unverified",
        decision="approved" if doubt is None else "verification_required",
        decision_reason=doubt,
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
    opened = vault.card_key(session, token.card_id).open(number_place(token.token_id), token.number_sealed)
    return Number(opened.decode())


def suspensions(session: Session, card_id: UUID, token_id: UUID) -> list[TokenSuspension]:
    """Who suspends a token, the first one first."""
    of_token = (TokenSuspension.card_id == card_id, TokenSuspension.token_id == token_id)
    return list(session.scalars(select(TokenSuspension).where(*of_token).order_by(TokenSuspension.at)))


def seal_cvm_keys(session: Session, vault: Vault, token: Token, *, pin: Key, biometric: Key | None = None) -> None:
    """Keep the key that the phone's PIN stands for, sealed, and its biometric's where there is a new one."""
    data_key = vault.card_key(session, token.card_id)
    token.pin_key_sealed = data_key.seal(_place(token.token_id, "pin_key_sealed"), pin.reveal())
    if biometric is not None:
        place = _place(token.token_id, "biometric_key_sealed")
        token.biometric_key_sealed = data_key.seal(place, biometric.reveal())


def cvm_key(data_key: Callable[[], DataKey], token: Token, method: str) -> Key | None:
    """The PIN key or the biometric key of a token, opened with its card's data key; None if it has none."""
    column = "pin_key_sealed" if method == "pin" else "biometric_key_sealed"
    sealed: bytes | None = getattr(token, column)
    if sealed is None:
        return None
    return Key(data_key().open(_place(token.token_id, column), sealed))


def live_tokens(session: Session, card_id: UUID) -> list[Token]:
    """The tokens of a card that are not deactivated, as they stand, oldest first; its lock is held."""
    live = select(Token).where(Token.card_id == card_id, LIVE).order_by(Token.token_id)
    return list(session.scalars(live.execution_options(populate_existing=True)))


def live_count(session: Session, card_id: UUID, but_for: Sequence[UUID] = ()) -> int:
    """How many they are; `but_for` are drawing rights that have ended, and their tokens with them.

    Without those the index alone tells (ix_tokens_live): a block counts 10,000 within a millisecond or two.
    """
    live = select(func.count()).select_from(Token).where(Token.card_id == card_id, LIVE)
    if but_for:
        live = live.where(or_(Token.right_id.is_(None), Token.right_id.not_in(but_for)))
    return session.scalar(live) or 0


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


def number_place(token_id: UUID) -> Place:
    """Where a token's number is sealed."""
    return _place(token_id, "number_sealed")


def _place(token_id: UUID, column: str) -> Place:
    return Place("tokens", token_id, column)
