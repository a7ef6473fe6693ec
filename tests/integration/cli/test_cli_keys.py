"""`wallet keys`: looking at the ring, rotating, retiring, destroying, and what it says to what cannot be."""

import getpass
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, delete, func, insert, make_url, select, text

from tests.integration.cli.commands import done, found, refused, wallet
from tests.integration.cli.conftest import Made
from tokenization import cardholders
from tokenization.journal.models import SubjectJournal, SubjectJournalEntry
from tokenization.keys.checks import PAIRED
from tokenization.keys.ring import Purpose
from tokenization.models import KeyCheck
from wallet import app, embedded
from wallet.settings import Settings

Environment = dict[str, str]
DATABASE = "TEGNEBOG_DATABASE_URL"
NO_DATABASE = "postgresql+psycopg://teller@127.0.0.1:1/none"


@pytest.fixture
def ring(tmp_path: Path) -> Environment:
    """A key ring; neither database nor Redis is there."""
    environment = {
        DATABASE: NO_DATABASE,
        "TEGNEBOG_REDIS_URL": "redis://127.0.0.1:1/0",
        "TEGNEBOG_KEY_RING": str(tmp_path / "keys"),
    }
    done(wallet(environment, "keys", "create"))
    return environment


@pytest.fixture(scope="module")
def database(servers: embedded.Servers, made: Made) -> Iterator[str]:
    """A database to journal in, for keys that it need not know."""
    yield embedded.create_database(servers.database_url, "cli_keys", made.template)
    embedded.drop_database(servers.database_url, "cli_keys")


@pytest.fixture
def signing(ring: Environment, database: str, made: Made, tmp_path: Path) -> Environment:
    """A key ring of that database, to which nothing was done yet."""
    with create_engine(database, poolclass=NullPool).begin() as connection:
        connection.execute(delete(SubjectJournalEntry))
        connection.execute(delete(SubjectJournal))
    copy = shutil.copytree(made.ring, tmp_path / "copy")
    return ring | {DATABASE: database, "TEGNEBOG_KEY_RING": str(copy)}


def listed(environment: Environment, purpose: str = "access_token") -> list[tuple[int, str]]:
    return [(row["version"], row["state"]) for row in _rows(environment) if row["purpose"] == purpose]


def journaled(environment: Environment, purpose: str) -> list[str]:
    rows = json.loads(done(wallet(environment, "keys", "history", purpose, "--json")))
    assert {row["actor"] for row in rows} == {f"cli:{getpass.getuser()}"}
    return [f"{row['what']} {row['version']}" for row in rows]


def known(environment: Environment, purpose: str) -> list[int]:
    of_purpose = select(KeyCheck.version).where(KeyCheck.purpose == purpose).order_by(KeyCheck.version)
    return found(environment[DATABASE], of_purpose)


def _rows(environment: Environment) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(done(wallet(environment, "keys", "list", "--json")))
    return rows


def somebody(environment: Environment) -> None:
    """A cardholder, whose data key is wrapped by the current key."""
    settings: dict[str, Any] = {name.removeprefix("TEGNEBOG_").lower(): value for name, value in environment.items()}
    parts = app.wire(Settings(**settings))
    with parts.database.transaction("test") as session:
        cardholders.register(session, parts.vault, name="Anna", cpr="0101701234", mobile=None, now=parts.clock.now())
    parts.database.close()


def test_the_list_says_how_each_version_stands_and_shows_no_key(ring: Environment) -> None:
    shown = done(wallet(ring, "keys", "list"))
    files = [json.loads(path.read_text()) for path in Path(ring["TEGNEBOG_KEY_RING"]).iterdir()]
    for content in files:
        assert content["purpose"] in shown
        assert content["key"] not in shown + json.dumps(_rows(ring))
    assert {row["state"] for row in _rows(ring)} == {"current"}
    assert [row["purpose"] for row in _rows(ring)] == list(Purpose)


def test_a_signing_key_rotates_after_a_while(signing: Environment) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    said = done(wallet(signing, "keys", "rotate", "access_token"))
    assert "version 2 of access_token is used from" in said
    assert listed(signing) == [(1, "current"), (2, "next")]
    [since] = [row["since"] for row in _rows(signing) if row["state"] == "next"]
    assert timedelta() <= datetime.fromisoformat(since) - before - timedelta(minutes=15) < timedelta(minutes=5)


def test_no_delay_is_no_delay(signing: Environment) -> None:
    done(wallet(signing, "keys", "rotate", "access_token", "--in", "0s"))
    assert listed(signing) == [(1, "previous"), (2, "current")]


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


