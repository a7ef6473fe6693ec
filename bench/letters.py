"""What is told, as those see it who are told: a receiver in a process of its own (receiver.py), and what came there."""

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

from standardwebhooks import Webhook

from bench.load import percentile
from bench.stage import Failed

LOOKED_AT_SECONDS: Final = 0.2
Arrived = tuple[float, str, str, str]  # time, path, webhook-id, what it was about


@dataclass(frozen=True)
class Told:
    """How those were told who were to be: `waits` are seconds from publishing to arrival, in order; `lost` never came,
    `again` came once more under the same webhook-id, `twice` under another.
    """

    waits: list[float]
    elapsed: float
    lost: int
    again: int
    twice: int

    @property
    def per_second(self) -> float:
        """How many, from the first that was published to the last that arrived."""
        return len(self.waits) / self.elapsed

    def milliseconds(self, percent: float) -> float:
        """A percentile of the waits."""
        return percentile(self.waits, percent) * 1000

    @property
    def note(self) -> str:
        """p50, the longest, and how many came once more."""
        return f"p50 {self.milliseconds(50):,.0f} ms, max {self.milliseconds(100):,.0f} ms; {self.again} came again"


def compared(published: Mapping[str, float], arrived: Sequence[Arrived]) -> Told:
    """What arrived, against what was to arrive: of each thing to be told when it was published. Raises Failed where
    nothing came.
    """
    came, ids = dict[str, float](), defaultdict[str, list[str]](list)
    for at, _, webhook_id, about in arrived:
        if about in published:
            came[about] = min(at, came.get(about, at))
            ids[about].append(webhook_id)
    if not came:
        raise Failed("nobody was told anything")
    return Told(
        waits=sorted(at - published[about] for about, at in came.items()),
        elapsed=max(came.values()) - min(published.values()),
        lost=len(published) - len(came),
        again=sum(len(each) - len({*each}) for each in ids.values()),
        twice=sum(len({*each}) - 1 for each in ids.values()),
    )


@dataclass(frozen=True)
class Seen:
    """What came: webhooks, and text messages by their references."""

    webhooks: list[Arrived]
    texts: list[tuple[float, str]]


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, path: str) -> str:
        """An address of it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_for(self, what: str, count: int, patience_seconds: float) -> int:
        """Until so many different `webhooks` or `texts` came, or none more for so long. How many did."""
        came, since = 0, time.monotonic()
        while came < count and time.monotonic() - since < patience_seconds:
            Event().wait(LOOKED_AT_SECONDS)
            if (now := self._ask("counts")[what]) != came:
                came, since = now, time.monotonic()
        return came

    def take(self, secrets: Mapping[str, str]) -> Seen:
        """What came, which it then forgets; the signatures of a sample are held against the secret of each path.

        Raises Failed.
        """
        seen = self._ask("all")
        for path, headers, content in seen["sample"]:
            if not is_signed(secrets[path], headers, content):
                raise Failed(f"a webhook to {path} is not signed as it should be")
        return Seen([(at, path, webhook_id, what) for at, path, webhook_id, what in seen["webhooks"]], seen["texts"])

    def hang_up(self) -> int:
        """End all calls that it has not answered; how many there were."""
        return int(self._ask("hang up"))

    def _ask(self, what: str) -> Any:
        if self.process.stdin is None or self.process.stdout is None or self.process.poll() is not None:
            raise Failed("the receiver ended: see what it said above")
        self.process.stdin.write(what.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def is_signed(secret: str, headers: Mapping[str, str], content: str) -> bool:
    """Whether that is the signature, at the time that it names: a run may last longer than a receiver would accept."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(headers["webhook-id"], at, content) in headers["webhook-signature"].split()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, which ends afterwards."""
    command = [sys.executable, "-m", "bench.receiver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None:
                raise Failed("the receiver has no output")
            yield Receiver(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()
