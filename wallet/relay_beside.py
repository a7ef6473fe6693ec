"""A relay as a process beside the service (`wallet serve --relay`): started again when it dies, ended with the service.

It is a process and no thread, so that neither holds up the other, nor takes the other with it. Where the service itself
is killed, the relay sees that by itself (wallet/lifeline.py).
"""

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

import structlog

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
# Longer than a relay takes to stop by itself (wallet/serving.py).
END_SECONDS: Final = 10.0
COMMAND: Final = (sys.executable, "-m", "wallet", "relay", "--parent")
log: Final = structlog.get_logger()


class RelayBeside(AbstractContextManager["RelayBeside"]):
    """A relay that runs from the beginning of the `with` to its end, whatever becomes of its process meanwhile."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._stop = os.eventfd(0)
        self._keeper = threading.Thread(target=self._keep, name="relay beside", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.eventfd_write(self._stop, 1)
        self._keeper.join()
        os.close(self._stop)

    def _keep(self) -> None:
        # In a session of its own: a Ctrl-C that ends us is not for it, we end it.
        command = [*self._command, str(os.getpid())]
        pause = 0.0
        while not self._is_over(pause):
            began = time.monotonic()
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as relay:
                self._wait_for(relay)
                if self._is_over():
                    _end(relay)
                else:
                    log.error("relay_died", pid=relay.pid, status=relay.wait())
            pause = pause_after(pause, time.monotonic() - began)

    def _wait_for(self, relay: subprocess.Popen[bytes]) -> None:
        """Until it has ended, or is to end."""
        watched = os.pidfd_open(relay.pid)
        select.select([watched, self._stop], [], [])
        os.close(watched)

    def _is_over(self, seconds: float = 0) -> bool:
        """Whether the service ends, or does so within that time."""
        readable, _, _ = select.select([self._stop], [], [], seconds)
        return bool(readable)


def pause_after(pause: float, lived: float) -> float:
    """How long to wait before one is started again: twice as long as the last time, if it died young; seconds."""
    if lived > LONGEST_PAUSE_SECONDS:
        return FIRST_PAUSE_SECONDS
    return min(2 * pause or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)


def _end(relay: subprocess.Popen[bytes]) -> None:
    relay.terminate()
    try:
        relay.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        relay.kill()
