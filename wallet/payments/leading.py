"""The first leads: whoever waits first has all done that waits, in one go, and hands the lead to the next.

Groups form by themselves while the one before is being done, and alone a request is a list of one: no thread, no timer
(docs/adr/032).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Generic, TypeVar

import structlog

Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")

MOST: Final = 32
log = structlog.get_logger()


def _held() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Asked, Outcome]):
    """A request whose thread sleeps until `called`: it has its outcome then, or is to lead, or has to ask alone."""

    asked: Asked
    called: Lock = field(default_factory=_held)
    leads: bool = False
    outcome: tuple[Outcome] | None = None


class Leading(Generic[Asked, Outcome]):
    """Has what many threads ask at once done in groups, first come, first served, one group at a time.

    `have_done` answers a list, in its order; it runs in the thread of the caller who leads, and while it does nobody
    else's is done: it must not wait long for anything. `alone` does one that could not be done so, in its own thread
    and with patience. A group holds at most so many; where that is one, each asks alone, all of them at once.
    """

    def __init__(
        self,
        have_done: Callable[[Sequence[Asked]], Sequence[Outcome]],
        alone: Callable[[Asked], Outcome],
        most: int = MOST,
    ) -> None:
        self._have_done = have_done
        self._alone = alone
        self._most = most
        self._lock = Lock()
        self._led = False
        self._queue: deque[_Waiting[Asked, Outcome]] = deque()

    def __len__(self) -> int:
        """How many wait for a group to be done that they are not in."""
        return len(self._queue)

    def ask(self, asked: Asked) -> Outcome:
        """What comes of it. A group that raises falls apart, also one of a single request: each asks alone, in its own
        thread, when the lead has been handed over, and raises its own.
        """
        if self._most == 1:
            return self._alone(asked)
        mine: _Waiting[Asked, Outcome] = _Waiting(asked)
        try:
            self._join(mine)
        except BaseException:
            self._leave(mine)
            raise
        if mine.leads:
            self._lead()
        return self._alone(asked) if mine.outcome is None else mine.outcome[0]

    def _join(self, mine: _Waiting[Asked, Outcome]) -> None:
        with self._lock:
            self._queue.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            mine.called.acquire()

    def _leave(self, mine: _Waiting[Asked, Outcome]) -> None:
        """A thread that is stopped while it waits takes nobody else along, nor the lead."""
        with self._lock:
            if mine in self._queue:
                self._queue.remove(mine)
        if mine.leads:
            self._hand_over()

    def _lead(self) -> None:
        """Have the group done, of which the leader is the first. What stops him leaves the others without outcome."""
        with self._lock:
            group = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        try:
            outcomes = self._have_done([each.asked for each in group])
            for each, outcome in list(zip(group, outcomes, strict=True)):
                each.outcome = (outcome,)
        except Exception as error:  # noqa: BLE001 - whoever asks alone raises it again, if it is his
            log.info("group_fell_apart", many=len(group), error=type(error).__name__)
        finally:
            self._hand_over()
            for each in group[1:]:
                each.called.release()

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._queue)
            if self._led:
                self._queue[0].leads = True
                self._queue[0].called.release()
