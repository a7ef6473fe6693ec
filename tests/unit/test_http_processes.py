"""Processes that belong together: watched together, ended together, whatever they do about it."""

import gc
import os
import select
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from wallet import serving
from wallet.processes import PortTaken, ProcessEnded, Processes, check_free

MODULES = {
    "quiet": "import signal; print('here', flush=True); signal.pause()",
    "stubborn": """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        print(worker.pid, flush=True)
        signal.pause()
    """,
    "brief": "print('I cannot', flush=True)",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which the modules above are found."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
    return {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}


def said(log: Path, processes: Processes) -> str:
    """The first line of a log, as soon as there is one."""
    while "\n" not in log.read_text():
        processes.wait(0.01)
    return log.read_text().splitlines()[0]


def test_what_they_print_is_in_logs_that_only_their_owner_reads(tmp_path: Path, environment: dict[str, str]) -> None:
    with Processes(tmp_path, environment) as processes:
        processes.start("one", "quiet")
        assert said(tmp_path / "one.log", processes) == "here"
    assert (tmp_path / "one.log").stat().st_mode & 0o777 == 0o600


def test_one_that_ends_by_itself_is_named_with_its_log(tmp_path: Path, environment: dict[str, str]) -> None:
    with Processes(tmp_path, environment) as processes:
        processes.start("service", "quiet")
        processes.start("relay", "brief")
        with pytest.raises(ProcessEnded, match=f"the relay ended: see {tmp_path}/relay.log"):
            processes.wait()


def test_an_address_that_never_answers_is_given_up(tmp_path: Path, environment: dict[str, str]) -> None:
    with Processes(tmp_path, environment) as processes:
        processes.start("service", "quiet")
        with pytest.raises(ProcessEnded, match="did not answer in 0 s"):
            processes.wait_for("http://127.0.0.1:1/", 0)


def test_one_that_ends_while_it_is_waited_for_is_noticed_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    with Processes(tmp_path, environment) as processes:
        processes.start("service", "brief")
        with pytest.raises(ProcessEnded, match="the service ended"):
            processes.wait_for("http://127.0.0.1:1/", 60)


def test_one_that_will_not_end_is_killed_with_what_it_started(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.processes.STOP_SECONDS", 0.1)
    with Processes(tmp_path, environment) as processes:
        processes.start("service", "stubborn")
        worker = os.pidfd_open(int(said(tmp_path / "service.log", processes)))
        assert select.select([worker], [], [], 0)[0] == []
    assert select.select([worker], [], [], 10)[0] == [worker]
    os.close(worker)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on and would share."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_that_somebody_would_share_is_taken(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken} cannot be used"):
        check_free("127.0.0.1", taken)


def test_a_port_that_nobody_has_is_free(taken: int) -> None:
    check_free("127.0.0.1")
    check_free("127.0.0.2", taken)


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector of garbage, as it was before."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_what_a_worker_made_at_its_start_is_not_looked_through_again() -> None:
    began_with: list[object] = [[]]
    serving.settle()
    assert gc.get_freeze_count() > 0
    assert not any(each is began_with for each in gc.get_objects())
