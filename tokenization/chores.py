"""Chores: what is due because time passed, done one by one. Any number may do the same chore at once.

Each is looked at in a transaction of its own, again under its card's lock: so whoever is killed has lost nothing, and
nothing is done twice.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from random import SystemRandom
from typing import Final, Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

_shuffled: Final = SystemRandom().sample
_logger: Final = structlog.get_logger(__name__)

Transactions = Callable[[], AbstractContextManager[Session]]
# With transactions and the time: go round once, until told to stop. Answers how much was done.
Chore = Callable[[Transactions, datetime, Callable[[], bool]], int]


class OfACard(Protocol):
    """Something of a card's that is due."""

    @property
    def card_id(self) -> UUID:
        """Whose."""

    def named(self) -> dict[str, str]:
        """What it is, for the log."""


T = TypeVar("T", bound=OfACard)


def go_round(
    transaction: Transactions,
    find: Callable[[Session, T | None], list[T]],
    look: Callable[[Session, T], bool],
    is_stopping: Callable[[], bool],
    *,
    failure: str,
) -> int:
    """Look at all that is found, page by page, each from behind the last one before. Answers at how many something was
    done.

    Each is tried once. One that cannot be looked at is logged as `failure`, stops no other, and stays due for the next
    round, as do the others on a card that somebody holds: to wait for each would take as long again.
    """
    done, behind = 0, None
    held: set[UUID] = set()
    while True:
        with transaction() as session:
            found = find(session, behind)
        if not found:
            return done
        for each in _shuffled(found, len(found)):  # so that two who go round seldom wait for the same card
            if is_stopping():
                return done
            if each.card_id not in held:
                done += _try(transaction, look, each, held, failure)
        behind = found[-1]


def _try(
    transaction: Transactions,
    look: Callable[[Session, T], bool],
    each: T,
    held: set[UUID],
    failure: str,
) -> bool:
    try:
        with transaction() as session:
            return look(session, each)
    except Exception as error:
        _logger.exception(failure, **each.named())
        if isinstance(error, OperationalError):  # as when its card's lock was waited for in vain
            held.add(each.card_id)
        return False
