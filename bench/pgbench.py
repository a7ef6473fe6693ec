"""PostgreSQL alone: what a payment of ours reads and writes (pgbench.sql), done by the pgbench of the wheel."""

import re
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from bench.stage import Failed, Stage
from wallet import embedded

SCRIPT: Final = Path(__file__).with_name("pgbench.sql")
CLIENTS, THREADS = 8, 2
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED: Final = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


def run(stage: Stage, able: int, seconds: int) -> tuple[float, int]:
    """Transactions a second, and how many there were. Raises Failed where one failed."""
    url = make_url(stage.parts.settings.database_url.get_secret_value())
    server = ["-h", str(url.query["host"]), "-p", str(url.query["port"]), "-U", str(url.username), str(url.database)]
    load = ["-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds), "-n"]
    command = [embedded.postgres_binary("pgbench"), *load, "-f", str(SCRIPT), "-D", f"able={able}", *server]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode or not (tps := _TPS.search(made.stdout)) or not (done := _DONE.search(made.stdout)):
        raise Failed(f"pgbench failed: {made.stderr.strip()}")
    if (failed := _FAILED.search(made.stdout)) and int(failed[1]):
        raise Failed(f"{failed[1]} transactions of pgbench failed")
    return float(tps[1]), int(done[1])
