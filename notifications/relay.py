"""The relay: takes events from the outbox and tells everybody. Any number of relays may run.

Stages, each in a thread of its own and each by lease: events are told (telling.py), text messages and webhooks are sent
with no transaction open (texting.py, delivering.py). A relay that dies holds its leases for a minute. Beside them a
thread for each chore does what is due because time passed. None waits for another.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from notifications.bell import Bell
from notifications.delivering import Delivering
from notifications.surroundings import Surroundings
from notifications.telling import Telling
from notifications.texting import Texting
from tokenization.chores import Chore

POLL_SECONDS: Final = 1.0
THREADS: Final = 32
_BETWEEN_ROUNDS: Final = timedelta(minutes=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_logger: Final = structlog.get_logger(__name__)


class Stage(Protocol):
    """A part of a relay's work."""

    def turn(self) -> bool:
        """Do or begin what is due, and wait for no sending. Whether there may be more at once."""

    def finish(self) -> int:
        """Wait for what was begun. How many it was, since it was asked last."""

    def close(self) -> None:
        """Wait for what is under way, and begin no more."""


class Relay(AbstractContextManager["Relay"]):
    """Tells people and requestors what happened: `run` until stopped, or `run_once`."""

    def __init__(self, around: Surroundings, threads: int = THREADS) -> None:
        self._rings = [Event() for _ in range(4)]
        delivering = Delivering(around, threads, self._rings[3].set)
        # In the order in which the one makes work for the next.
        self._stages: Sequence[Stage] = (Chores(around), Telling(around), Texting(around), delivering)
        self._bell = Bell(around.redis)
        self._outages = [Outage(type(stage).__name__) for stage in self._stages]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stage in self._stages:
            stage.close()

    def run_once(self) -> int:
        """Do what is due now, and wait for it. Answers how many chores, events, texts and webhooks it was."""
        done = 0
        for stage in self._stages:
            stage.turn()
            done += stage.finish()
        return done

    def run(self, stop: Event) -> None:
        """Work until `stop` is set: woken by Redis, looking each second without it."""
        work = [Thread(target=self._work, args=(nth, stop), daemon=True) for nth in range(len(self._stages))]
        for thread in work:
            thread.start()
        with closing(self._bell) as bell:
            while not stop.is_set():
                bell.wait(stop, POLL_SECONDS)
                self._ring_all()
        self._ring_all()
        for thread in work:
            thread.join()

    def _ring_all(self) -> None:
        for ring in self._rings:
            ring.set()

    def _work(self, nth: int, stop: Event) -> None:
        stage, ring = self._stages[nth], self._rings[nth]
        while not stop.is_set():
            ring.clear()
            if self._turn(stage, self._outages[nth]):
                self._ring_all()  # what is told is sent next
            else:
                ring.wait(POLL_SECONDS)

    def _turn(self, stage: Stage, outage: "Outage") -> bool:
        try:
            more = stage.turn()
        except SQLAlchemyError as error:
            outage.begins(error)
            return False
        except Exception:
            _logger.exception("relay_stage_broke_off", stage=type(stage).__name__)
            return False
        outage.ends()
        return more


@dataclass(slots=True)
class Outage:
    """Whether the database is away for a stage or a chore: said once when it begins and once when it ends."""

    stage: str
    lasts: bool = False

    def begins(self, error: SQLAlchemyError) -> None:
        """A turn failed."""
        if not self.lasts:
            _logger.error("relay_without_database", stage=self.stage, why=_why(error))
        self.lasts = True

    def ends(self) -> None:
        """A turn did not."""
        if self.lasts:
            _logger.info("relay_has_database_again", stage=self.stage)
        self.lasts = False


def _why(error: SQLAlchemyError) -> str:
    """In a line; nothing of a row, and nothing of the address."""
    cause = type(getattr(error, "orig", None) or error).__name__
    if isinstance(error, ProgrammingError):
        return f"its schema is not what it should be ({cause}): wallet db upgrade"
    return f"it is away, or a lock was not to be had ({cause})" if isinstance(error, OperationalError) else cause


@dataclass(slots=True)
class _Round:
    """A chore, how it goes, and when it is to be done again."""

    chore: Chore
    outage: Outage
    going: Future[int] | None = None
    next_at: datetime = _LONG_AGO

    def done(self, future: Future[int]) -> None:
        """Say what broke it off."""
        error = None if future.cancelled() else future.exception()
        if isinstance(error, SQLAlchemyError):
            self.outage.begins(error)
        elif error is not None:
            _logger.error("chore_broke_off", chore=self.outage.stage, exc_info=error)
        else:
            self.outage.ends()


class Chores:
    """What is due because time passed, once a minute; in a thread each, so that none holds up another."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._pool = ThreadPoolExecutor(max(1, len(around.chores)), "chores")
        self._rounds = [_Round(chore, Outage(chore.__module__)) for chore in around.chores]
        self._stopping = Event()

    def close(self) -> None:
        """Wait for those that are going, which stop where they are."""
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def turn(self) -> bool:
        """Begin those whose minute is over and that do not go still."""
        now = self._around.clock.now()
        for each in self._rounds:
            if each.next_at <= now and (each.going is None or each.going.done()):
                each.next_at = now + _BETWEEN_ROUNDS
                each.going = self._pool.submit(each.chore, self._around.transaction, now, self._stopping.is_set)
                each.going.add_done_callback(each.done)
        return False

    def finish(self) -> int:
        """Wait for them; how much was done."""
        going = [each.going for each in self._rounds if each.going]
        for each in self._rounds:
            each.going = None
        return sum(future.result() for future in going)
