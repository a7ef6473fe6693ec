"""The relay: takes events from the outbox and tells everybody. Any number of relays may run.

Three stages, each by lease: events are fanned out piece by piece, in a transaction each; text messages and webhooks are
sent by threads with no transaction open, an endpoint being leased to one at a time. A relay that dies holds its leases
for a minute. Beside them a thread for each chore does what is due because time passed.
"""

import secrets
import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from types import TracebackType
from typing import Final
from uuid import UUID

import structlog
from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from notifications import audiences, crowds, deliveries, inbox, outbox, people, pieces, sms, updates
from notifications.deliveries import Job, Lease
from notifications.outbox import Waiting
from notifications.sending import Answer, Line
from notifications.surroundings import Surroundings
from tokenization.chores import Chore

POLL_SECONDS: Final = 1.0
_EVENTS_AT_ONCE: Final = 100
_SMS_AT_ONCE: Final = 5  # within the lease, however long the gateway takes
_BETWEEN_ROUNDS: Final = timedelta(minutes=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_TURN_OF_AN_ENDPOINT: Final = timedelta(seconds=10)
_logger: Final = structlog.get_logger(__name__)
_chance: Final = secrets.SystemRandom().random


def fan_out(session: Session, event: Waiting, now: datetime) -> frozenset[UUID]:
    """One piece of an event, in one transaction; with the last one it leaves the outbox. Answers whose inbox grew.

    Nothing happens where the lease ran out and another relay has the event now: so nobody is told twice.
    """
    piece = pieces.following(session, event, now)
    more = piece.progress
    if not (outbox.finish(session, event) if more is None else outbox.move_on(session, event, more)):
        return frozenset()
    updates.record(session, event, piece, now)
    if event.type in audiences.TOLD_TO_CROWDS:
        return crowds.tell(session, event, piece, now)
    return people.tell(session, event, now) if event.is_fresh else frozenset()


@dataclass(slots=True)
class _Round:
    """A chore, how it goes, and when it is to be done again."""

    chore: Chore
    going: Future[int] | None = None
    next_at: datetime = _LONG_AGO


class Relay(AbstractContextManager["Relay"]):
    """Tells people and requestors what happened: `run` until stopped, or `run_once`."""

    def __init__(self, around: Surroundings, threads: int = 16) -> None:
        self._around = around
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads + len(around.chores), "relay")
        self._tls = ssl.create_default_context()
        self._stopping = Event()
        self._delivering: set[Future[int]] = set()
        self._texting: Future[int] | None = None
        self._rounds = [_Round(chore) for chore in around.chores]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def run_once(self) -> int:
        """Do what is due now, and wait for it. Answers how many chores, events, texts and webhooks it was."""
        done = sum(future.result() for future in self._start_rounds())
        done += self._fan_out_waiting()
        started = [*self._start_texting(), *self._start_delivering()]
        return done + sum(future.result() for future in started)

    def run(self, stop: Event) -> None:
        """Work until `stop` is set: woken by Redis, looking each second without it."""
        with closing(Bell(self._around.redis)) as bell:
            while not stop.is_set():
                if not self._turn():
                    bell.wait(stop, POLL_SECONDS)

    def _turn(self) -> bool:
        """One turn of `run`, which waits for no sending. Whether there may be more events at once."""
        try:
            fanned_out = self._fan_out_waiting()
            started = [*self._start_rounds(), *self._start_texting(), *self._start_delivering()]
        except SQLAlchemyError:
            _logger.exception("relay_without_database")
            return False
        for future in started:
            future.add_done_callback(_report)
        return fanned_out > 0

    def _fan_out_waiting(self) -> int:
        with self._around.transaction() as session:
            claimed = outbox.claim(session, self._around.clock.now(), _EVENTS_AT_ONCE)
        return sum(self._fan_out(event) for event in claimed)

    def _fan_out(self, event: Waiting) -> bool:
        try:
            with self._around.transaction() as session:
                grown = fan_out(session, event, self._around.clock.now())
        except Exception:
            # One event that cannot be told must not stop the others; its lease runs out, and it is tried again.
            _logger.exception("event_not_told", event_id=str(event.event_id), type=event.type)
            return False
        inbox.wake(self._around.redis, grown)
        return True

    def _start_rounds(self) -> list[Future[int]]:
        # In a thread each: a card that is locked for long holds up no telling, and a chore that takes long no other.
        now = self._around.clock.now()
        free = [each for each in self._rounds if each.next_at <= now and (each.going is None or each.going.done())]
        for each in free:
            each.next_at = now + _BETWEEN_ROUNDS
            each.going = self._pool.submit(each.chore, self._around.transaction, now, self._stopping.is_set)
        return [each.going for each in free if each.going]

    def _start_texting(self) -> list[Future[int]]:
        # One at a time: a gateway that hangs holds one thread, and not all of them.
        if self._texting is not None and not self._texting.done():
            return []
        with self._around.transaction() as session:
            messages = sms.claim(session, self._around.vault, self._around.clock.now(), _SMS_AT_ONCE)
        if not messages:
            return []
        self._texting = self._pool.submit(self._send_texts, messages)
        return [self._texting]

    def _send_texts(self, messages: list[sms.Claimed]) -> int:
        for message in messages:
            error = self._try_text(message)
            with self._around.transaction() as session:
                sms.settle(session, message, error, self._around.clock.now(), _chance())
        return len(messages)

    def _try_text(self, message: sms.Claimed) -> str | None:
        if message.mobile is None:
            return message.trouble
        try:
            self._around.sms_sender.send(message.mobile, message.text, str(message.sms_id))
        except sms.SmsFailed as error:
            _logger.warning("sms_not_taken", sms_id=str(message.sms_id), error=str(error))
            return str(error)
        return None

    def _start_delivering(self) -> list[Future[int]]:
        self._delivering = {future for future in self._delivering if not future.done()}
        free = self._threads - 1 - len(self._delivering)
        if free <= 0:
            return []
        with self._around.transaction() as session:
            leases = deliveries.claim(session, self._around.clock.now(), free, failing=False)
            leases += deliveries.claim(session, self._around.clock.now(), free - len(leases), failing=True)
        started = [self._pool.submit(self._deliver, lease) for lease in leases]
        self._delivering.update(started)
        return started

    def _deliver(self, lease: Lease) -> int:
        """Send what is due to one endpoint, a letter after the other; then another endpoint may have the thread."""
        sent, until = 0, self._around.clock.now() + _TURN_OF_AN_ENDPOINT
        with Line(self._around.guard, self._tls) as line:
            step = self._next_letter(lease, None)
            while step is not None:
                lease, job = step
                answer = line.post(job.letter, self._around.clock.now())
                sent += 1
                last = self._stopping.is_set() or self._around.clock.now() > until
                step = self._next_letter(lease, (job, answer), last=last)
        return sent

    def _next_letter(
        self, lease: Lease, answered: tuple[Job, Answer] | None, *, last: bool = False
    ) -> tuple[Lease, Job] | None:
        """In one transaction: write down how the letter before went, and take the next or let the endpoint go."""
        now = self._around.clock.now()
        with self._around.transaction() as session:
            if answered is not None:
                job, answer = answered
                deliveries.settle(session, lease.requestor_id, job, answer, now, _chance())
            renewed = deliveries.renew(session, lease, now)
            if renewed is None:
                return None
            next_job = None if last else deliveries.next_job(session, self._around.vault, renewed, now)
            if next_job is None:
                deliveries.release(session, renewed)
                return None
        return renewed, next_job


class Bell:
    """Waits for the outbox's wake-up; a relay that hears nothing looks for itself when the time is up."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._heard: PubSub | None = None

    def wait(self, stop: Event, seconds: float) -> None:
        """Return when something waits, or when the time is up. Without Redis only `stop` is heard."""
        try:
            if self._heard is None:
                self._heard = self._redis.pubsub()  # type: ignore[no-untyped-call]  # redis has no types there
                self._heard.subscribe(outbox.CHANNEL)
            self._listen(self._heard, seconds)
        except RedisError:
            self.close()
            stop.wait(seconds)

    def close(self) -> None:
        """Stop listening."""
        if self._heard is not None:
            self._heard.close()
            self._heard = None

    def _listen(self, heard: PubSub, seconds: float) -> None:
        # Many rings are one. The answer to the subscription is one too: something may have come before we listened.
        timeout = seconds
        while heard.get_message(timeout=timeout) is not None:
            timeout = 0.0


def _report(future: Future[int]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _logger.error("relay_thread_broke_off", exc_info=error)
