"""End with the process that started this one, however that ended: no orphan keeps a port."""

import os
import select
import signal
import threading


def end_with_parent() -> None:
    """Watch the parent; when it is gone, ask this process to end, and after five seconds end it."""
    parent = os.pidfd_open(os.getppid())
    threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()


def _watch(parent: int) -> None:
    select.select([parent], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
    never = os.pidfd_open(os.getpid())
    select.select([never], [], [], 5)
    os.kill(os.getpid(), signal.SIGKILL)
