"""End with the process that started this one, however that ended: no orphan keeps a port."""

import os
import select
import signal
import threading
from typing import Final

GRACE_SECONDS: Final = 5


def end_with(parent: int) -> None:
    """Watch the process that started this one; when it is gone, ask this one to end, and after a while end it."""
    try:
        watched = os.pidfd_open(parent)
    except ProcessLookupError:
        raise SystemExit("the process that started this one is gone") from None
    if os.getppid() != parent:  # it was gone before we looked, and its number is another's by now
        raise SystemExit("the process that started this one is gone")
    threading.Thread(target=_watch, args=(watched,), name="lifeline", daemon=True).start()


def _watch(watched: int) -> None:
    select.select([watched], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
    never = os.pidfd_open(os.getpid())
    select.select([never], [], [], GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
