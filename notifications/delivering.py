"""The stage of a relay that sends webhooks: threads lease lanes to endpoints, and send with no transaction open.

An endpoint that hangs holds a thread for as long as a call may take. So it gets a second lane only from a relay that it
has just answered, in good time; of the threads only some are for endpoints that failed when they were last tried; and
for each that waits longer than good time for an answer another may be started, up to as many again.
"""

import secrets
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from notifications import deliveries, metrics, webhooks
from notifications.deliveries import Job, Lease
from notifications.sending import Answer, Line
from notifications.surroundings import Surroundings

_TURN_OF_A_LANE: Final = timedelta(seconds=10)
_FOR_FAILING: Final = 4  # one thread in so many
_GOOD_TIME_SECONDS: Final = 1.0
_MOMENT_SECONDS: Final = 0.25  # a letter that took no longer to be connected is as good as new
_GATHER_SECONDS: Final = 0.02  # with a thousand endpoints a claim costs as much: not for each thread that is free again
_logger: Final = structlog.get_logger(__name__)
_chance: Final = secrets.SystemRandom().random


class Delivering:
    """Sends what is due. `ring` is called when a thread is free again."""

    def __init__(self, around: Surroundings, threads: int, ring: Callable[[], None]) -> None:
        self._around, self._threads, self._ring = around, threads, ring
        self._pool = ThreadPoolExecutor(2 * threads, "webhooks")
        self._tls = ssl.create_default_context()
        self._under_way: dict[Future[int], bool] = {}  # whether its endpoint was failing
        self._answering: set[UUID] = set()  # and have more that waits than one lane is for
        self._asked_at: dict[tuple[UUID, int], float] = {}  # by the lanes that wait for an answer
        self._closing = Event()

    def close(self) -> None:
        """Wait for the letters that are under way, and send no more."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def turn(self) -> bool:
        """Begin to send what is due by the threads that are free. There may be more when one of them rings."""
        self._under_way = {future: failing for future, failing in self._under_way.items() if not future.done()}
        if self._under_way:
            self._closing.wait(_GATHER_SECONDS)
        self._start(self._free(), failing=False)
        failing, most = sum(self._under_way.values()), max(1, self._threads // _FOR_FAILING)
        self._start(min(self._free(), most - failing), failing=True)
        return False

    def finish(self) -> int:
        """Wait for what is under way; how many letters those threads sent."""
        return sum(future.result() for future in list(self._under_way))

    def _free(self) -> int:
        """How many more lanes may be served now."""
        long_ago, asked_at = time.monotonic() - _GOOD_TIME_SECONDS, list(self._asked_at.values())
        slow = min(self._threads, sum(at < long_ago for at in asked_at))
        return self._threads + slow - len(self._under_way)

    def _start(self, most: int, *, failing: bool) -> None:
        if most <= 0:
            return
        with self._around.transaction() as session:
            now, answering = self._around.clock.now(), frozenset(self._answering)
            leases = deliveries.claim(session, now, most, answering, failing=failing)
        for lease in leases:
            future = self._pool.submit(self._send_by, lease)
            self._under_way[future] = failing
            future.add_done_callback(self._done)

    def _done(self, future: Future[int]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, OperationalError):  # of that the turns of the stage say enough
            _logger.error("webhooks_broke_off", exc_info=error)
        self._ring()

    def _send_by(self, lease: Lease) -> int:
        """Send what is due by a lane, a letter after the other; then another endpoint may have the thread."""
        sent, until = 0, self._around.clock.now() + _TURN_OF_A_LANE
        with Line(self._around.guard, self._tls) as line:
            if lease.is_unchecked:
                self._look_at(lease, line)
            step = self._next_letter(lease, None)
            while step is not None:
                lease, job = step
                answer = self._post(line, lease, job)
                sent += 1
                if sent == deliveries.FOR_A_LANE and answer is not None and answer.delivered:
                    self._answering.add(lease.requestor_id)
                    self._ring()
                last = self._closing.is_set() or self._around.clock.now() > until
                step = self._next_letter(lease, (job, answer), last=last)
        if sent < deliveries.FOR_A_LANE:
            self._answering.discard(lease.requestor_id)
        return sent

    def _look_at(self, lease: Lease, line: Line) -> None:
        """At an endpoint that was set and that nobody has looked at since."""
        with self._around.transaction() as session:
            url = webhooks.to_check(session, lease.requestor_id)
        if url is None:
            return
        error = line.probe(url)
        with self._around.transaction() as session:
            webhooks.checked(session, lease.requestor_id, url, error, self._around.clock.now())

    def _post(self, line: Line, lease: Lease, job: Job) -> Answer | None:
        begun = self._asked_at[lease.requestor_id, lease.lane] = time.monotonic()

        def still_stands() -> bool:
            return time.monotonic() - begun < _MOMENT_SECONDS or self._still_stands(lease, job)

        try:
            answer = line.post(job.letter, self._around.clock.now(), still_stands)
        finally:
            del self._asked_at[lease.requestor_id, lease.lane]
        if answer is None:
            return None
        metrics.DELIVERIES.labels(metrics.outcome_of(answer)).inc()
        if answer.delivered:
            metrics.DELIVERY_SECONDS.observe((self._around.clock.now() - job.since).total_seconds())
        if not answer.delivered or time.monotonic() - begun > _GOOD_TIME_SECONDS:
            self._answering.discard(lease.requestor_id)
        return answer

    def _still_stands(self, lease: Lease, job: Job) -> bool:
        with self._around.transaction() as session:
            return deliveries.still_stands(session, self._around.vault, lease, job, self._around.clock.now())

    def _next_letter(
        self, lease: Lease, answered: tuple[Job, Answer | None] | None, *, last: bool = False
    ) -> tuple[Lease, Job] | None:
        """In one transaction: write down how the letter before went, and take the next or let the lane go."""
        now = self._around.clock.now()
        ours: Lease | None = lease
        with self._around.transaction() as session:
            if answered is not None:
                ours = deliveries.settle(session, lease, *answered, now, _chance())
            if ours is None:
                return None
            job = None if last else deliveries.next_job(session, self._around.vault, ours, now)
            if job is None:
                deliveries.release(session, ours)
        return (ours, job) if job else None
