"""The demo as its own processes: it plays the whole story, stays up, and leaves nothing behind however it ends."""

import json
import os
import re
import select
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from click.testing import CliRunner

from wallet import cli

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("TEGNEBOG_")},
    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    "COLUMNS": "80",
}
WALLET = (sys.executable, "-m", "wallet")
SECONDS = 120
NUMBER = re.compile(r"(?<![0-9])92089[01][0-9]{10}(?![0-9])")


def free_port() -> int:
    """The first of two that nobody has."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def started_by(pid: int) -> list[int]:
    """The processes that a process started, those that they started, and so on."""
    parents = {int(path.parent.name): _parent(path) for path in Path("/proc").glob("[0-9]*/stat")}
    direct = [child for child, parent in parents.items() if parent == pid]
    return direct + [each for child in direct for each in started_by(child)]


def _parent(path: Path) -> int:
    fields = _read(path).rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def about(data: Path) -> list[int]:
    """The processes in whose arguments a data folder stands."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if str(data) in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def ended(pids: list[int]) -> bool:
    """Whether all of them end before the deadline; waits for the ends themselves."""
    for pid in pids:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        readable, _, _ = select.select([process], [], [], SECONDS)
        os.close(process)
        if not readable:
            return False
    return True


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def demo(data: Path, port: int, *more: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`wallet demo`, started."""
    command = [*WALLET, "demo", "--data", str(data), "--port", str(port), *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, text=True, env=ENVIRONMENT | environment, **pipes) as process:  # type: ignore[call-overload]  # pipes are what it takes
        try:
            yield process
        finally:
            process.kill()


def said_until(process: subprocess.Popen[str], last: str) -> str:
    """What it says, up to a line with that in it."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if last in line:
            return said
    raise AssertionError(f"it ended without saying so: {said}")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of `wallet`, to its end."""
    return subprocess.run(
        [*WALLET, *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT | environment,
        timeout=SECONDS,
        check=False,
    )


def leaves_nothing(data: Path, port: int, *pids: int) -> bool:
    """Whether no process is left in the end, and both ports are free."""
    assert ended([*pids, *about(data)])
    assert about(data) == []
    assert is_free(port)
    assert is_free(port + 1)
    return True


def test_the_whole_story_holds(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    finished = run("demo", "--check", "--data", str(data), "--port", str(port))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "8 of 8 steps" in finished.stdout
    assert "✗" not in finished.stdout
    assert finished.stderr == ""
    assert not [line for line in finished.stdout.splitlines() if line.startswith("/")]  # no path is broken off
    assert NUMBER.search(finished.stdout) is None
    for log in data.glob("*.log"):
        assert NUMBER.search(log.read_text()) is None, log
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    for line in (data / "service.log").read_text().splitlines():
        assert json.loads(line)["level"] == "info", line
    assert leaves_nothing(data, port)


def test_the_whole_story_holds_at_a_bank_that_wants_pushed_requests_and_nonces(tmp_path: Path) -> None:
    strict = {"TEGNEBOG_DPOP_NONCE_REQUIRED": "true", "TEGNEBOG_PAR_REQUIRED": "true"}
    finished = run("demo", "--check", "--data", str(tmp_path / "data"), "--port", str(free_port()), **strict)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "400  POST /oauth/par  use_dpop_nonce" in finished.stdout
    assert "8 of 8 steps" in finished.stdout


def test_a_story_that_does_not_hold_ends_with_1_and_says_where(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    claims = {"TEGNEBOG_BROKER__CLAIMS__UUID": "not.what.the.broker.calls.it"}
    finished = run("demo", "--check", "--data", str(data), "--port", str(port), **claims)
    assert finished.returncode == 1
    assert "✗ stopped" in finished.stdout
    assert "of 8 steps" in finished.stdout
    assert str(data) in finished.stderr
    assert leaves_nothing(data, port)


def test_it_stays_up_stops_when_told_and_goes_on_from_where_it_was(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with demo(data, port) as process:
        said = said_until(process, "Ctrl-C")
        access = tells_an_outside_program_what_it_needs(data, port)
        says_where_to_look(said, access)
        gives_a_token_for_curl(data, access)
        says_what_other_commands_need(data)
        keeps_its_ports_to_itself(data, port)
        pids = started_by(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert leaves_nothing(data, port, *pids)
    other = free_port()
    with demo(data, other) as process:
        said_until(process, "Ctrl-C")
        again = tells_an_outside_program_what_it_needs(data, other)
        moved = dict.fromkeys(("base_url", "broker_url", "sms_url"))
        assert again | moved == access | moved
        pids = started_by(process.pid)
        assert len(pids) >= 7  # PostgreSQL and its helpers, Redis, the broker, the service and two workers, the relay
        process.kill()
        assert leaves_nothing(data, other, *pids)


def tells_an_outside_program_what_it_needs(data: Path, port: int) -> dict[str, Any]:
    path = data / "access.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    access: dict[str, Any] = json.loads(path.read_text())
    assert access["base_url"] == f"http://127.0.0.1:{port}"
    assert access["broker_url"] == f"http://127.0.0.1:{port + 1}"
    assert access["sms_url"] == f"http://127.0.0.1:{port + 1}/sms"
    for name in ("anna", "bo"):
        assert access["people"][name].keys() >= {"name", "mitid_uuid", "cpr", "card_id", "card"}
        assert access["people"][name]["card"].keys() == {"number", "expiry", "cvc"}
    assert access["people"]["emil"].keys() == {"name", "birthdate"}
    assert access["wallet_app"].keys() == {"client_id", "redirect_uri"}
    assert access["child_app"].keys() == {"client_id"}
    assert access["machines"].keys() == {"issuer", "network", "provider", "merchant"}
    for machine in access["machines"].values():
        assert machine["private_jwk"].keys() >= {"kty", "crv", "kid", "x", "y", "d"}
    assert access["machines"]["merchant"]["merchant_id"]
    return access


def says_where_to_look(said: str, access: dict[str, Any]) -> None:
    places = (access["base_url"] + "/docs", access["broker_url"], access["sms_url"])
    for part in (*places, "access.json", "token issuer --data", "Anna"):
        assert part in said
    assert NUMBER.search(said) is None


def gives_a_token_for_curl(data: Path, access: dict[str, Any]) -> None:
    printed = run("token", "issuer", "--data", str(data))
    assert printed.returncode == 0, printed.stderr
    headers = {"Authorization": f"Bearer {printed.stdout.strip()}", "X-Actor": quote("Mette i Spærreservice")}
    answer = httpx.get(f"{access['base_url']}/v1/issuer/policies", headers=headers)
    assert answer.status_code == 200, answer.text


def says_what_other_commands_need(data: Path) -> None:
    path = data / "environment"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = dict(shlex.split(line)[0].partition("=")[::2] for line in path.read_text().splitlines())
    listed = run("keys", "list", "--json", **settings)
    assert {each["state"] for each in json.loads(listed.stdout)} == {"current"}


def keeps_its_ports_to_itself(data: Path, port: int) -> None:
    for taken in (port, port - 1):
        refused = refusal("demo", "--data", str(data.parent / "other"), "--port", str(taken))
        assert f"port {port} " in refused
        assert "--port" in refused
        assert not (data.parent / "other").exists()
    assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200


def refusal(*arguments: str) -> str:
    """What a command says that does nothing; run in this process, which takes no time."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        result = CliRunner().invoke(cli.main, arguments)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: ") or "\nError: " in result.output
    return result.output


def test_it_can_be_interrupted_while_it_starts(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with demo(data, port) as process:
        said_until(process, "the relay start")
        pids = started_by(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
        assert leaves_nothing(data, port, *pids)


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert f"{file} cannot be used" in refusal("demo", "--data", str(file), "--port", str(free_port()))


def test_the_check_wants_a_fresh_folder(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("")
    assert "not empty" in refusal("demo", "--check", "--data", str(tmp_path), "--port", str(free_port()))
    assert [path.name for path in tmp_path.iterdir()] == ["something"]
