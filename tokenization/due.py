"""Which cards get a new plastic in a run over many of them (R-12.2, R-13), and which of those are passed over.

They are walked through by key, page by page and without locks, so that a million cards are read once. Whoever replaces
one asks `why_not` again, about what then stands under its lock.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, select, tuple_
from sqlalchemy.orm import Session, aliased

from tokenization import cards
from tokenization.cards import CARDHOLDER_REASONS
from tokenization.models import Card, Plastic
from tokenization.replacement import ENDS_AT_ONCE
from tokenization.vault import Vault

PAGE: Final = 500
_ENDED: Final = literal("replaced", literal_execute=True)  # stands in the statement, so that the partial index serves
_NEWEST: Final = and_(Plastic.card_id == Card.card_id, Plastic.plastic_id == Card.current_plastic_id)
_BIN_DIGITS: Final = 6  # of a number, that stand beside it in clear

Found = tuple[Card, Plastic]
Key = tuple[Any, ...]


class Run(Protocol):
    """Cards that are looked at, each with its newest plastic, and why they get another."""

    @property
    def reason(self) -> str:
        """Of the replacement."""

    def keys(self, session: Session, after: Key | None) -> Sequence[Key]:
        """The next page of what is walked through: by an index, the card's id last."""

    def wanted(self) -> Select[Card, Plastic]:
        """Of all cards those that the run is about."""

    def why_not(self, session: Session, vault: Vault, card: Card, plastic: Plastic) -> str | None:
        """Why a card is passed over; None if it is due."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """Cards whose newest plastic ends between two days, both included (R-13). One that is renewed is so no more."""

    first: date
    last: date
    reason: str = "expiring"

    def keys(self, session: Session, after: Key | None) -> Sequence[Key]:
        """By day, then card."""
        key = (Plastic.expiry.expression, Plastic.card_id.expression)
        return session.execute(_next(select(*key).where(*self._ending()), key, after)).all()

    def _ending(self) -> tuple[ColumnElement[bool], ...]:
        return Plastic.state != _ENDED, Plastic.expiry.between(self.first, self.last)

    def wanted(self) -> Select[Card, Plastic]:
        """Those whose newest plastic it is that ends."""
        return select(Card, Plastic).join(Plastic, _NEWEST).where(*self._ending())

    def why_not(self, session: Session, vault: Vault, card: Card, plastic: Plastic) -> str | None:
        """What is blocked or closed gets no card by the mail."""
        if card.state != "active":
            return card.state
        return None if self.first <= plastic.expiry <= self.last else "renewed already"


@dataclass(frozen=True, slots=True)
class Recall:
    """Cards whose newest plastic is older than the moment at which the run began: so it can go on where it stopped.

    What is blocked is passed over unless `with_blocked`: a new plastic ends a block for loss, theft or misuse.
    """

    reason: str
    begun: datetime
    with_blocked: bool = False

    def keys(self, session: Session, after: Key | None) -> Sequence[Key]:
        """By card."""
        key = (Card.card_id.expression,)
        return session.execute(_next(select(*key), key, after)).all()

    def wanted(self) -> Select[Card, Plastic]:
        """What has no new plastic yet."""
        return select(Card, Plastic).join(Plastic, _NEWEST).where(Plastic.created_at < self.begun)

    def why_not(self, session: Session, vault: Vault, card: Card, plastic: Plastic) -> str | None:
        """What is closed, blocked, or was replaced meanwhile."""
        if plastic.created_at >= self.begun:
            return "replaced already"
        can = self.with_blocked and (self.reason in ENDS_AT_ONCE or card.block_reason not in CARDHOLDER_REASONS)
        return None if card.state == "active" or (card.state == "blocked" and can) else card.state


@dataclass(frozen=True, slots=True)
class OfBin(Recall):
    """Of them those with a living plastic, not only the newest, whose number begins so: 6 to 8 digits."""

    prefix: str = ""

    def wanted(self) -> Select[Card, Plastic]:
        """Of digits that do not stand in clear, `why_not` knows."""
        other = aliased(Plastic)
        begins = (other.bin == self.prefix[:_BIN_DIGITS], other.state != _ENDED)
        return Recall.wanted(self).where(exists().where(other.card_id == Card.card_id, *begins))

    def why_not(self, session: Session, vault: Vault, card: Card, plastic: Plastic) -> str | None:
        """What the others are passed over for, or another BIN."""
        why = Recall.why_not(self, session, vault, card, plastic)
        if why or len(self.prefix) == _BIN_DIGITS or self._begins(session, vault, card):
            return why
        return "of another BIN"

    def _begins(self, session: Session, vault: Vault, card: Card) -> bool:
        living = select(Plastic.plastic_id).where(Plastic.card_id == card.card_id, Plastic.state != _ENDED)
        numbers = (cards.reveal_number(session, vault, card.card_id, each) for each in session.scalars(living).all())
        return any(number.reveal().startswith(self.prefix) for number in numbers)


@dataclass(frozen=True, slots=True)
class Listed(Recall):
    """Of them those that somebody listed, ascending."""

    card_ids: Sequence[UUID] = ()

    def keys(self, session: Session, after: Key | None) -> Sequence[Key]:
        """As they are listed."""
        begin = bisect_right(self.card_ids, after[-1]) if after else 0
        return [(card_id,) for card_id in self.card_ids[begin : begin + PAGE]]


def _next(
    keys: Select[*tuple[Any, ...]], key: Sequence[ColumnElement[Any]], after: Key | None
) -> Select[*tuple[Any, ...]]:
    if after is not None:
        reached = (literal(value, column.type) for column, value in zip(key, after, strict=True))
        keys = keys.where(tuple_(*key) > tuple_(*reached))
    return keys.order_by(*key).limit(PAGE)


def page(session: Session, run: Run, after: Key | None) -> tuple[list[Found], Key | None]:
    """What the run is about in the next page of its keys, and the last of them; None when there are no more.

    In two statements, of which each can only go by an index: in one, PostgreSQL read the whole table for each page.
    """
    keys = run.keys(session, after)
    if not keys:
        return [], None
    rows = session.execute(run.wanted().where(Card.card_id.in_({key[-1] for key in keys})).order_by(Card.card_id))
    return [(card, plastic) for card, plastic in rows], tuple(keys[-1])


def count(session: Session, run: Run) -> int:
    """How many cards the run is about."""
    counted = run.wanted().with_only_columns(func.count(), maintain_column_froms=True)
    if not isinstance(run, Listed):
        return session.scalar(counted) or 0
    begins = range(0, len(run.card_ids), PAGE)
    parts = (counted.where(Card.card_id.in_(run.card_ids[begin : begin + PAGE])) for begin in begins)
    return sum(session.scalar(part) or 0 for part in parts)
