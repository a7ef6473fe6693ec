"""`python -m mobile_mock.broker` as a process: it says where it is, and it goes when it should."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
DEADLINE_SECONDS = 30


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    config = tmp_path / "broker.json"
    config.write_text(json.dumps({"issuer": "http://127.0.0.1:8081", "people": [], "clients": []}))
    return [sys.executable, "-m", "mobile_mock.broker", "--config", str(config), "--port", "0"]


@pytest.fixture
def process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_serves_where_it_says_and_ends_at_sigterm(process: subprocess.Popen[str]) -> None:
    issuer = first_line(process).split()[-1]
    assert httpx.get(f"{issuer}/.well-known/openid-configuration").json()["issuer"] == issuer
    process.terminate()
    assert process.wait(DEADLINE_SECONDS) == 0


def test_it_ends_with_its_parent(command: list[str]) -> None:
    parent = "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", parent, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        first_line(process)
        process.kill()
        # The pipe ends when the last process that holds it is gone: the broker.
        assert process.communicate(timeout=DEADLINE_SECONDS)[0] == ""


def test_a_wrong_configuration_names_the_field(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text(json.dumps({"issuer": "http://127.0.0.1:8081", "people": [{}]}))
    finished = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert finished.returncode == 1
    assert finished.stderr == "Error: people[0].mitid_uuid: a text is needed\n"
