"""The command line, where it needs no database: what it says of settings and keys, in words that help at night."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tokenization.clock import SystemClock
from tokenization.keys import ceremonies
from wallet import cli, logs

DATABASE = "postgresql+psycopg://teller:opensesame@127.0.0.1:1/none"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "keys"
    monkeypatch.setattr(logs, "configure", lambda *_: None)  # it is the process's, and so the other tests' too
    monkeypatch.setenv("TEGNEBOG_DATABASE_URL", DATABASE)
    monkeypatch.setenv("TEGNEBOG_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TEGNEBOG_KEY_RING", str(folder))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def test_a_missing_setting_is_named(ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEGNEBOG_REDIS_URL")
    result = run("db", "upgrade")
    assert (result.exit_code, result.output) == (1, "Error: TEGNEBOG_REDIS_URL: Field required\n")


def test_settings_that_do_not_go_together_are_named(ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEGNEBOG_CARD_BIN", "920891")
    said = run("db", "upgrade").output
    assert said == "Error: TEGNEBOG_CARD_BIN and TEGNEBOG_TOKEN_BIN must differ, and no BIN may begin with another\n"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CARD_BIN", "92089", "must be 6 to 8 digits; several like 920890,920892"),
        ("TOKEN_BIN", "٩٢٠٨٩١", "must be 6 to 8 digits; several like 920890,920892"),
        ("PAR_PREFIX", "tgnb", "must be four capital letters or digits"),
        ("CRYPTOPERIOD_DAYS__TOKN", "180", "Input should be 'key_encryption', 'fingerprint'"),
    ],
)
def test_a_setting_is_named_as_it_was_typed_and_said_in_words(
    ring: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"TEGNEBOG_{variable}", value)
    assert run("db", "upgrade").output.startswith(f"Error: TEGNEBOG_{variable}: {said}")


def test_a_database_that_is_away_is_named_without_its_password(ring: Path) -> None:
    result = run("db", "upgrade")
    assert (result.exit_code, "TEGNEBOG_DATABASE_URL" in result.output) == (1, True)
    assert "opensesame" not in result.output


def test_without_a_key_ring_it_says_how_to_make_one(ring: Path) -> None:
    assert run("relay").output == (
        "Error: TEGNEBOG_KEY_RING: there is none there: make one with `wallet keys create`\n"
    )


def test_a_key_ring_that_others_can_read_is_refused_by_who_makes_it_too(ring: Path) -> None:
    ring.mkdir(mode=0o755)
    for command in ("keys", "create"), ("relay",):
        result = run(*command)
        assert (result.exit_code, "mode 0700" in result.output) == (1, True)


def test_a_key_ring_that_cannot_be_made_is_no_surprise(ring: Path) -> None:
    ring.write_text("a file")
    assert run("keys", "create").output == "Error: TEGNEBOG_KEY_RING: File exists\n"


def test_the_broker_is_given_public_keys_only(ring: Path) -> None:
    ceremonies.create(ring, SystemClock().now())
    [key] = json.loads(run("keys", "broker").output)["keys"]
    assert {"kty", "crv", "x", "y", "kid"} <= set(key)
    assert "d" not in key
