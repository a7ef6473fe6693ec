"""A relay beside the service: when it is started again, and that it ends with the service."""

import os
import sys
from pathlib import Path

import pytest

from wallet.relay_beside import LONGEST_PAUSE_SECONDS, RelayBeside, pause_after

STAYS = "import os, signal, sys; open(sys.argv[1], 'w').write(f'{os.getpid()} {sys.argv[2]}'); signal.pause()"


def test_one_that_dies_young_comes_again_later_each_time_up_to_a_minute() -> None:
    pauses = [0.0]
    while pauses[-1] < LONGEST_PAUSE_SECONDS:
        pauses.append(pause_after(pauses[-1], lived=2))
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60]
    assert pause_after(60, lived=2) == 60


@pytest.mark.parametrize("pause", [0.0, 1.0, 60.0])
def test_one_that_lived_comes_again_at_once(pause: float) -> None:
    assert pause_after(pause, lived=3_600) == 1


def test_it_knows_its_parent_and_ends_when_the_service_does(tmp_path: Path) -> None:
    said = tmp_path / "said"
    os.mkfifo(said)
    with RelayBeside((sys.executable, "-S", "-c", STAYS, str(said))):
        pid, parent = map(int, said.read_text().split())
        assert parent == os.getpid()
        assert os.getsid(pid) == pid  # a Ctrl-C that is for the service does not reach it
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
