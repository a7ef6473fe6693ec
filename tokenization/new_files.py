"""Files that others read: each appears whole under its name, on the disk, so that nobody ever reads half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol


class Finish(Protocol):
    """Gives the file its name."""

    def __call__(self, *, replace: bool = False) -> None:
        """Raises OSError, and FileExistsError where there is one of that name, unless it may be replaced."""


@contextmanager
def draft(path: Path) -> Iterator[tuple[IO[str], Finish]]:
    """A file of mode 0600 that gets its name when it is finished, and is gone if it isn't. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".draft")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:

            def finish(*, replace: bool = False) -> None:
                file.flush()
                os.fsync(file.fileno())
                if replace:
                    Path(name).replace(path)
                else:
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
