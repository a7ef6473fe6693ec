"""What the provisioning decision looks at, read from the database: card, tokens, the person's phones, and this one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import BindParameter, Select, Text, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from tokenization import cards, token_operations, tokens
from tokenization.models import Card, Provisioning, Requestor, Token, TokenSuspension
from tokenization.policies import Policies
from tokenization.provisioning.decision import Facts

_HOUR: Final = timedelta(hours=1)
_OTHERS: Final = (token_operations.ISSUER, token_operations.PROVIDER)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a phone asks for: a token in that scheme on that device, for the card's holder or under a drawing right.

    `country` (ISO 3166 alpha-2) is where the wallet says that the phone is.
    """

    requestor: Requestor
    scheme: str
    device: tokens.Device
    right_id: UUID | None
    card_was_typed_in: bool
    can_be_verified: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """One card of this person's on one phone in one country: when first and last, and whether a token was ever
    activated there.
    """

    card_id: UUID
    thumbprint: str
    country: str | None
    first_at: datetime
    last_at: datetime
    activated: bool


def gather(session: Session, card: Card, live: Sequence[Token], wish: Wish, policies: Policies, now: datetime) -> Facts:
    """Read what the decision needs; `live` are the card's tokens that have not ended. The card's lock is held, and its
    holder's but for a child's phone: what is counted stands still. Only what others had on this phone may change.
    """
    alike = [token for token in live if token.right_id == wish.right_id]
    phones = {token.device_thumbprint for token in alike} - {wish.device.thumbprint}
    stays = _stays(session, card.holder_id) if wish.right_id is None else ()
    here = [stay for stay in stays if stay.thumbprint == wish.device.thumbprint]
    return Facts(
        card_status=cards.status(card, cards.current_plastic(session, card), now),
        requestor_status=wish.requestor.status,
        requestor_kind=wish.requestor.kind,
        requestor_schemes=frozenset(wish.requestor.schemes),
        card_schemes=cards.HALVES[card.scheme],
        scheme=wish.scheme,
        under_right=wish.right_id is not None,
        active_tokens=len(phones) if wish.right_id else len(alike) - len(replaced(alike, wish)),
        provisionings_in_window=_other_phones(stays, card, wish, policies, now),
        reported_ago=now - card.reported_at if card.reported_at else None,
        phone_is_known=any(stay.activated for stay in here),
        phone_was_held_back=wish.right_id is None and _is_held_back(session, card.holder_id, wish.device.thumbprint),
        country=wish.country,
        known_countries=frozenset(stay.country for stay in stays if stay.activated and stay.country),
        new_phones=_new_phones(stays, wish, now),
        card_was_typed_in=wish.card_was_typed_in,
        can_be_verified=wish.can_be_verified,
    )


def replaced(live: Iterable[Token], wish: Wish) -> list[Token]:
    """The tokens that the wish would take the place of: the same half of the card on the same device."""
    new = (wish.right_id, wish.device.thumbprint, wish.scheme)
    return [token for token in live if (token.right_id, token.device_thumbprint, token.scheme) == new]


def _stays_of(holder_id: BindParameter[UUID]) -> Select[UUID, str, str | None, datetime, datetime, bool]:
    of_token = and_(Token.card_id == Provisioning.card_id, Token.token_id == Provisioning.token_id)
    stay = (Provisioning.card_id, Provisioning.device_thumbprint, Provisioning.country)
    first_at, last_at = func.min(Provisioning.at), func.max(Provisioning.at)
    return (
        select(*stay, first_at, last_at, func.bool_or(Token.activated_at.is_not(None)))
        .join(Card, Card.card_id == Provisioning.card_id)
        .join(Token, of_token)
        .where(Card.holder_id == holder_id, Provisioning.right_id.is_(None))
        .group_by(*stay)
    )


def _holds_of(
    thumbprint: BindParameter[str], holder_id: BindParameter[UUID]
) -> Select[datetime | None, datetime | None]:
    of_suspended = and_(TokenSuspension.card_id == Token.card_id, TokenSuspension.token_id == Token.token_id)
    counts = or_(TokenSuspension.by.in_(_OTHERS), TokenSuspension.reason.in_(token_operations.OF_THE_PHONE))
    verified = and_(Token.decision == "verification_required", Token.activated_at.is_not(None))
    of_person = and_(Card.holder_id == holder_id, Token.right_id.is_(None), TokenSuspension.by.is_(None))
    return (
        select(func.max(TokenSuspension.at), func.max(Token.created_at).filter(verified, of_person))
        .select_from(Token)
        .join(Card, Card.card_id == Token.card_id)
        .outerjoin(TokenSuspension, and_(of_suspended, counts))
        .where(Token.device_thumbprint == thumbprint)
    )


# Made once: to put one together took longer than all else that the decision costs here (measured: 1.8 of 5.3 ms).
_STAYS: Final = _stays_of(bindparam("holder_id", type_=Uuid()))
_HOLDS: Final = _holds_of(bindparam("thumbprint", type_=Text()), bindparam("holder_id", type_=Uuid()))


def _stays(session: Session, holder_id: UUID) -> Sequence[Stay]:
    """Of all cards of a person; a child's phones are none of them."""
    return [Stay(*row) for row in session.execute(_STAYS, {"holder_id": holder_id})]


def _is_held_back(session: Session, holder_id: UUID, thumbprint: str) -> bool:
    """Whether anybody's token on that phone is, and this person has verified and activated none there since that is
    not held back itself.
    """
    phone = {"thumbprint": thumbprint, "holder_id": holder_id}
    held_at, verified_at = session.execute(_HOLDS, phone).one()
    return held_at is not None and (verified_at is None or verified_at < held_at)


def _other_phones(stays: Iterable[Stay], card: Card, wish: Wish, policies: Policies, now: datetime) -> int:
    """How many others this card was put on within the window (R-3.3c)."""
    begins = now - timedelta(days=policies.provisioning.window_days)
    lately = {stay.thumbprint for stay in stays if stay.card_id == card.card_id and stay.last_at > begins}
    return len(lately - {wish.device.thumbprint})


def _new_phones(stays: Sequence[Stay], wish: Wish, now: datetime) -> int:
    """How many other phones this person put a card on within the last hour, and never before.

    Those that came after this one, when it has been here before, are no reason to doubt it now: what is asked again
    gets the same answer.
    """
    came_at = min((stay.first_at for stay in stays if stay.thumbprint == wish.device.thumbprint), default=now)
    old = {stay.thumbprint for stay in stays if stay.first_at <= now - _HOUR} | {wish.device.thumbprint}
    return len({stay.thumbprint for stay in stays if stay.first_at <= came_at} - old)
