"""`wallet`: what it does to a real database, and what it says when something is wrong."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey
from sqlalchemy import NullPool, Select, create_engine, select

from tests.integration.test_demo import ENVIRONMENT, SECONDS, WALLET, ended, free_port, is_free, started_by
from tests.world import World
from tokenization.models import SubjectJournalEntry
from wallet import cli, embedded
from wallet.access.models import OAuthClient

SECRET = "hunter2"


@dataclass(frozen=True)
class Made:
    """What each test gets a copy of: a migrated database and a key ring."""

    template: str
    ring: Path


@pytest.fixture(scope="module")
def made(servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Made by the commands themselves, once."""
    ring = tmp_path_factory.mktemp("made") / "keys"
    environment = {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli_template"),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(ring),
    }
    done(wallet(environment, "keys", "create"))
    assert done(wallet(environment, "db", "upgrade")) == "the database is up to date"
    yield Made("cli_template", ring)
    embedded.drop_database(servers.database_url, "cli_template")


@pytest.fixture
def empty(servers: embedded.Servers, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where everything would be: an empty database, no key ring."""
    yield {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli"),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(tmp_path / "keys"),
    }
    embedded.drop_database(servers.database_url, "cli")


@pytest.fixture
def ready(servers: embedded.Servers, made: Made, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where everything is."""
    yield {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli", made.template),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(shutil.copytree(made.ring, tmp_path / "keys")),
    }
    embedded.drop_database(servers.database_url, "cli")


def wallet(environment: Mapping[str, str | None], *arguments: str) -> Result:
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TEGNEBOG_")}
    return CliRunner(env={**unset, **environment}).invoke(cli.main, arguments)


def found(database: str, wanted: Select[Any]) -> list[Any]:
    """What a database holds, over a connection of its own."""
    with create_engine(database, poolclass=NullPool).connect() as connection:
        return list(connection.scalars(wanted))


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output.strip()


def refused(result: Result) -> str:
    """The message, in a line or two and without a traceback."""
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    return result.output


def test_a_key_ring_is_made_once_and_kept(empty: dict[str, str], tmp_path: Path) -> None:
    done(wallet(empty, "keys", "create"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    done(wallet(empty, "keys", "create"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


def test_the_schema_is_brought_up_to_date_as_often_as_one_likes(ready: dict[str, str]) -> None:
    assert done(wallet(ready, "db", "upgrade")) == "the database is up to date"


def test_a_machine_gets_a_key_that_only_it_has(ready: dict[str, str], tmp_path: Path) -> None:
    key = tmp_path / "issuer.json"
    client_id = done(wallet(ready, "client", "add", "issuer", "Fjordbanken", "--key", str(key)))
    private = json.loads(key.read_text())
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (jwks,) = found(ready["TEGNEBOG_DATABASE_URL"], select(OAuthClient.jwks).where(OAuthClient.client_id == client_id))
    assert jwks["keys"][0]["kid"] == private["kid"] == ECKey.import_key(private).kid
    assert "d" in private
    assert "d" not in jwks["keys"][0]
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(SubjectJournalEntry.actor)) == ["cli"]


def test_a_key_file_is_never_written_over(ready: dict[str, str], tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text("precious")
    assert "is there already" in refused(wallet(ready, "client", "add", "issuer", "Bank", "--key", str(key)))
    assert key.read_text() == "precious"


def test_a_client_whose_key_cannot_be_written_is_not_registered(ready: dict[str, str], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "key.json"
    assert "cannot be written" in refused(wallet(ready, "client", "add", "issuer", "Bank", "--key", str(nowhere)))
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(OAuthClient.client_id)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issuer", "Bank"), "--key"),
        (("wallet", "Lomme", "--key", "KEY"), "phone"),
        (("merchant", "Shop", "--key", "KEY"), "requestor"),
        (("merchant", "Shop", "--key", "KEY", "--requestor", "reqr_1"), "reqr"),
        (("wallet", "Lomme", "--requestor", "reqr_01h455vb4pex5vsknk084sn02q"), "redirect"),
        (("cashier", "X"), "cashier"),
    ],
)
def test_a_client_that_cannot_be_is_refused(
    ready: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    sent = [str(tmp_path / "key.json") if argument == "KEY" else argument for argument in arguments]
    assert said in refused(wallet(ready, "client", "add", *sent))
    assert not (tmp_path / "key.json").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TEGNEBOG_DATABASE_URL", None),
        ("TEGNEBOG_DATABASE_URL", f"mysql://root:{SECRET}@localhost/x"),
        ("TEGNEBOG_DATABASE_URL", f"postgresql+psycopg://root:{SECRET}@localhost:port/x"),
        ("TEGNEBOG_DATABASE_URL", SECRET),
        ("TEGNEBOG_DATABASE_URL", f"postgresql+psycopg://root:{SECRET}@127.0.0.1:1/x"),
        ("TEGNEBOG_REDIS_URL", None),
        ("TEGNEBOG_REDIS_URL", f"http://:{SECRET}@localhost"),
        ("TEGNEBOG_REDIS_URL", f"redis://:{SECRET}@localhost:port"),
        ("TEGNEBOG_KEY_RING", None),
        ("TEGNEBOG_KEY_RING", "/nowhere"),
        ("TEGNEBOG_PUBLIC_URL", f"https://{SECRET}/with/a/path"),
        ("TEGNEBOG_CARD_BIN", SECRET),
        ("TEGNEBOG_CARD_VALIDITY_MONTHS", SECRET),
        ("TEGNEBOG_LOOPBACK_ALLOWED", SECRET),
        ("TEGNEBOG_LOG_LEVEL", SECRET),
        ("TEGNEBOG_BROKER", SECRET),
        ("TEGNEBOG_RATE_LIMITS__PIN_PER_PERSON", SECRET),
        ("TEGNEBOG_RATE_LIMITS__PIN", SECRET),
        ("TEGNEBOG_TRUSTED_PROXIES", "-1"),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_its_value_is_not_shown(
    ready: dict[str, str], tmp_path: Path, variable: str, value: str | None
) -> None:
    changed = {**ready, variable: value}
    key = str(tmp_path / "key.json")
    said = refused(wallet(changed, "client", "add", "issuer", "Bank", "--key", key))
    assert variable in said


def test_every_setting_that_is_wrong_is_named_at_once(empty: dict[str, str]) -> None:
    said = refused(wallet({"TEGNEBOG_CARD_BIN": "1"}, "serve"))
    for variable in (*empty, "TEGNEBOG_CARD_BIN"):
        assert variable in said


def test_bins_that_are_the_same_are_refused(empty: dict[str, str]) -> None:
    said = refused(wallet({**empty, "TEGNEBOG_TOKEN_BIN": "920890"}, "db", "upgrade"))
    assert "card_bin and token_bin must differ" in said


def test_a_key_ring_that_others_can_read_is_refused(ready: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys").chmod(0o755)
    assert "TEGNEBOG_KEY_RING" in refused(wallet(ready, "relay"))


def test_a_database_that_is_not_migrated_says_so(empty: dict[str, str], tmp_path: Path) -> None:
    done(wallet(empty, "keys", "create"))
    said = refused(wallet(empty, "client", "add", "issuer", "Bank", "--key", str(tmp_path / "key.json")))
    assert "wallet db upgrade" in said


def test_a_token_wants_a_demo_that_runs(tmp_path: Path, world: World) -> None:
    assert "start the demo first" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))
    (tmp_path / "access.json").write_text(json.dumps(world.access | {"base_url": f"http://127.0.0.1:{free_port()}"}))
    assert "did not give a token" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))
    (tmp_path / "access.json").write_text("{}")
    assert "access.json" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))


def test_every_command_says_what_it_is_for() -> None:
    said = done(wallet({}, "--help"))
    for name, command in cli.main.commands.items():
        assert name in said
        assert command.get_short_help_str()


def test_the_service_serves_and_a_taken_port_is_said(ready: dict[str, str]) -> None:
    port = free_port()
    command, environment = [*WALLET, "serve", "--port", str(port), "--workers", "1"], ENVIRONMENT | ready
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as serving:
        try:
            assert serving.stdout is not None
            assert any("Started worker-1" in line for line in serving.stdout)
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").json()["status"] == "ready"
            second = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False
            )
            assert second.returncode == 1
            assert f"port {port}" in second.stderr
            assert "Traceback" not in second.stderr
            workers = started_by(serving.pid)
            serving.kill()
            assert ended(workers)
        finally:
            serving.kill()
    assert is_free(port)


def test_a_process_whose_parent_is_gone_does_not_start(ready: dict[str, str]) -> None:
    for command in ("serve", "relay"):
        result = wallet(ready, command, "--parent", str(os.getpid()))
        assert "the process that started this one is gone" in str(result.exception) + result.output
