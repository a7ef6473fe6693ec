"""Relays as a bank runs them: `wallet relay`, each a process of its own."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

from bench import processor
from bench.stage import Failed, Stage

START_SECONDS: Final = 60
STOP_SECONDS: Final = 30
STARTED: Final = '"relay_started"'  # as it logs once it works


@dataclass(frozen=True)
class Running:
    """One of them, and where it logs."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_started(self) -> None:
        """Until it works. Raises Failed if it ends instead, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while STARTED not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"a relay did not start: {self.log.read_text()[-500:]}")
            Event().wait(0.1)


@dataclass
class Relays:
    """Those that run, the eldest first. `changed` are settings of theirs."""

    stage: Stage
    changed: Mapping[str, str]
    running: list[Running] = field(default_factory=list)
    started: int = 0

    @property
    def pids(self) -> list[int]:
        """Their numbers."""
        return [each.process.pid for each in self.running]

    def start(self) -> None:
        """One more."""
        own = dict(line.split("=", 1) for line in shlex.split((self.stage.data / "environment").read_text()))
        self.started += 1
        path = self.stage.data / f"relay-{os.getpid()}-{self.started}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "wallet", "relay", "--parent", str(os.getpid())],
                env={**os.environ, **own, **self.changed},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.running.append(Running(process, path))

    def kill_eldest(self) -> None:
        """SIGKILL, while it works: it can neither finish anything nor let go of it."""
        eldest = self.running[0]
        eldest.wait_until_started()
        eldest.process.kill()
        eldest.process.wait()
        self.running.pop(0)

    def end(self) -> None:
        """All of them, in order."""
        for each in self.running:
            each.process.terminate()
        for each in self.running:
            try:
                each.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()


@contextmanager
def relays(stage: Stage, count: int, gateway: str) -> Iterator[Relays]:
    """So many, instead of the demo's own, and with that SMS gateway."""
    end_the_demos()
    made = Relays(stage, {"TEGNEBOG_SMS_GATEWAY_URL": gateway})
    try:
        for _ in range(count):
            made.start()
        for each in made.running:
            each.wait_until_started()
        yield made
    finally:
        made.end()


def end_the_demos() -> None:
    """The demo has a relay, which would be one more; it is ended once, in order."""
    for pid in processor.find("wallet", "relay"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # whoever started it asks how it ended, too
