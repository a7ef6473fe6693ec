"""An installation of its own, whose service and PostgreSQL are killed: real processes, and what is written is kept."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final, cast
from uuid import UUID

import httpx
from sqlalchemy import NullPool, create_engine, select, text

from tests.integration.test_demo import ENVIRONMENT, WALLET, ended, free_port, started_by
from tests.world import World
from tokenization.clock import SetClock, SystemClock
from tokenization.keys import ceremonies
from wallet import app, database, embedded
from wallet.payments.models import Account
from wallet.settings import Settings

HOUSEHOLDS: Final = 4  # each with an account and two cards
MONEY: Final = 10**9
SECONDS: Final = 120
WORKERS: Final = 2
_BUSY: Final = text("""
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY state = 'idle', random()
""")


def until(condition: Callable[[], bool], *, every: float = 0.05) -> None:
    """Wait for it, and look after so many seconds again. Raises AssertionError where it does not come."""
    deadline, pause = monotonic() + SECONDS, Event()
    while not condition():
        assert monotonic() < deadline, "it did not come to that"
        pause.wait(every)


@dataclass
class Installation:
    """PostgreSQL, Redis and `wallet serve`; in here the parts to look with, and people with cards."""

    data: Path
    postgres: embedded.Server
    settings: Settings
    port: int
    world: World = field(init=False)
    cards: list[dict[str, str]] = field(init=False)
    opened_with: dict[UUID, int] = field(init=False)
    service: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        ceremonies.create(self.settings.key_ring, SystemClock().now())
        database.migrate(self.settings)
        parts = app.wire(self.settings)
        self.world = World(parts, cast(SetClock, parts.clock))
        self.cards = [card for _ in range(HOUSEHOLDS) for card in self._household()]
        with parts.database.reading() as session:
            self.opened_with = {row.account_id: row.balance_minor for row in session.scalars(select(Account))}
        self.serve()

    def _household(self) -> list[dict[str, str]]:
        holder = {"cardholder_id": self.world.person("anna")["cardholder_id"]}
        account = self._bank("/accounts", holder | {"currency": "DKK", "balance": MONEY, "overdraft_limit": 0})
        owner = holder | {"account_id": account["id"], "scheme": "visa_dankort"}
        issued = [self._bank("/cards", owner) for _ in range(2)]
        return [{name: card[name] for name in ("number", "expiry", "cvc")} for card in issued]

    def _bank(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.world.machine("issuer").request("POST", f"/v1/issuer{path}", body)
        assert answer.status_code == 201, answer.text
        return cast(dict[str, Any], answer.json())

    def serve(self) -> None:
        """Start the service, and wait until it answers."""
        how = ("--port", str(self.port), "--workers", str(WORKERS), "--threads", "64", "--parent", str(os.getpid()))
        with (self.data / "service.log").open("ab") as log:
            self.service = subprocess.Popen(
                [*WALLET, "serve", *how],
                env=ENVIRONMENT | environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, every=0.2)
        until(lambda: len(self.workers()) == WORKERS, every=0.2)

    def _answers(self) -> bool:
        assert self.service.poll() is None, (self.data / "service.log").read_text()[-4000:]
        try:
            return httpx.get(f"{self.settings.public_url}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def workers(self) -> list[int]:
        """The processes that granian's master has started to answer."""
        started = started_by(self.service.pid)
        return [pid for pid in started if b"spawn_main" in _command(pid)]

    def kill_worker(self) -> None:
        """One of the service's workers; the master starts another."""
        killed = self.workers()[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in (left := self.workers()) and len(left) == WORKERS, every=0.2)

    def kill_master(self) -> None:
        """The service's first process, whose workers end then; and start it anew."""
        workers = self.workers()
        self.service.kill()
        self.service.wait()
        assert ended(workers)
        self.serve()

    def kill_backend(self) -> None:
        """A process of PostgreSQL in which a transaction runs: it ends all others then, and recovers."""
        with self.world.parts.database.reading() as session:
            killed = session.scalars(_BUSY).first()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(self._has_recovered)

    def kill_postmaster(self) -> None:
        """All of PostgreSQL; and start it anew."""
        self.postgres.kill()
        self.postgres = embedded.start_postgres(self.data)
        until(self._has_recovered)

    def _has_recovered(self) -> bool:
        self.world.parts.database.close()
        return httpx.get(f"{self.settings.public_url}/readyz", trust_env=False).is_success

    def set_up(self, changed: dict[str, str]) -> None:
        """Change these settings of PostgreSQL, and no others, from now on."""
        url = self.settings.database_url.get_secret_value()
        with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
            connection.execute(text("ALTER SYSTEM RESET ALL"))
            for name, value in changed.items():
                connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
            connection.execute(text("SELECT pg_reload_conf()"))

    def stop(self) -> None:
        """End what was started."""
        os.killpg(self.service.pid, signal.SIGKILL)
        self.service.wait()
        self.world.parts.database.close()
        self.postgres.stop()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def environment(settings: Settings) -> dict[str, str]:
    """The settings, for the service."""
    return {
        "TEGNEBOG_DATABASE_URL": settings.database_url.get_secret_value(),
        "TEGNEBOG_REDIS_URL": settings.redis_url.get_secret_value(),
        "TEGNEBOG_KEY_RING": str(settings.key_ring),
        "TEGNEBOG_PUBLIC_URL": settings.public_url,
    }


@contextmanager
def installed(data: Path) -> Iterator[Installation]:
    """One in that folder, which keeps what it has acknowledged."""
    port = free_port()
    with embedded.start_redis(data) as redis:
        postgres = embedded.start_postgres(data)
        settings = Settings(
            database_url=postgres.url,
            redis_url=redis.url,
            key_ring=data / "keys",
            public_url=f"http://127.0.0.1:{port}",
            loopback_allowed=True,
        )
        made = Installation(data, postgres, settings, port)
        yield made
        made.stop()
