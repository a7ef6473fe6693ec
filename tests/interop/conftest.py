"""The demo as it runs for a user, and the flows that other people's libraries play against it with Node."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_demo import SECONDS, demo, free_port, said_until

HERE = Path(__file__).parent
Seen = dict[str, Any]
Play = Callable[[str, str], Seen]


@dataclass(frozen=True)
class Demo:
    """A running demo. `wants_nonces`: whether each DPoP proof must hold the server's nonce."""

    access: Path
    wants_nonces: bool


@pytest.fixture(scope="session", params=[False, True], ids=["proofs", "proofs with nonces"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, once for a run without and once for a run with nonces."""
    data = tmp_path_factory.mktemp("demo")
    with demo(data, free_port(), TEGNEBOG_DPOP_NONCE_REQUIRED=str(request.param)) as process:
        said_until(process, "Ctrl-C")
        yield Demo(data / "access.json", request.param)
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


@pytest.fixture
def play(running: Demo) -> Play:
    """Play a flow of `NAME.mjs`; what it saw."""

    def play(name: str, flow: str) -> Seen:
        command = ["node", f"{name}.mjs", flow, str(running.access)]
        environment = {"PATH": os.environ["PATH"]}
        finished = subprocess.run(
            command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert finished.returncode == 0, finished.stderr
        seen: Seen = json.loads(finished.stdout)
        return seen

    return play
