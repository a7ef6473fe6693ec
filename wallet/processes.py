"""The processes that the demo is made of: each in a session of its own, its output in a log, all ended together."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

STOP_SECONDS: Final = 10


class PortTaken(Exception):
    """A port that somebody else listens on; the message says which."""


def check_free(host: str, *ports: int) -> None:
    """Raise PortTaken where one is not: granian would share it, and each of two services get some of the requests."""
    for port in ports:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise PortTaken(f"port {port} cannot be used ({error.strerror}): choose another with --port") from error


class ProcessEnded(Exception):
    """A process that should be running is not; the message says which, and where its log is."""


class Processes:
    """Python modules run as processes. At the end of the `with` all of them end, with whatever they started."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._started: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Run a module under a name; what it prints goes to `name`.log, which its owner alone can read."""
        path = self._logs / f"{name}.log"
        path.touch(mode=0o600)
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the Ctrl-C that ends us is not for it, and its workers end with its group
            )
        self._started[name] = process, os.pidfd_open(process.pid)

    def wait(self, seconds: float | None = None) -> None:
        """Wait for that time, or for ever. Raises ProcessEnded as soon as one of them has ended."""
        ended, _, _ = select.select([pidfd for _, pidfd in self._started.values()], [], [], seconds)
        for name, (_, pidfd) in self._started.items():
            if pidfd in ended:
                raise ProcessEnded(f"the {name} ended: see {self._logs / name}.log")

    def wait_for(self, url: str, seconds: float) -> None:
        """Wait until an address answers well. Raises ProcessEnded, also when the time is up."""
        deadline = time.monotonic() + seconds
        while not _answers(url):
            if time.monotonic() > deadline:
                raise ProcessEnded(f"{url} did not answer in {seconds:.0f} s: see the logs in {self._logs}")
            self.wait(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, _ in self._started.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process, pidfd in self._started.values():
            select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the number is still this group's
            process.wait()
            os.close(pidfd)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).is_success
    return False
