"""`wallet relay` as a process of its own, without the rest of `wallet`, which takes longest to start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from notifications.addresses import Guard
from notifications.relay import Relay
from notifications.sms import HttpGateway
from notifications.surroundings import Surroundings
from tokenization.clock import SystemClock
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet.database import Database


class Ahead:
    """The machine's clock, put forward: what a relay held that was killed is free at once for one of later."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return SystemClock().now() + self._by


@contextmanager
def running(command: list[str], *, ahead: timedelta = timedelta(0)) -> Iterator[subprocess.Popen[bytes]]:
    """A relay, killed at the end. `command` starts it, as `started_by` has it."""
    path = os.pathsep.join(filter(None, sys.path))
    command = [*command, str(ahead.total_seconds())]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def started_by(database_url: str, redis_url: str, ring_folder: Path, gateway_url: str) -> list[str]:
    """The command that starts one."""
    return [sys.executable, "-m", __name__, database_url, redis_url, str(ring_folder), gateway_url]


def main(database_url: str, redis_url: str, ring_folder: str, gateway_url: str, ahead_seconds: str) -> None:
    """Tell of all that happens, until killed."""
    clock = Ahead(timedelta(seconds=float(ahead_seconds)))
    ring, redis = FileKeyRing(Path(ring_folder), clock), Redis.from_url(redis_url)
    database = Database(sessionmaker(create_engine(database_url)), ring, lambda: None)
    guard, gateway = Guard(loopback_allowed=True), HttpGateway(gateway_url)
    around = Surroundings(lambda: database.transaction("relay"), redis, Vault(ring), clock, gateway, guard)
    with Relay(around, threads=4) as relay:
        relay.run(Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