def test_after_a_leak_it_rotates_at_once_and_the_old_one_is_retired(signing: Environment) -> None:
    assert "is the one in use" in refused(wallet(signing, "keys", "retire", "access_token", "1", "--yes"))
    done(wallet(signing, "keys", "rotate", "access_token", "--now"))
    assert listed(signing) == [(1, "previous"), (2, "current")]
    assert "within a second" in done(wallet(signing, "keys", "retire", "access_token", "1", "--yes"))
    assert listed(signing) == [(1, "retired"), (2, "current")]


def test_retiring_asks_first(signing: Environment) -> None:
    done(wallet(signing, "keys", "rotate", "access_token", "--now"))
    assert "for good?" in refused(wallet(signing, "keys", "retire", "access_token", "1", typed="n\n"))
    assert listed(signing) == [(1, "previous"), (2, "current")]
    done(wallet(signing, "keys", "retire", "access_token", "1", typed="y\n"))
    assert listed(signing) == [(1, "retired"), (2, "current")]


def test_a_rotation_is_called_off(signing: Environment) -> None:
    done(wallet(signing, "keys", "rotate", "card_transport", "--in", "2h"))
    done(wallet(signing, "keys", "retire", "card_transport", "2", "--yes"))
    assert listed(signing, "card_transport") == [(1, "current"), (2, "retired")]


def test_the_brokers_key_wants_to_be_told_how_long_and_is_printed_before_it_is_used(signing: Environment) -> None:
    assert "--in 7d" in refused(wallet(signing, "keys", "rotate", "broker_client"))
    assert "wallet keys broker" in done(wallet(signing, "keys", "rotate", "broker_client", "--in", "7d"))
    assert len(json.loads(done(wallet(signing, "keys", "broker")))["keys"]) == 2


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


def test_the_fingerprints_key_does_not_rotate_and_it_is_said_why(ring: Environment) -> None:
    for command in (("rotate", "fingerprint", "--now"), ("retire", "fingerprint", "1", "--yes", "--force")):
        assert "would have to be opened and entered anew" in refused(wallet(ring, "keys", *command))
    assert listed(ring, "fingerprint") == [(1, "current")]


def test_a_symmetric_key_rotates_and_goes_in_two_steps(ready: Environment) -> None:
    assert "version 2" in done(wallet(ready, "keys", "rotate", "token", "--now"))
    assert (listed(ready, "token"), known(ready, "token")) == ([(1, "previous"), (2, "current")], [1, 2])
    assert "is not retired" in refused(wallet(ready, "keys", "destroy", "token", "1", "--yes"))
    done(wallet(ready, "keys", "retire", "token", "1", "--yes"))
    assert listed(ready, "token") == [(1, "retired"), (2, "current")]
    done(wallet(ready, "keys", "reinstate", "token", "1"))
    assert listed(ready, "token") == [(1, "previous"), (2, "current")]
    done(wallet(ready, "keys", "retire", "token", "1", "--yes"))
    assert "for good?" in refused(wallet(ready, "keys", "destroy", "token", "1", typed="n\n"))
    assert "destroy the backups" in done(wallet(ready, "keys", "destroy", "token", "1", typed="y\n"))
    assert listed(ready, "token") == [(1, "destroyed"), (2, "current")]
    assert "is forgotten already" in refused(wallet(ready, "keys", "reinstate", "token", "1"))
    expected = ["key.rotated 2", "key.retired 1", "key.reinstated 1", "key.retired 1", "key.destroyed 1"]
    assert journaled(ready, "token") == expected


