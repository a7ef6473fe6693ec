"""A database and its key ring belong together: nothing is written with the ring of another."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import Cursor
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.test_http_bad_input import is_refused
from tests.world import World
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.journal.models import JournalEntry
from tokenization.keys import ceremonies, checks
from tokenization.keys.checks import Custody, ForeignRing
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import KeyRingError, Purpose
from tokenization.models import KeyCheck
from tokenization.vault import Vault
from wallet.database import Database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def made(folder: Path) -> FileKeyRing:
    ceremonies.create(folder, NOON)
    return FileKeyRing(folder, SetClock(NOON))


@pytest.fixture
def ours(tmp_path: Path, session: Session) -> FileKeyRing:
    """The ring that the database knows."""
    ring = made(tmp_path / "ours")
    checks.remember(session, ring, NOON)
    return ring


@pytest.fixture
def theirs(tmp_path: Path) -> FileKeyRing:
    """The ring of another installation."""
    return made(tmp_path / "theirs")


def known(session: Session) -> set[tuple[str, int]]:
    return {(row.purpose, row.version) for row in session.scalars(select(KeyCheck))}


def test_a_database_gets_to_know_the_keys_that_it_cannot_be_read_without(session: Session, ours: FileKeyRing) -> None:
    assert known(session) == {(str(purpose), 1) for purpose in checks.PAIRED}
    assert {
        Purpose.KEY_ENCRYPTION,
        Purpose.FINGERPRINT,
        Purpose.CARD_VERIFICATION,
        Purpose.TOKEN,
        Purpose.JOURNAL,
        Purpose.REQUEST_HASH,
    } == checks.PAIRED


def test_its_own_ring_is_known_again(session: Session, ours: FileKeyRing, tmp_path: Path) -> None:
    again = FileKeyRing(tmp_path / "ours", SetClock(NOON))
    assert checks.remember(session, again, NOON) == checks.Comparison()


def test_the_ring_of_another_is_refused_and_leaves_no_trace(
    session: Session, ours: FileKeyRing, theirs: FileKeyRing, tmp_path: Path
) -> None:
    before = known(session)
    ceremonies.rotate(tmp_path / "theirs", Purpose.TOKEN, NOON)
    for act in (lambda: checks.remember(session, theirs, NOON), lambda: Custody(theirs)(session)):
        with pytest.raises(ForeignRing, match="version 1 of card_verification is another key"):
            act()
    assert known(session) == before


def test_of_two_rings_that_come_first_at_once_one_has_come_first(
    session: Session, theirs: FileKeyRing, tmp_path: Path
) -> None:
    ours = made(tmp_path / "ours").check_values()[Purpose.JOURNAL, 1]
    connection = session.connection()

    def overtaken(_: object, cursor: Cursor[object], statement: str, *__: object) -> None:
        if statement.startswith("INSERT INTO tokenization.key_checks"):
            cursor.execute("INSERT INTO tokenization.key_checks VALUES ('journal', 1, %s, now())", (ours,))

    event.listen(connection, "before_cursor_execute", overtaken)
    with pytest.raises(ForeignRing, match="version 1 of journal is another key"):
        checks.remember(session, theirs, NOON)


def test_a_new_version_is_remembered_and_an_older_copy_lacks_it(
    session: Session, ours: FileKeyRing, tmp_path: Path
) -> None:
    older = shutil.copytree(tmp_path / "ours", tmp_path / "older")
    ceremonies.rotate(tmp_path / "ours", Purpose.JOURNAL, NOON)
    assert checks.remember(session, ours, NOON).lacking == ()
    assert ("journal", 2) in known(session)
    compared = checks.hold(session, FileKeyRing(older, SetClock(NOON)))
    assert (compared.lacking, compared.is_foreign) == ((("journal", 2),), False)


def test_no_ceremony_is_held_over_an_older_copy(session: Session, ours: FileKeyRing, tmp_path: Path) -> None:
    older = FileKeyRing(shutil.copytree(tmp_path / "ours", tmp_path / "older"), SetClock(NOON))
    ceremonies.rotate(tmp_path / "ours", Purpose.JOURNAL, NOON)
    checks.remember(session, ours, NOON)
    with pytest.raises(KeyRingError, match="lacks version 2 of journal: copy the newest one here first"):
        checks.begin_ceremony(session, older, Purpose.JOURNAL)
    checks.begin_ceremony(session, older, Purpose.TOKEN)
    checks.begin_ceremony(session, ours, Purpose.JOURNAL)


def test_a_database_from_before_there_were_checks_takes_only_the_ring_that_opens_it(
    session: Session, theirs: FileKeyRing, tmp_path: Path
) -> None:
    ours = made(tmp_path / "ours")
    Vault(ours).create_party_key(session, ids.new_id())
    session.flush()
    with pytest.raises(ForeignRing, match="none of its keys is known there"):
        checks.remember(session, theirs, NOON)
    assert known(session) == set()
    assert len(checks.remember(session, ours, NOON).news) == 0
    assert len(known(session)) == len(checks.PAIRED)


def test_a_lost_signing_key_may_be_made_anew(session: Session, ours: FileKeyRing, tmp_path: Path) -> None:
    (tmp_path / "ours" / "access_token.1.json").unlink()
    assert checks.hold(session, made(tmp_path / "ours")) == checks.Comparison()


def test_a_process_with_a_foreign_ring_answers_and_writes_nothing(world: World, tmp_path: Path) -> None:
    parts, foreign = world.parts, made(tmp_path / "theirs")
    issuer, path = world.machine("issuer"), f"/v1/issuer/cards/{world.person('bo')['card_id']}/block"
    with parts.database.transaction("test") as session:
        checks.remember(session, parts.vault.ring, NOON)
        sessions = sessionmaker(session.connection(), join_transaction_mode="create_savepoint", expire_on_commit=False)
    database = Database(sessions, foreign, announce=lambda: None, custody=Custody(foreign))
    world.app.extensions["tegnebog"] = replace(parts, database=database, vault=Vault(foreign))
    assert is_refused(issuer.request("POST", path, {"reason": "lost"}), 503, "unavailable")
    ready = world.http.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["keys"]) == (503, "the key ring of another database")


def test_a_process_compares_once(session: Session, ours: FileKeyRing) -> None:
    held = Custody(ours)
    held(session)
    asked = session.scalars(select(func.count()).select_from(KeyCheck)).one()
    session.execute(update(KeyCheck).values(check_value=bytes(32)))
    held(session)
    assert asked == len(checks.PAIRED)


def test_a_copy_that_lacks_a_version_says_so_and_goes_on(world: World) -> None:
    with world.parts.database.transaction("test") as session:
        checks.remember(session, world.parts.vault.ring, NOON)
        session.add(KeyCheck(purpose="journal", version=9, check_value=bytes(32), at=NOON))
    ready = world.http.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["keys"]) == (200, "lacks version 9 of journal")


def test_a_ring_that_lacks_what_linked_gives_no_verdict(world: World, tmp_path: Path) -> None:
    """Neither does another's: a journal that it cannot verify is not one that was changed."""
    card_id = world.person("bo")["card_id"]
    path, issuer = f"/v1/issuer/cards/{card_id}/journal/verify", world.machine("issuer")
    assert issuer.request("GET", path).json()["valid"]
    with world.parts.database.transaction("test") as session:
        checks.remember(session, world.parts.vault.ring, NOON)
        session.add(KeyCheck(purpose="journal", version=9, check_value=bytes(32), at=NOON))
        session.execute(update(JournalEntry).values(key_version=9))
    assert is_refused(issuer.request("GET", path), 503, "unavailable")
    world.app.extensions["tegnebog"] = replace(world.parts, vault=Vault(made(tmp_path / "theirs")))
    assert is_refused(issuer.request("GET", path), 503, "unavailable")
