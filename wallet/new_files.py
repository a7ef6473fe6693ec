"""Files that others read: each appears whole under its name, on the disk, and never takes another's place."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def draft(path: Path) -> Iterator[tuple[IO[str], Callable[[], None]]]:
    """A file to write, of mode 0600, that gets its name when it is finished, and is gone if it isn't.

    Raises OSError, and FileExistsError where there is one of that name.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".draft")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:

            def finish() -> None:
                file.flush()
                os.fsync(file.fileno())
                os.link(name, path)
                _sync(path.parent)

            yield file, finish
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """A name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