def test_what_wraps_data_keys_goes_only_by_force(ready: Environment) -> None:
    somebody(ready)
    done(wallet(ready, "keys", "rotate", "key_encryption", "--now"))
    said = refused(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes"))
    assert "it wraps 1 data keys: `wallet keys rewrap` first" in said
    assert listed(ready, "key_encryption") == [(1, "previous"), (2, "current")]
    done(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes", "--force"))
    assert "it wraps 1 data keys" in refused(wallet(ready, "keys", "destroy", "key_encryption", "1", "--yes"))
    done(wallet(ready, "keys", "destroy", "key_encryption", "1", "--yes", "--force"))
    assert journaled(ready, "key_encryption") == ["key.rotated 2", "key.retired 1", "key.destroyed 1"]


def test_what_linked_the_journal_goes_by_no_force_at_all(ready: Environment) -> None:
    done(wallet(ready, "keys", "rotate", "journal"))
    done(wallet(ready, "keys", "rotate", "journal", "--now"))
    for more in ((), ("--force",)):
        said = refused(wallet(ready, "keys", "retire", "journal", "1", "--yes", *more))
        assert "version 1 of journal stays" in said
    done(wallet(ready, "keys", "retire", "journal", "2", "--yes"))
    assert listed(ready, "journal") == [(1, "previous"), (2, "retired"), (3, "current")]


def test_a_leak_waits_for_no_database(ring: Environment) -> None:
    for command in (("rotate", "access_token", "--now"), ("retire", "access_token", "1", "--yes")):
        result = wallet(ring, "keys", *command)
        assert (result.exit_code, "NOT JOURNALED" in result.output) == (3, True)
    assert listed(ring) == [(1, "retired"), (2, "current")]


def test_without_the_database_nobody_knows_what_is_needed(ring: Environment) -> None:
    assert wallet(ring, "keys", "rotate", "token", "--now").exit_code == 3
    said = refused(wallet(ring, "keys", "retire", "token", "1", "--yes"))
    assert "the database is away, and cannot be asked" in said
    assert wallet(ring, "keys", "retire", "token", "1", "--yes", "--force").exit_code == 3
    assert listed(ring, "token") == [(1, "retired"), (2, "current")]
    assert wallet(ring, "keys", "rotate", "journal", "--now").exit_code == 3
    assert "stays" in refused(wallet(ring, "keys", "retire", "journal", "1", "--yes", "--force"))


ROTATE = ("rotate", "token", "--now")
SOON = {"TEGNEBOG_LOCK_TIMEOUT_SECONDS": "1"}


def server(url: str, statement: str) -> None:
    """Something is done to the database by its owner."""
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(statement.format(name=make_url(url).database)))


READ_ONLY = "ALTER DATABASE {name} SET default_transaction_read_only = on"
NOT_MIGRATED = "DROP TABLE tokenization.key_checks"
NO_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE read_only_sql_transaction; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON tokenization.subject_journal_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
"""
CANNOT_WRITE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON tokenization.subject_journal_entries EXECUTE FUNCTION refuse()
"""


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (READ_ONLY, "the database is read-only"),
        (CANNOT_WRITE, "does not let this user do that"),
        (NOT_MIGRATED, "`wallet db upgrade` first"),
    ],
    ids=["read-only", "no rights", "not migrated"],
)
def test_where_the_database_refuses_nothing_is_done_but_by_force(ready: Environment, trouble: str, said: str) -> None:
    server(ready[DATABASE], trouble)
    told = refused(wallet(ready, "keys", *ROTATE))
    assert (said in told, "Nothing was done" in told) == (True, True)
    assert listed(ready, "token") == [(1, "current")]
    forced = wallet(ready, "keys", *ROTATE, "--force")
    assert (forced.exit_code, "done, NOT JOURNALED" in forced.output, said in forced.output) == (3, True, True)
    assert listed(ready, "token") == [(1, "previous"), (2, "current")]


def test_what_is_done_when_the_database_does_not_take_it_is_said(ready: Environment) -> None:
    server(ready[DATABASE], NO_COMMIT)
    result = wallet(ready, "keys", *ROTATE)
    assert (result.exit_code, "done, NOT JOURNALED: the database is read-only" in result.output) == (3, True)
    assert listed(ready, "token") == [(1, "previous"), (2, "current")]


def test_beside_somebody_elses_ceremony_nothing_is_done(ready: Environment) -> None:
    with create_engine(ready[DATABASE], poolclass=NullPool).begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(3, 1)"))
        told = refused(wallet(ready | SOON, "keys", *ROTATE, "--force"))
    assert ("busy" in told, "nothing was done" in told) == (True, True)
    assert listed(ready, "token") == [(1, "current")]


@pytest.mark.parametrize("part", [{"database": "nowhere"}, {"username": "nobody-here"}], ids=["database", "user"])
def test_where_the_url_is_wrong_nothing_is_done(ready: Environment, part: dict[str, str]) -> None:
    elsewhere = make_url(ready[DATABASE]).set(**part).render_as_string(hide_password=False)  # type: ignore[arg-type]  # by name
    told = refused(wallet(ready | {DATABASE: elsewhere}, "keys", *ROTATE))
    assert ("does not let us in" in told, "Nothing was done" in told) == (True, True)
    assert listed(ready, "token") == [(1, "current")]


def test_a_locked_client_is_busy_and_the_database_is_not_away(ready: Environment, tmp_path: Path) -> None:
    client_id = done(wallet(ready, "client", "add", "issuer", "Bank", "--key", str(tmp_path / "bank.json")))
    with create_engine(ready[DATABASE], poolclass=NullPool).begin() as other:
        other.execute(text("SELECT 1 FROM access.oauth_clients FOR UPDATE"))
        assert "busy: somebody else" in refused(wallet(ready | SOON, "client", "suspend", client_id))


