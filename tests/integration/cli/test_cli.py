"""`wallet`: what it does to a real database, and what it says when something is wrong."""

import os
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.integration.cli.commands import SECRET, done, refused, wallet
from tests.integration.test_demo import ENVIRONMENT, SECONDS, WALLET, ended, free_port, is_free, started_by
from wallet import cli


def test_a_key_ring_is_made_once_and_kept(empty: dict[str, str], tmp_path: Path) -> None:
    done(wallet(empty, "keys", "create"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    done(wallet(empty, "keys", "create"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


def test_a_ring_from_before_there_were_nonces_is_enough_until_they_are_wanted(ready: dict[str, str]) -> None:
    ring, wanted = Path(ready["TEGNEBOG_KEY_RING"]), ready | {"TEGNEBOG_DPOP_NONCE_REQUIRED": "true"}
    (ring / "dpop_nonce.1.json").unlink()
    before = {path.name: path.read_bytes() for path in ring.iterdir()}
    done(wallet(ready, "keys", "broker"))
    assert "TEGNEBOG_KEY_RING: the key ring holds no key for dpop_nonce" in refused(wallet(wanted, "keys", "broker"))
    done(wallet(wanted, "keys", "create", "--missing", "dpop_nonce"))
    done(wallet(wanted, "keys", "broker"))
    after = {path.name: path.read_bytes() for path in ring.iterdir()}
    assert (after.pop("dpop_nonce.1.json", None) is not None, after) == (True, before)


def test_the_schema_is_brought_up_to_date_as_often_as_one_likes(ready: dict[str, str]) -> None:
    assert done(wallet(ready, "db", "upgrade")) == "the database is up to date"


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
        ("TEGNEBOG_PUBLIC_URL", f"http://{SECRET}.example"),
        ("TEGNEBOG_PUBLIC_URL", f"https://user:{SECRET}@wallet.example"),
        ("TEGNEBOG_PAR_REQUIERD", SECRET),
        ("TEGNEBOG_RATE_LIMITS_PIN_PER_PERSON", SECRET),
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


def test_a_bank_that_names_no_broker_does_not_get_the_demos(ready: dict[str, str]) -> None:
    public = {**ready, "TEGNEBOG_PUBLIC_URL": "https://wallet.bank.example"}
    assert "TEGNEBOG_BROKER_URL" in refused(wallet(public, "client", "list"))
    named = {"TEGNEBOG_BROKER_URL": "https://mitid.example/op", "TEGNEBOG_BROKER_CLIENT_ID": "bank"}
    done(wallet(public | named, "client", "list"))


def test_every_setting_that_is_wrong_is_named_at_once(empty: dict[str, str]) -> None:
    said = refused(wallet({"TEGNEBOG_CARD_BIN": "1"}, "serve"))
    for variable in (*empty, "TEGNEBOG_CARD_BIN"):
        assert variable in said


def test_bins_that_are_the_same_are_refused(empty: dict[str, str]) -> None:
    said = refused(wallet({**empty, "TEGNEBOG_TOKEN_BIN": "920890"}, "db", "upgrade"))
    assert "TEGNEBOG_CARD_BIN and TEGNEBOG_TOKEN_BIN must differ" in said


def test_a_key_ring_that_others_can_read_is_refused(ready: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys").chmod(0o755)
    assert "TEGNEBOG_KEY_RING" in refused(wallet(ready, "relay"))


def test_a_database_that_is_not_migrated_says_so(empty: dict[str, str], tmp_path: Path) -> None:
    done(wallet(empty, "keys", "create"))
    said = refused(wallet(empty, "client", "add", "issuer", "Bank", "--key", str(tmp_path / "key.json")))
    assert "wallet db upgrade" in said


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
