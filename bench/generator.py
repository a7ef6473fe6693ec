"""Load on the service, from a process of its own (load.py), and what it saw."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.load import LATE_SECONDS, WHOLE_SECONDS, percentile
from bench.stage import Failed, Stage

PATH = "/v1/network/authorizations"
START_SECONDS = 30


@dataclass(frozen=True)
class Run:
    """One run. `took` are seconds, at least so many for what was never sent, since it never came to be its turn; `late`
    were sent well after their moment, the last of them by `latest` seconds.
    """

    elapsed: float
    cpu: float
    took: list[float]
    late: int
    latest: float
    never_sent: int
    approved: int
    wrong: list[str]

    @property
    def per_second(self) -> float:
        """How many were answered in a second."""
        return self.answered / self.elapsed

    @property
    def answered(self) -> int:
        """How many were."""
        return len(self.took) - self.never_sent

    @cached_property
    def _ordered(self) -> list[float]:
        return sorted(self.took)

    def milliseconds(self, percent: float) -> float:
        """A percentile of the times."""
        return percentile(self._ordered, percent) * 1000

    @property
    def note(self) -> str:
        """p50, p99 and the longest; how many were approved."""
        p50, p99, longest = (self.milliseconds(percent) for percent in (50, 99, 100))
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {longest:.0f} ms; {self.approved:,} approved"

    @property
    def punctuality(self) -> str:
        """How many were not sent in time."""
        late = f"{self.late} sent over {LATE_SECONDS * 1000:.0f} ms late, at most {self.latest * 1000:.0f} ms"
        return f"{late}; {self.never_sent} never"


def send(
    stage: Stage, bodies: Sequence[bytes], connections: int, *, rate: float | None = None, port: int | None = None
) -> Run:
    """Authorise them all: as fast as they are answered, or so many a second. Raises Failed unless all are approved."""
    plan = {
        "port": port or stage.port,
        "path": PATH,
        "token": stage.machine_token("network"),
        "connections": connections,
        "rate": rate,
    }
    made = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=b"\n".join([json.dumps(plan).encode(), *bodies]),
        stdout=subprocess.PIPE,
        timeout=WHOLE_SECONDS + START_SECONDS,
        check=False,
    )
    if made.returncode:
        raise Failed("the load generator failed: see what it said above")
    run = Run(**json.loads(made.stdout))
    if run.wrong:
        raise Failed(f"{run.answered - run.approved} of {run.answered} were not approved, such as {run.wrong[0]}")
    return run
