"""`wallet journal`: what it finds, what it says, how it ends; and the anchor as a file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import NullPool, create_engine, text

from tests.integration.cli.commands import done, refused, wallet
from tests.integration.test_demo import ENVIRONMENT, WALLET

Environment = dict[str, str]


def act(environment: Environment, statement: str) -> None:
    """Something behind everybody's back."""
    engine = create_engine(environment["TEGNEBOG_DATABASE_URL"], poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture
def town(ready: Environment, tmp_path: Path) -> Environment:
    """An installation with two clients, whose journals have an entry each."""
    for name in ("Bank", "Acquirer"):
        done(wallet(ready, "client", "add", "issuer", name, "--key", str(tmp_path / f"{name}.json")))
    return ready


def clients(environment: Environment) -> list[str]:
    return sorted(row["client_id"] for row in json.loads(done(wallet(environment, "client", "list", "--json"))))


def verified(environment: Environment, *options: str, status: int = 0) -> dict[str, Any]:
    result = wallet(environment, "journal", "verify", "--json", *options)
    assert result.exit_code == status, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def said(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stdout


def test_untouched_journals_verify(town: Environment) -> None:
    assert "2 journals with 2 entries verified, 0 of them broken" in done(wallet(town, "journal", "verify"))
    report = verified(town)
    assert (report["valid"], report["journals"], report["entries"], report["anchor"]) == (True, 2, 2, None)


def test_a_broken_journal_is_named_as_people_know_it_and_the_command_fails(town: Environment) -> None:
    act(town, "UPDATE tokenization.subject_journal_entries SET actor = 'nobody' WHERE payload->>'name' = 'Bank'")
    bank, acquirer = (next(each for each in clients(town) if each.startswith(name)) for name in ("bank", "acquirer"))
    assert f"client {bank} is broken at entry 1, of 1" in said(wallet(town, "journal", "verify"))
    assert verified(town, status=1)["broken"] == [{"journal": f"client {bank}", "entries": 1, "broken_at": 1}]
    assert not verified(town, "--client", bank, status=1)["valid"]
    assert verified(town, "--client", acquirer)["valid"]


def test_erased_payloads_are_counted(town: Environment) -> None:
    act(town, "UPDATE tokenization.subject_journal_entries SET payload = NULL, salt = NULL")
    assert "payloads erased: 2" in done(wallet(town, "journal", "verify"))


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--card", "card_1"), "not a card id"),
        (("--cardholder", "card_01jdyqxw5tf8yaq6d9c8z3bqzn"), "not a holder id"),
        (("--policy", "weather"), "'weather' is not one of"),
        (("--key", "house"), "'house' is not one of"),
        (("--key", "journal", "--policy", "ceilings"), "either one journal, or all"),
        (("--anchor", "/nowhere/anchor"), "No such file"),
    ],
)
def test_what_is_asked_wrongly_is_said(ready: Environment, options: tuple[str, ...], wrong: str) -> None:
    assert wrong in refused(wallet(ready, "journal", "verify", *options))


@pytest.mark.parametrize("options", [("--client", "nobody"), ("--card", "card_01jdyqxw5tf8yaq6d9c8z3bqzn")])
def test_a_journal_that_is_not_there_has_no_entries(ready: Environment, options: tuple[str, str]) -> None:
    assert "has no entries" in said(wallet(ready, "journal", "verify", *options))


def test_a_key_to_which_nothing_was_done_has_an_empty_journal_that_holds(ready: Environment) -> None:
    assert "1 journals with 0 entries verified, 0 of them broken" in done(
        wallet(ready, "journal", "verify", "--key", "token")
    )


