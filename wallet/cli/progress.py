"""How far a long command has come: a bar on a terminal, a line now and then elsewhere; both on standard error."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_LINES: Final = 10  # at most, from the beginning to the end, where nobody watches


class Shown(Protocol):
    """What shows it."""

    def advance(self, by: int = 1) -> None:
        """So many more are done."""

    def say(self, line: str) -> None:
        """Something that must not be missed."""


@contextmanager
def progress(what: str, total: int) -> Iterator[Shown]:
    """Show how many of `total` are done, under the name of what is being done: `renewed`."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        yield _Lines(console, what, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar, bar.add_task(what, total=total))


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def advance(self, by: int = 1) -> None:
        self._bar.advance(self._task, by)

    def say(self, line: str) -> None:
        self._bar.console.print(line)


class _Lines:
    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console, self._what, self._total, self._done = console, what, total, 0

    def advance(self, by: int = 1) -> None:
        before, self._done = self._done, self._done + by
        if before * _LINES // max(self._total, 1) != self._done * _LINES // max(self._total, 1):
            self.say(f"{self._what}: {self._done:,} of {self._total:,}")

    def say(self, line: str) -> None:
        self._console.print(line)


@contextmanager
def stoppable() -> Iterator[None]:
    """A request to stop (SIGTERM) is heard as Ctrl-C is: between two cards, as far as they are concerned."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
