"""The launcher against real servers: it starts them, keeps what they hold, and leaves none behind."""

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import NullPool, Row, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from wallet import embedded
from wallet.embedded import EmbeddedServerError, create_database, drop_database, running, start_postgres, start_redis

DEADLINE_SECONDS = 20

OWNER = """
import signal, sys
from pathlib import Path
from wallet.embedded import start_postgres, start_redis

data = Path(sys.argv[1])
print(start_postgres(data, fast=True).pid, start_redis(data).pid, flush=True)
signal.pause()
"""


def query(url: str, statement: str) -> Row[Any] | None:
    """The first row, if the statement has any; over a connection of its own."""
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        result = connection.execute(text(statement))
        return result.first() if result.returns_rows else None


def ended(pid: int) -> bool:
    """Whether the process ends before the deadline; waits for the end itself."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([process], [], [], DEADLINE_SECONDS)
    os.close(process)
    return bool(readable)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first start."""
    folder = tmp_path_factory.mktemp("embedded") / "made"
    with running(folder, fast=True):
        return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A data folder of one's own, without the time that a first start takes."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.fixture
def owner(data: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", OWNER, data], stdout=subprocess.PIPE, text=True)
    with process:
        yield process
        process.kill()


def test_both_servers_answer_and_end_with_the_block(data: Path) -> None:
    with running(data, fast=True) as servers:
        assert query(servers.database_url, "SELECT current_user, version() ~ '^PostgreSQL 18'") == ("tegnebog", True)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.set("a", "b")
            assert client.config_get("save") == {"save": ""}
    with pytest.raises(OperationalError):
        query(servers.database_url, "SELECT 1")
    with redis.Redis.from_url(servers.redis_url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_the_database_is_durable_unless_asked_to_be_fast(data: Path) -> None:
    durability = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    with start_postgres(data) as server:
        assert query(server.url, durability) == ("on", "on")
    with start_postgres(data, fast=True) as server:
        assert query(server.url, durability) == ("off", "off")


def test_the_database_speaks_utf_8_whatever_the_locale_of_the_machine(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "da_DK.ISO-8859-1")
    with start_postgres(data, fast=True) as server:
        assert query(server.url, "SHOW server_encoding") == ("UTF8",)
        assert query(server.url, "SELECT upper('rødgrød')") == ("RØDGRØD",)


def test_nobody_else_can_reach_the_servers(data: Path) -> None:
    with running(data, fast=True) as servers:
        assert query(servers.database_url, "SHOW listen_addresses") == ("",)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.config_get("port") == {"port": "0"}
        sockets = data / "run"
        assert {path.name for path in sockets.iterdir()} >= {".s.PGSQL.5432", "redis.sock"}
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700


def test_a_second_start_in_the_same_folder_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "TAKE_OVER_SECONDS", 0)
    with running(data, fast=True) as servers:
        with pytest.raises(EmbeddedServerError, match=r"postgres runs in .* already"):
            start_postgres(data)
        with pytest.raises(EmbeddedServerError, match=r"redis runs in .* already"):
            start_redis(data)
        assert query(servers.database_url, "SELECT 1") == (1,)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_data_survives_a_stop_and_a_start(data: Path) -> None:
    with start_postgres(data) as server:
        query(server.url, "CREATE TABLE kept AS SELECT 42 AS value")
    with start_postgres(data) as server:
        assert query(server.url, "SELECT value FROM kept") == (42,)


def test_a_stop_does_not_wait_for_open_connections(data: Path) -> None:
    server = start_postgres(data, fast=True)
    with create_engine(server.url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT 1"))
        server.stop()
        connection.invalidate()
    assert ended(server.pid)


def test_what_was_committed_survives_a_crash(data: Path) -> None:
    server = start_postgres(data)
    query(server.url, "CREATE TABLE kept AS SELECT 42 AS value")
    server.kill()
    with start_postgres(data) as server:
        assert query(server.url, "SELECT value FROM kept") == (42,)


def test_a_stale_pid_file_that_names_a_living_process_is_no_hindrance(data: Path) -> None:
    server = start_postgres(data, fast=True)
    server.kill()
    pid_file = data / "postgres" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(server.pid), str(os.getppid()), 1))
    with start_postgres(data, fast=True) as server:
        assert query(server.url, "SELECT 1") == (1,)


def test_redis_starts_again_after_a_crash(data: Path) -> None:
    start_redis(data).kill()
    with start_redis(data) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_an_interrupted_first_start_is_made_good_by_the_next(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.draft"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    with start_postgres(tmp_path, fast=True) as server:
        assert query(server.url, "SELECT 1") == (1,)


def test_the_servers_end_when_their_owner_is_killed(owner: subprocess.Popen[str], data: Path) -> None:
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    os.kill(owner.pid, signal.SIGKILL)
    assert [ended(pid) for pid in pids] == [True, True]
    with running(data, fast=True) as servers:
        assert query(servers.database_url, "SELECT 1") == (1,)


def test_the_folder_is_free_at_once_after_its_owner_was_killed(owner: subprocess.Popen[str], data: Path) -> None:
    assert owner.stdout is not None
    owner.stdout.readline()
    os.kill(owner.pid, signal.SIGKILL)
    with running(data, fast=True) as servers:
        assert query(servers.database_url, "SELECT 1") == (1,)


def test_a_path_too_long_for_a_socket_works_and_leaves_nothing_elsewhere(made: Path, tmp_path: Path) -> None:
    data = shutil.copytree(made, tmp_path / ("long" * 30))
    with running(data, fast=True) as servers:
        elsewhere = Path(str(make_url(servers.database_url).query["host"]))
        assert query(servers.database_url, "SELECT 1") == (1,)
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()
    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["it's 50%?rød=#grød", "one,two"])
def test_a_folder_may_have_any_name(made: Path, tmp_path: Path, name: str) -> None:
    with running(shutil.copytree(made, tmp_path / name), fast=True) as servers:
        assert query(servers.database_url, "SELECT 1") == (1,)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_a_start_that_fails_names_its_log_and_leaves_the_folder_free(data: Path) -> None:
    with start_postgres(data, fast=True):
        pass
    settings = data / "postgres" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match=r"postgres ended with status 1 .*postgres\.log"):
        start_postgres(data, fast=True)
    assert "no_such_setting" in (data / "postgres.log").read_text()
    settings.write_text(good)
    with start_postgres(data, fast=True) as server:
        assert query(server.url, "SELECT 1") == (1,)


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EmbeddedServerError, match=r"file/data cannot be used as a data folder: Not a directory"):
        start_postgres(file / "data")


def test_a_database_is_made_from_a_template_and_dropped_under_its_users(data: Path) -> None:
    with start_postgres(data, fast=True) as server:
        template = create_database(server.url, "template for tests")
        query(template, "CREATE TABLE copied AS SELECT 42 AS value")
        copy = create_database(server.url, "copy", template="template for tests")
        with create_engine(copy, poolclass=NullPool).connect() as connection:
            assert connection.scalar(text("SELECT value FROM copied")) == 42
            drop_database(server.url, "copy")
            connection.invalidate()
        with pytest.raises(OperationalError, match='database "copy" does not exist'):
            query(copy, "SELECT 1")
        drop_database(server.url, "copy")
