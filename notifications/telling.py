"""The first stage of a relay: events leave the outbox, piece by piece, and become messages, texts and webhooks."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from notifications import audiences, crowds, inbox, metrics, outbox, people, pieces, updates
from notifications.outbox import Waiting
from notifications.surroundings import Surroundings

_AT_ONCE: Final = 100
_THREADS: Final = 4  # an event is twenty statements, each of which waits for the database
# What befalls one transaction, while others go on: a lock that was waited for in vain.
_OF_THIS_ONE: Final = (LockNotAvailable, DeadlockDetected, QueryCanceled)
_logger: Final = structlog.get_logger(__name__)


def fan_out(session: Session, event: Waiting, now: datetime) -> frozenset[UUID]:
    """One piece of an event, in one transaction; with the last one it leaves the outbox. Answers whose inbox grew.

    Nothing happens where the lease ran out and another relay has the event now: so nobody is told twice. Raises
    LookupError for one that no table knows, and that stays.
    """
    if not audiences.is_known(event.type):
        raise LookupError(f"nothing is known of {event.type}: a newer relay will tell it")
    piece = pieces.following(session, event, now)
    more = piece.progress
    if not (outbox.finish(session, event) if more is None else outbox.move_on(session, event, more)):
        return frozenset()
    updates.record(session, event, piece, now)
    if event.type in audiences.TOLD_TO_CROWDS:
        return crowds.tell(session, event, piece, now)
    return people.tell(session, event, now) if event.is_fresh else frozenset()


def tell_people(session: Session, event: Waiting, now: datetime) -> frozenset[UUID]:
    """Only the people, in one transaction, where a requestor's feed is held: nobody outside the bank may hold up the
    word that a card is blocked. Requestors come with the event's next piece. Answers whose inbox grew.
    """
    return people.tell(session, event, now) if outbox.set_aside(session, event) else frozenset()


class Telling:
    """Claims events and fans them out, each in a transaction of its own: those of one card in turn, by one thread."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._pool = ThreadPoolExecutor(_THREADS, "telling")
        self._told = 0

    def close(self) -> None:
        """Tell no more."""
        self._pool.shutdown(cancel_futures=True)

    def turn(self) -> bool:
        """Tell what waits; whether there may be more."""
        with self._around.transaction() as session:
            claimed = outbox.claim(session, self._around.clock.now(), _AT_ONCE)
        of_cards: dict[UUID, list[Waiting]] = {}
        for event in claimed:
            of_cards.setdefault(event.card_id, []).append(event)
        told = sum(self._pool.map(self._tell_in_turn, of_cards.values()))
        self._told += told
        return told > 0

    def finish(self) -> int:
        """How many were told since it was asked last."""
        told, self._told = self._told, 0
        return told

    def _tell_in_turn(self, events: Sequence[Waiting]) -> int:
        return sum(self._tell(event) for event in events)

    def _tell(self, event: Waiting) -> bool:
        try:
            grown = self._in_a_transaction(event)
        except Exception as error:
            if isinstance(error, OperationalError) and not isinstance(error.orig, _OF_THIS_ONE):
                raise  # the database is away, for all
            # One event that cannot be told must not stop the others; its lease runs out, and it is tried again.
            _logger.exception("event_not_told", event_id=str(event.event_id), type=event.type)
            metrics.EVENTS.labels("not_told").inc()
            return False
        metrics.EVENTS.labels("told").inc()
        metrics.EVENT_SECONDS.observe((self._around.clock.now() - event.at).total_seconds())
        inbox.wake(self._around.redis, grown)
        return True

    def _in_a_transaction(self, event: Waiting) -> frozenset[UUID]:
        try:
            with self._around.transaction() as session:
                return fan_out(session, event, self._around.clock.now())
        except OperationalError as error:
            concerns_people = event.is_fresh and event.type not in audiences.TOLD_TO_CROWDS
            if not (concerns_people and isinstance(error.orig, LockNotAvailable)):
                raise
        with self._around.transaction() as session:
            return tell_people(session, event, self._around.clock.now())