def test_a_number_is_given_once_also_where_a_copy_of_the_ring_is_older(ready: Environment, tmp_path: Path) -> None:
    older = shutil.copytree(ready["TEGNEBOG_KEY_RING"], tmp_path / "older")
    done(wallet(ready, "keys", "rotate", "access_token"))
    told = done(wallet(ready | {"TEGNEBOG_KEY_RING": str(older)}, "keys", "rotate", "access_token", "--now"))
    assert "this copy of the ring lacks version 2 of access_token: copy it here" in told
    assert "version 3 of access_token is used from" in told


def test_what_was_not_journaled_is_known_to_the_database_later(ready: Environment) -> None:
    assert wallet(ready | {DATABASE: NO_DATABASE}, "keys", "rotate", "token", "--now").exit_code == 3
    done(wallet(ready, "db", "upgrade"))
    assert known(ready, "token") == [1, 2]


def test_the_list_says_until_when_a_key_makes_new_things(ring: Environment) -> None:
    periods = {"TEGNEBOG_CRYPTOPERIOD_DAYS__TOKEN": "10", "TEGNEBOG_CRYPTOPERIOD_DAYS__JOURNAL": "none"}
    until = {row["purpose"]: row["rotate_before"] for row in _rows(ring | periods)}
    [made] = [row["since"] for row in _rows(ring) if row["purpose"] == "token"]
    assert datetime.fromisoformat(until["token"]) - datetime.fromisoformat(made) == timedelta(days=10)
    assert until["journal"] is None
    assert until["key_encryption"] is not None


@pytest.mark.parametrize("command", [("list",), ("rotate", "access_token"), ("retire", "access_token", "1", "--yes")])
def test_a_ring_that_is_broken_or_not_there_is_said(ring: Environment, command: tuple[str, ...]) -> None:
    (Path(ring["TEGNEBOG_KEY_RING"]) / "journal.1.json").write_text("{")
    assert "journal.1.json is not readable as a key" in refused(wallet(ring, "keys", *command))
    nowhere = ring | {"TEGNEBOG_KEY_RING": "/nowhere"}
    assert "TEGNEBOG_KEY_RING: there is no key ring at /nowhere" in refused(wallet(nowhere, "keys", *command))


@pytest.mark.parametrize(
    "command",
    [
        ("serve", "--port", "1"),
        ("relay",),
        ("db", "upgrade"),
        ("client", "add", "wallet", "Pung", "--redirect-uri", "https://pung.example/signed-in"),
        ("keys", "rotate", "journal", "--now"),
        ("keys", "rotate", "access_token", "--now"),
    ],
    ids=" ".join,
)
def test_the_key_ring_of_another_database_is_refused(
    ring: Environment, database: str, command: tuple[str, ...]
) -> None:
    before = _rows(ring)
    said = refused(wallet(ring | {DATABASE: database}, *command))
    assert "TEGNEBOG_KEY_RING: this is not the key ring of the database" in said
    assert _rows(ring) == before
    assert found(database, select(func.count()).select_from(KeyCheck)) == [len(PAIRED)]


def test_nothing_is_forced_out_of_the_ring_of_another_database(ring: Environment, database: str) -> None:
    assert wallet(ring, "keys", "rotate", "token", "--now").exit_code == 3
    foreign = ring | {DATABASE: database}
    for command in (("retire", "token", "1"), ("retire", "token", "1", "--force")):
        assert "not the key ring of the database" in refused(wallet(foreign, "keys", *command, "--yes"))
    assert listed(ring, "token") == [(1, "previous"), (2, "current")]


def test_a_database_from_before_there_were_checks_gets_to_know_its_ring(ring: Environment, database: str) -> None:
    with create_engine(database, poolclass=NullPool).begin() as connection:
        kept = connection.execute(delete(KeyCheck).returning(*KeyCheck.__table__.columns)).all()
    assert "the database is up to date" in done(wallet(ring | {DATABASE: database}, "db", "upgrade"))
    assert known(ring | {DATABASE: database}, "journal") == [1]
    with create_engine(database, poolclass=NullPool).begin() as connection:
        connection.execute(delete(KeyCheck))
        connection.execute(insert(KeyCheck), [row._asdict() for row in kept])


def test_what_a_command_warns_of_does_not_stand_in_its_answer(
    ready: Environment, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    due = ready | {"TEGNEBOG_CRYPTOPERIOD_DAYS__JOURNAL": "7"}
    said = wallet(due, "client", "add", "issuer", "Bank", "--key", str(tmp_path / "key.json")).stdout
    logged = capfd.readouterr()
    assert (said.count("\n"), said.startswith("bank-"), logged.out) == (1, True, "")
    assert '"purpose": "journal", "days_left": 6, "event": "key_to_be_rotated"' in logged.err
