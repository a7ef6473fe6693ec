"""New plastics for many cards: each in a transaction of its own, under its own lock, whatever becomes of the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from tokenization import cards, due, replacement
from tokenization.due import Key, Run
from tokenization.errors import DomainError
from tokenization.keys import checks
from tokenization.keys.checks import ForeignRing
from tokenization.keys.ring import CryptoperiodOver, KeyRingError, Purpose
from tokenization.models import Card, Plastic
from tokenization.vault import Erased, VaultError
from wallet.services import Services

MOST_FAILURES: Final = 100  # in a row


class TooManyFailures(Exception):
    """It is not the cards."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a card: `due` (where nothing was to be done), `replaced`, `passed over` or `failed`; and why."""

    card_id: UUID
    what: str
    why: str | None = None


def outcomes(parts: Services, run: Run, actor: str, *, dry_run: bool = False) -> Iterator[Outcome]:
    """Replace the cards of a run, one after the other; each that is answered is done, so it may be broken off.

    Raises OperationalError when the database is gone, NumbersExhausted, TooManyFailures, and what no other card would
    be spared: ForeignRing, CryptoperiodOver. Of these also a run that changes nothing is told, before its first card.
    """
    _check_keys(parts)
    failed_in_a_row = 0
    for card_id, why in _found(parts, run):
        if why is not None or dry_run:
            yield Outcome(card_id, "passed over" if why else "due", why)
            continue
        outcome = _replace(parts, run, card_id, actor)
        failed_in_a_row = failed_in_a_row + 1 if outcome.what == "failed" else 0
        yield outcome
        if failed_in_a_row == MOST_FAILURES:
            raise TooManyFailures("so many cards failed in a row that it is not the cards: nothing more was tried")


def _check_keys(parts: Services) -> None:
    with parts.database.reading() as session:
        checks.hold(session, parts.vault.ring)
    parts.vault.ring.current(Purpose.CARD_VERIFICATION)  # each new plastic has a CVC


def _found(parts: Services, run: Run) -> Iterator[tuple[UUID, str | None]]:
    """The cards of a run, and why each is passed over, as far as one sees without its lock."""
    after: Key | None = None
    while True:
        with parts.database.reading() as session:
            rows, after = due.page(session, run, after)
            found = [(card.card_id, _why_not(session, parts, run, card, plastic)) for card, plastic in rows]
        yield from found
        if after is None:
            return


def _why_not(session: Session, parts: Services, run: Run, card: Card, plastic: Plastic) -> str | None:
    try:
        return run.why_not(session, parts.vault, card, plastic)
    except Erased:
        return "erased"


def _replace(parts: Services, run: Run, card_id: UUID, actor: str) -> Outcome:
    try:
        with parts.database.transaction(actor) as session:
            why = _replace_one(session, parts, run, card_id)
    except Erased:
        why = "erased"
    except (ForeignRing, CryptoperiodOver):
        raise
    except (DomainError, VaultError, KeyRingError, SQLAlchemyError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        return Outcome(card_id, "failed", _said(error))
    return Outcome(card_id, "replaced") if why is None else Outcome(card_id, "passed over", why)


def _replace_one(session: Session, parts: Services, run: Run, card_id: UUID) -> str | None:
    """Look again, now that nobody else can change it."""
    card = cards.lock(session, card_id)
    if card is None:
        return "gone"
    plastic = cards.current_plastic(session, card)  # held on to, so that the session need not read it again
    why = run.why_not(session, parts.vault, card, plastic)
    if why is None:
        space = parts.settings.number_space
        replacement.replace(session, parts.vault, space, card, run.reason, parts.clock.now())
    return why


def _said(error: Exception) -> str:
    """In a word or a line, without a value: what a database says may quote one."""
    if isinstance(error, DBAPIError):
        return type(error.orig).__name__
    return type(error).__name__ if isinstance(error, SQLAlchemyError) else str(error)