def test_an_anchor_is_a_file_that_is_never_overwritten(town: Environment, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    told = done(wallet(town, "journal", "anchor", str(path)))
    *_, last = path.read_text().splitlines()
    assert told == f"{path}: 2 journals, {last}"
    before = path.read_bytes()
    assert "is there already" in refused(wallet(town, "journal", "anchor", str(path)))
    assert path.read_bytes() == before
    assert list(tmp_path.glob(".*")) == [], "no draft is left"
    assert "cannot be written: No such file" in refused(wallet(town, "journal", "anchor", "/nowhere/anchor"))


def test_an_anchor_can_go_through_a_pipe(town: Environment, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    path.write_text(wallet(town, "journal", "anchor").stdout)
    report = verified(town, "--anchor", str(path))
    assert (report["valid"], report["anchor"]["journals"]) == (True, 2)
    assert "http://127.0.0.1:8080" in done(wallet(town, "journal", "verify", "--anchor", str(path)))


def test_what_was_taken_away_without_a_trace_is_missed_by_its_anchor(town: Environment, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    done(wallet(town, "journal", "anchor", str(path)))
    kept, gone = clients(town)
    done(wallet(town, "client", "suspend", kept))
    act(town, "DELETE FROM tokenization.subject_journal_entries WHERE payload->>'name' = 'Bank'")
    act(town, "DELETE FROM tokenization.subject_journals WHERE subject_id NOT IN "
              "(SELECT subject_id FROM tokenization.subject_journal_entries)")  # fmt: skip
    assert verified(town)["valid"], "the chains that are left hold"
    report = verified(town, "--anchor", str(path), status=1)
    assert report["differences"] == [{"journal": f"client {gone}", "anchored_at": 1, "what": "gone"}]
    assert f"client {gone}, anchored at entry 1, is gone" in said(
        wallet(town, "journal", "verify", "--anchor", str(path))
    )
    assert verified(town, "--anchor", str(path), "--client", kept)["valid"]


def test_a_journal_key_that_rotates_disturbs_neither_walk_nor_anchor(town: Environment, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    done(wallet(town, "journal", "anchor", str(path)))
    done(wallet(town, "keys", "rotate", "journal", "--now"))
    done(wallet(town, "client", "suspend", clients(town)[0]))
    assert verified(town, "--anchor", str(path))["valid"]
    assert verified(town, "--key", "journal")["entries"] == 1
    act(town, "UPDATE tokenization.subject_journal_entries SET actor = 'nobody' WHERE type LIKE 'key%'")
    assert [each["journal"] for each in verified(town, status=1)["broken"]] == ["key journal"]


def test_an_older_copy_of_the_ring_cannot_tell_and_calls_nothing_broken(town: Environment, tmp_path: Path) -> None:
    older = town | {"TEGNEBOG_KEY_RING": str(shutil.copytree(town["TEGNEBOG_KEY_RING"], tmp_path / "older"))}
    done(wallet(town, "keys", "rotate", "journal", "--now"))
    done(wallet(town, "client", "suspend", clients(town)[0]))
    result = wallet(older, "journal", "verify")
    assert (result.exit_code, "broken" in result.output) == (4, False)
    assert "this copy of the ring lacks version 2 of journal: copy it here" in result.stderr


def test_another_installations_ring_cannot_tell_either(town: Environment, tmp_path: Path) -> None:
    foreign = town | {"TEGNEBOG_KEY_RING": str(tmp_path / "foreign")}
    done(wallet(foreign, "keys", "create"))
    result = wallet(foreign, "journal", "verify", "--client", clients(town)[0])
    assert (result.exit_code, "broken" in result.output) == (4, False)
    assert "this is not the key ring of the database" in result.stderr


def test_another_installations_anchor_is_said_in_a_line(town: Environment, tmp_path: Path) -> None:
    path, theirs = tmp_path / "anchor", town | {"TEGNEBOG_PUBLIC_URL": "http://127.0.0.2:8080"}
    done(wallet(theirs, "journal", "anchor", str(path)))
    act(town, "TRUNCATE tokenization.subject_journals, tokenization.subject_journal_entries")
    told = said(wallet(town, "journal", "verify", "--anchor", str(path)))
    assert "no journal of the anchor is known here: is it another installation's (http://127.0.0.2:8080)?" in told
    assert "is gone" not in told


@pytest.mark.parametrize("command", [("journal", "anchor"), ("keys", "list")], ids=" ".join)
def test_an_answer_that_cannot_be_written_is_said_in_a_line(ready: Environment, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*WALLET, *command], env=ENVIRONMENT | ready, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "Error: the answer cannot be written: No space left on device\n")


def test_a_file_that_is_no_anchor_is_said(ready: Environment, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    path.write_text("good morning\n")
    assert "the first line is not that of an anchor" in refused(
        wallet(ready, "journal", "verify", "--anchor", str(path))
    )


def test_an_anchor_through_a_pipe_is_refused_in_a_line(ready: Environment) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    try:
        said = refused(wallet(ready, "journal", "verify", "--anchor", f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
    assert "an anchor is read twice: name a file" in said
