"""`wallet keys`: looking at the ring, rotating, retiring, and what it says to what cannot be."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.commands import done, refused, wallet
from tokenization.keys import ASYMMETRIC, Purpose

Environment = dict[str, str]


@pytest.fixture
def ring(tmp_path: Path) -> Environment:
    """A key ring; neither database nor Redis is asked."""
    environment = {
        "TEGNEBOG_DATABASE_URL": "postgresql+psycopg://teller@127.0.0.1:1/none",
        "TEGNEBOG_REDIS_URL": "redis://127.0.0.1:1/0",
        "TEGNEBOG_KEY_RING": str(tmp_path / "keys"),
    }
    done(wallet(environment, "keys", "create"))
    return environment


def listed(environment: Environment, purpose: str = "access_token") -> list[tuple[int, str]]:
    return [(row["version"], row["state"]) for row in _rows(environment) if row["purpose"] == purpose]


def _rows(environment: Environment) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(done(wallet(environment, "keys", "list", "--json")))
    return rows


def test_the_list_says_how_each_version_stands_and_shows_no_key(ring: Environment) -> None:
    shown = done(wallet(ring, "keys", "list"))
    files = [json.loads(path.read_text()) for path in Path(ring["TEGNEBOG_KEY_RING"]).iterdir()]
    for content in files:
        assert content["purpose"] in shown
        assert content["key"] not in shown + json.dumps(_rows(ring))
    assert {row["state"] for row in _rows(ring)} == {"current"}
    assert [row["purpose"] for row in _rows(ring)] == list(Purpose)


def test_a_signing_key_rotates_after_a_while(ring: Environment) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    said = done(wallet(ring, "keys", "rotate", "access_token"))
    assert "version 2 of access_token is used from" in said
    assert listed(ring) == [(1, "current"), (2, "next")]
    [since] = [row["since"] for row in _rows(ring) if row["state"] == "next"]
    assert timedelta() <= datetime.fromisoformat(since) - before - timedelta(minutes=15) < timedelta(minutes=5)


def test_no_delay_is_no_delay(ring: Environment) -> None:
    done(wallet(ring, "keys", "rotate", "access_token", "--in", "0s"))
    assert listed(ring) == [(1, "previous"), (2, "current")]


def test_a_key_that_was_lost_is_not_made_again_in_silence(ring: Environment) -> None:
    lost = Path(ring["TEGNEBOG_KEY_RING"]) / "journal.1.json"
    lost.rename(lost.with_suffix(".elsewhere"))
    assert "missing: journal" in wallet(ring, "keys", "list").output
    assert "journal: missing from a ring that holds other keys" in refused(wallet(ring, "keys", "create"))
    assert not lost.exists()


def test_a_key_that_a_new_version_brings_is_made_by_its_name(ring: Environment) -> None:
    for purpose in ("dpop_nonce", "journal"):
        (Path(ring["TEGNEBOG_KEY_RING"]) / f"{purpose}.1.json").unlink()
    assert "journal" in refused(wallet(ring, "keys", "create", "--missing", "dpop_nonce"))
    said = done(wallet(ring, "keys", "create", "--missing", "dpop_nonce", "--missing", "journal"))
    assert "made dpop_nonce, version 1" in said


def test_after_a_leak_it_rotates_at_once_and_the_old_one_is_retired(ring: Environment) -> None:
    assert "is the one in use" in refused(wallet(ring, "keys", "retire", "access_token", "1", "--yes"))
    done(wallet(ring, "keys", "rotate", "access_token", "--now"))
    assert listed(ring) == [(1, "previous"), (2, "current")]
    assert "within a second" in done(wallet(ring, "keys", "retire", "access_token", "1", "--yes"))
    assert listed(ring) == [(1, "retired"), (2, "current")]


def test_retiring_asks_first(ring: Environment) -> None:
    done(wallet(ring, "keys", "rotate", "access_token", "--now"))
    assert "for good?" in refused(wallet(ring, "keys", "retire", "access_token", "1", typed="n\n"))
    assert listed(ring) == [(1, "previous"), (2, "current")]
    done(wallet(ring, "keys", "retire", "access_token", "1", typed="y\n"))
    assert listed(ring) == [(1, "retired"), (2, "current")]


def test_a_rotation_is_called_off(ring: Environment) -> None:
    done(wallet(ring, "keys", "rotate", "card_transport", "--in", "2h"))
    done(wallet(ring, "keys", "retire", "card_transport", "2", "--yes"))
    assert listed(ring, "card_transport") == [(1, "current"), (2, "retired")]


def test_the_brokers_key_wants_to_be_told_how_long_and_is_printed_before_it_is_used(ring: Environment) -> None:
    assert "--in 7d" in refused(wallet(ring, "keys", "rotate", "broker_client"))
    assert "wallet keys broker" in done(wallet(ring, "keys", "rotate", "broker_client", "--in", "7d"))
    assert len(json.loads(done(wallet(ring, "keys", "broker")))["keys"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rotate", "access_tokens"), "is not one of"),
        (("rotate", "access_token", "--in", "soon"), "must be like 90s, 15m, 2h or 7d"),
        (("rotate", "access_token", "--in", "٣m"), "must be like 90s, 15m, 2h or 7d"),
        (("rotate", "access_token", "--in", "-1m"), "must be like 90s, 15m, 2h or 7d"),
        (("rotate", "access_token", "--in", "366d"), "at most 365d"),
        (("rotate", "access_token", "--in", "99999999d"), "at most 365d"),
        (("rotate", "access_token", "--in", "1h", "--now"), "either --in or --now"),
        (("retire", "access_token", "7"), "holds no version 7 of access_token"),
        (("retire", "access_token", "0"), "not in the range"),
        (("retire", "access_token", "one"), "not a valid integer"),
        (("retire", "access_token", "1"), "is the one in use"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    ring: Environment, arguments: tuple[str, ...], said: str
) -> None:
    before = _rows(ring)
    assert said in refused(wallet(ring, "keys", *arguments))
    assert _rows(ring) == before


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - ASYMMETRIC))
def test_a_key_that_protects_the_database_does_not_rotate_yet(ring: Environment, purpose: Purpose) -> None:
    for command in (("rotate", str(purpose), "--now"), ("retire", str(purpose), "1", "--yes")):
        said = refused(wallet(ring, "keys", *command))
        assert f"{purpose} cannot rotate yet" in said
        assert "access_token, broker_client, card_transport" in said


@pytest.mark.parametrize("command", [("list",), ("rotate", "access_token"), ("retire", "access_token", "1", "--yes")])
def test_a_ring_that_is_broken_or_not_there_is_said(ring: Environment, command: tuple[str, ...]) -> None:
    (Path(ring["TEGNEBOG_KEY_RING"]) / "journal.1.json").write_text("{")
    assert "journal.1.json is not readable as a key" in refused(wallet(ring, "keys", *command))
    nowhere = ring | {"TEGNEBOG_KEY_RING": "/nowhere"}
    assert "TEGNEBOG_KEY_RING: there is no key ring at /nowhere" in refused(wallet(nowhere, "keys", *command))
