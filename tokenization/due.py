"""Which cards get a new plastic in a run over many of them (R-12.2, R-13), and which of those are passed over.

They are walked through by key, page by page and without locks, so that a million cards are read once. Whoever replaces
one asks `why_not` again, about what then stands under its lock.
"""

from collections.abc import Iterator, Sequence
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

    @property
    def key(self) -> tuple[ColumnElement[Any], ...]:
        """What they are walked through by: unique, and indexed."""

    def selects(self) -> Iterator[Select[Card, Plastic]]:
        """All of them, in one statement or a few."""

    def why_not(self, session: Session, vault: Vault, card: Card, plastic: Plastic) -> str | None:
        """Why a card is passed over; None if it is due."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """Cards whose newest plastic ends between two days, both included (R-13). One that is renewed is so no more."""

    first: date
    last: date
    reason: str = "expiring"

    @property
    def key(self) -> tuple[ColumnElement[Any], ...]:
        """In the order of an index."""
        return Plastic.expiry.expression, Plastic.card_id.expression

    def selects(self) -> Iterator[Select[Card, Plastic]]:
        """In one statement."""
        ending = (Plastic.state != _ENDED, Plastic.expiry.between(self.first, self.last))
        yield select(Card, Plastic).join(Plastic, _NEWEST).where(*ending)

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

    @property
    def key(self) -> tuple[ColumnElement[Any], ...]:
        """The card's."""
        return (Card.card_id.expression,)

    def _older(self) -> Select[Card, Plastic]:
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

    def selects(self) -> Iterator[Select[Card, Plastic]]:
        """In one statement; of digits that do not stand in clear, `why_not` knows."""
        other = aliased(Plastic)
        begins = (other.bin == self.prefix[:_BIN_DIGITS], other.state != _ENDED)
        yield self._older().where(exists().where(other.card_id == Card.card_id, *begins))

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

    def selects(self) -> Iterator[Select[Card, Plastic]]:
        """A page of the list at a time."""
        for begin in range(0, len(self.card_ids), PAGE):
            yield self._older().where(Card.card_id.in_(self.card_ids[begin : begin + PAGE]))


def count(session: Session, run: Run) -> int:
    """How many cards are to be looked at."""
    counted = (wanted.with_only_columns(func.count(), maintain_column_froms=True) for wanted in run.selects())
    return sum(session.scalar(each) or 0 for each in counted)


def page(session: Session, run: Run, wanted: Select[Card, Plastic], after: Key | None) -> tuple[list[Found], Key]:
    """The next of one of the run's statements, and the key of the last of them."""
    if after is not None:
        reached = (literal(value, column.type) for column, value in zip(run.key, after, strict=True))
        wanted = wanted.where(tuple_(*run.key) > tuple_(*reached))
    with_key = wanted.add_columns(*run.key).order_by(*run.key).limit(PAGE)
    rows = session.execute(with_key).all()
    return [(card, plastic) for card, plastic, *_ in rows], tuple(rows[-1][2:]) if rows else ()
