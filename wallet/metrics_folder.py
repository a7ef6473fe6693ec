"""The folder in which several processes count together: granian's master makes it, for its workers and its relay.

It is locked for as long as the master lives. One that nobody holds any more was left by a master that was killed
(`kill -9`), and whoever starts next removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# prometheus-client keeps what several processes count in files of this folder; it looks when it is imported.
VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
PREFIX: Final = "tegnebog-counted-"


@contextmanager
def shared() -> Iterator[Path]:
    """A new folder, which the processes that are started now find by its variable; gone afterwards."""
    _remove_left()
    folder, held = _made()
    os.environ[VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _made() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        held = _locked(folder, wait=True)
        if held is None:
            continue
        if folder.exists():  # between its making and its lock somebody else may have removed it
            return folder, held
        os.close(held)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        held = _locked(folder)
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _locked(folder: Path, *, wait: bool = False) -> int | None:
    """The lock on a folder of our own; None where there is no such folder, or somebody has it."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(opened).st_uid == os.getuid():
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return opened
    except BlockingIOError:
        pass
    os.close(opened)
    return None
