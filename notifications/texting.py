"""The stage that sends text messages, in threads of its own: no transaction is open while the gateway is spoken to."""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Final

import structlog

from notifications import sms_queue
from notifications.circuit import Circuit
from notifications.metrics import TEXTS
from notifications.sms import NobodySends, SmsFailed, SmsRefused
from notifications.sms_queue import NO_NUMBER, SENT, Claimed, Outcome
from notifications.surroundings import Surroundings
from tokenization.secret import Secret

THREADS: Final = 4
_logger: Final = structlog.get_logger(__name__)
_chance: Final = secrets.SystemRandom().random


class Texting:
    """Each thread sends one message after the other, and takes the next one where it writes down how the last one went:
    so a code never waits behind a batch. One circuit for all: where the gateway fails, they stop, and after a rest one
    of them tries (docs/adr/043).
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._pool = ThreadPoolExecutor(THREADS, "texting")
        self._going: list[Future[None]] = []
        self._stopping = Event()
        self._lock, self._taking = Lock(), Lock()
        self._circuit, self._done = Circuit(), 0

    def turn(self) -> bool:
        """Begin to send what is due. Never more at once: the threads go on until nothing is left."""
        self._going = [each for each in self._going if not each.done()]
        now, free = self._around.clock.now(), self._free()
        with self._taking, self._around.transaction() as session:
            expired = sms_queue.expire(session, now)
            taken = sms_queue.claim(session, self._around.vault, now, free) if free else []
        self._going += [self._pool.submit(self._send, message) for message in taken]
        if expired:
            TEXTS.labels("expired").inc(expired)
            _logger.warning("sms_expired", count=expired)
        return False

    def finish(self) -> int:
        """Wait for what was begun; how many messages were looked after since it was asked last."""
        for each in self._going:
            each.result()
        with self._lock:
            done, self._done = self._done, 0
        return done

    def close(self) -> None:
        """Wait for what is under way, and begin no more."""
        self._stopping.set()
        self._pool.shutdown()

    def _free(self) -> int:
        """How many may begin to send."""
        if self._circuit.is_closed:
            return THREADS - len(self._going)
        is_to_be_tried = not self._circuit.is_resting(self._around.clock.now()) and not self._going
        return 1 if is_to_be_tried else 0

    def _send(self, message: Claimed) -> None:
        try:
            following: Claimed | None = message
            while following is not None:
                if self._rests():
                    self._give_back(following)
                    return
                following = self._settle(following, self._try(following))
        except Exception:
            # Whatever it was, the other threads go on; this message is free again when its lease runs out.
            _logger.exception("sms_thread_broke_off")

    def _rests(self) -> bool:
        """Whether the gateway failed, this thread or another, since the message was taken."""
        return self._circuit.is_resting(self._around.clock.now())

    def _give_back(self, message: Claimed) -> None:
        with self._around.transaction() as session:
            sms_queue.give_back(session, message)

    def _settle(self, message: Claimed, outcome: Outcome) -> Claimed | None:
        """In one transaction: write down how it went, and take the next unless we are to stop."""
        now = self._around.clock.now()
        with self._lock:
            self._done += 1
        # One after the other: all of them want the same message next, and would wait for each other in the database.
        with self._taking, self._around.transaction() as session:
            state = sms_queue.settle(session, message, outcome, now, _chance())
            following = [] if self._stopping.is_set() else sms_queue.claim(session, self._around.vault, now, 1)
        TEXTS.labels(outcome.called).inc()
        if outcome.error is not None:
            _logger.warning("sms_not_taken", sms_id=str(message.sms_id), error=outcome.error, state=state)
        return following[0] if following else None

    def _try(self, message: Claimed) -> Outcome:
        if message.trouble is not None:
            return Outcome(None, message.trouble)
        if message.mobile is None or message.text is None:
            return NO_NUMBER
        outcome = self._hand_over(message.mobile, message.text, str(message.sms_id))
        now = self._around.clock.now()
        with self._lock:
            self._circuit = self._circuit.failed(now) if outcome.away else self._circuit.answered(now)
        return outcome

    def _hand_over(self, mobile: Secret[str], text: Secret[str], reference: str) -> Outcome:
        try:
            self._around.sms_sender.send(mobile, text, reference)
        except NobodySends as error:
            return Outcome("no_gateway", str(error))
        except SmsRefused as error:
            return Outcome(None, str(error))
        except SmsFailed as error:
            return Outcome(None, str(error), away=True)
        return SENT
