"""What the provisioning decision looks at, read from the database: card, tokens, and the person's earlier phones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from tokenization import cards, token_operations, tokens
from tokenization.models import Card, Provisioning, Requestor, Token, TokenSuspension
from tokenization.policies import Policies
from tokenization.provisioning_decision import Facts

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
    """A phone of this person's in one country: since when, whether a token was ever activated there, and whether one is
    held back that its holder could not resume.
    """

    thumbprint: str
    country: str | None
    since: datetime
    activated: bool
    held_back: bool


def gather(session: Session, card: Card, wish: Wish, policies: Policies, now: datetime) -> Facts:
    """Read what the decision needs. The card's lock is held, and its holder's but for a child's phone: what is counted
    stands still.
    """
    live = [token for token in tokens.live_tokens(session, card.card_id) if token.right_id == wish.right_id]
    phones = {token.device_thumbprint for token in live} - {wish.device.thumbprint}
    stays = _stays(session, card.holder_id) if wish.right_id is None else []
    here = [stay for stay in stays if stay.thumbprint == wish.device.thumbprint]
    return Facts(
        card_status=cards.status(card, cards.current_plastic(session, card), now),
        requestor_status=wish.requestor.status,
        requestor_kind=wish.requestor.kind,
        requestor_schemes=frozenset(wish.requestor.schemes),
        card_schemes=cards.HALVES[card.scheme],
        scheme=wish.scheme,
        under_right=wish.right_id is not None,
        active_tokens=len(phones) if wish.right_id else len(live) - len(replaced(live, wish)),
        provisionings_in_window=_other_phones(session, card.card_id, wish, policies, now),
        reported_ago=now - card.reported_at if card.reported_at else None,
        phone_is_known=any(stay.activated for stay in here),
        phone_was_held_back=any(stay.held_back for stay in here),
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


def _other_phones(session: Session, card_id: UUID, wish: Wish, policies: Policies, now: datetime) -> int:
    """How many others the card was put on within the window (R-3.3c)."""
    others = (
        Provisioning.card_id == card_id,
        Provisioning.right_id.is_(None),
        Provisioning.device_thumbprint != wish.device.thumbprint,
        Provisioning.at > now - timedelta(days=policies.provisioning.window_days),
    )
    return session.scalar(select(func.count(Provisioning.device_thumbprint.distinct())).where(*others)) or 0


def _stays(session: Session, holder_id: UUID) -> Sequence[Stay]:
    """Over all cards of a person. What waits for its verification makes neither a phone nor a country known."""
    of_token = and_(Token.card_id == Provisioning.card_id, Token.token_id == Provisioning.token_id)
    of_suspended = and_(TokenSuspension.card_id == Token.card_id, TokenSuspension.token_id == Token.token_id)
    grave = or_(TokenSuspension.by.in_(_OTHERS), TokenSuspension.reason.in_(token_operations.GRAVE))
    stay = (Provisioning.device_thumbprint, Provisioning.country)
    activated = func.bool_or(Token.activated_at.is_not(None))
    rows = (
        select(*stay, func.min(Provisioning.at), activated, func.bool_or(TokenSuspension.by.is_not(None)))
        .join(Card, Card.card_id == Provisioning.card_id)
        .join(Token, of_token)
        .outerjoin(TokenSuspension, and_(of_suspended, grave))
        .where(Card.holder_id == holder_id, Provisioning.right_id.is_(None))
        .group_by(*stay)
    )
    return [Stay(*row) for row in session.execute(rows)]


def _new_phones(stays: Sequence[Stay], wish: Wish, now: datetime) -> int:
    """How many other phones this person put a card on within the last hour, and never before.

    Those that came after this one, when it has been here before, are no reason to doubt it now: what is asked again
    gets the same answer.
    """
    came_at = min((stay.since for stay in stays if stay.thumbprint == wish.device.thumbprint), default=now)
    old = {stay.thumbprint for stay in stays if stay.since <= now - _HOUR} | {wish.device.thumbprint}
    return len({stay.thumbprint for stay in stays if stay.since <= came_at} - old)
