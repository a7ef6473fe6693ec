"""Whose CPU it was: seconds of processes with all that they started, out of /proc."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.stage import Failed, Stage

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def roots(stage: Stage, port: int) -> dict[str, int]:
    """The processes that a payment over that port keeps busy."""
    return {
        "service": _child("wallet", "serve", "--port", str(port)),
        "PostgreSQL": postgresql(stage),
        "Redis": int(stage.parts.redis.info("server")["process_id"]),
        "relay": _child("wallet", "relay"),
    }


def postgresql(stage: Stage) -> int:
    """The first of PostgreSQL's processes."""
    return _child("-D", str((stage.data / "postgres").absolute()))


def used(pids: dict[str, int]) -> dict[str, float]:
    """Seconds that each has used so far with its children and their children, also those that ended."""
    seen = _processes()
    return {name: sum(seen[each][1] for each in _tree(seen, pid)) for name, pid in pids.items()}


def children(pid: int) -> list[int]:
    """The processes that it started."""
    return [each for each, (parent, _) in _processes().items() if parent == pid]


def _processes() -> dict[int, tuple[int, float]]:
    return {int(each.name): stat for each in _PROC.iterdir() if each.name.isdigit() and (stat := _stat(each))}


def _tree(seen: dict[int, tuple[int, float]], pid: int) -> Iterable[int]:
    yield pid
    for child, (parent, _) in seen.items():
        if parent == pid:
            yield from _tree(seen, child)


def _stat(process: Path) -> tuple[int, float] | None:
    """Its parent, and its seconds with those of its children that ended (proc_pid_stat(5)); None if it has ended."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS


def find(*words: str) -> list[int]:
    """The processes that we started with those words in their command line."""
    said = {pid: (_PROC / str(pid) / "cmdline").read_bytes().decode().split("\0") for pid in children(os.getpid())}
    return [pid for pid, line in said.items() if set(words) <= set(line)]


def _child(*words: str) -> int:
    found = find(*words)
    if not found:
        raise Failed(f"no process of ours is {' '.join(words)}")
    return found[0]
