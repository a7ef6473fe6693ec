"""The stage that sends text messages, in threads of its own: no transaction is open while the gateway is spoken to."""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import structlog

from notifications import sms
from notifications.sms import Claimed
from notifications.surroundings import Surroundings

THREADS: Final = 4
_logger: Final = structlog.get_logger(__name__)
_chance: Final = secrets.SystemRandom().random


class Texting:
    """Each thread sends one message after the other, and takes the next where it writes down how the last one went: so
    what is urgent never waits behind a batch.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._pool = ThreadPoolExecutor(THREADS, "texting")
        self._going: list[Future[int]] = []

    def turn(self) -> bool:
        """Begin to send what is due. Never more at once: the threads go on until nothing is left."""
        self._going = [each for each in self._going if not each.done()]
        free = THREADS - len(self._going)
        if free:
            with self._around.transaction() as session:
                taken = sms.claim(session, self._around.vault, self._around.clock.now(), free)
            self._going += [self._pool.submit(self._send, message) for message in taken]
        return False

    def finish(self) -> int:
        """Wait for what was begun; how many messages were looked after."""
        going, self._going = self._going, []
        return sum(each.result() for each in going)

    def close(self) -> None:
        """Wait for what is under way, and begin no more."""
        self._pool.shutdown(cancel_futures=True)

    def _send(self, first: Claimed) -> int:
        message: Claimed | None = first
        count = 0
        while message is not None:
            error = self._try(message)
            count += 1
            message = self._settle(message, error)
        return count

    def _settle(self, message: Claimed, error: str | None) -> Claimed | None:
        """In one transaction: write down how it went, and take the next."""
        now = self._around.clock.now()
        with self._around.transaction() as session:
            sms.settle(session, message, error, now, _chance())
            session.flush()
            following = sms.claim(session, self._around.vault, now, 1)
        return following[0] if following else None

    def _try(self, message: Claimed) -> str | None:
        if message.mobile is None:
            return message.trouble
        try:
            self._around.sms_sender.send(message.mobile, message.text, str(message.sms_id))
        except sms.SmsFailed as error:
            _logger.warning("sms_not_taken", sms_id=str(message.sms_id), error=str(error))
            return str(error)
        return None
