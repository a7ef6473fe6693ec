"""Rotating and retiring keys, and key rings in other processes that follow."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.ceremonies import NotPossible, Standing
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import KeyRingError, Purpose

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGNING = Purpose.ACCESS_TOKEN
WRAPPING = Purpose.KEY_ENCRYPTION
QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ceremonies.create(tmp_path / "ring", NOON - timedelta(days=90))
    return tmp_path / "ring"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def ring(folder: Path, clock: SetClock) -> FileKeyRing:
    return FileKeyRing(folder, clock)


def key_in(folder: Path, name: str) -> str:
    return str(json.loads((folder / name).read_text())["key"])


def versions(ring: FileKeyRing) -> list[int]:
    return [each.version for each in ring.usable(SIGNING)]


def test_a_new_version_is_known_at_once_and_used_when_it_is_time(
    folder: Path, ring: FileKeyRing, clock: SetClock
) -> None:
    assert ceremonies.rotate(folder, SIGNING, NOON + QUARTER) == 2
    clock.advance(SECOND)
    assert versions(ring) == [1, 2]
    assert ring.current(SIGNING).version == 1
    clock.set(NOON + QUARTER)
    assert ring.current(SIGNING).version == 2
    assert ring.get(SIGNING, 1) != ring.get(SIGNING, 2)


def test_the_folder_is_looked_at_once_a_second(folder: Path, ring: FileKeyRing, clock: SetClock) -> None:
    clock.advance(SECOND)
    assert versions(ring) == [1]
    ceremonies.rotate(folder, SIGNING, NOON)
    clock.advance(SECOND / 2)
    assert versions(ring) == [1]
    clock.advance(SECOND / 2)
    assert versions(ring) == [1, 2]


def test_a_clock_that_is_put_back_does_not_keep_it_from_looking(
    folder: Path, ring: FileKeyRing, clock: SetClock
) -> None:
    ceremonies.rotate(folder, SIGNING, NOON - timedelta(days=2))
    clock.advance(-timedelta(days=1))
    assert versions(ring) == [1, 2]


def test_a_version_that_is_missing_is_looked_for_at_once(folder: Path, ring: FileKeyRing) -> None:
    ceremonies.rotate(folder, SIGNING, NOON)
    assert ring.get(SIGNING, 2) == FileKeyRing(folder, SetClock(NOON)).get(SIGNING, 2)


def test_where_none_is_active_yet_the_next_is_used(folder: Path, clock: SetClock) -> None:
    ceremonies.rotate(folder, SIGNING, NOON)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    clock.advance(-SECOND)  # the clock of a host that goes behind the operator's
    assert FileKeyRing(folder, clock).current(SIGNING).version == 2


def test_in_an_emergency_a_version_overtakes_the_one_that_waits(
    folder: Path, ring: FileKeyRing, clock: SetClock
) -> None:
    ceremonies.rotate(folder, SIGNING, NOON + QUARTER)
    ceremonies.rotate(folder, SIGNING, NOON)
    ring.refresh()
    assert ring.current(SIGNING).version == 3
    clock.advance(QUARTER)
    assert ring.current(SIGNING).version == 3


def test_a_retired_version_is_refused_and_its_key_is_forgotten(folder: Path, ring: FileKeyRing) -> None:
    secret = key_in(folder, "access_token.1.json")
    ceremonies.rotate(folder, SIGNING, NOON)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    ring.refresh()
    assert versions(ring) == [2]
    with pytest.raises(KeyRingError, match="version 1 of access_token is retired"):
        ring.get(SIGNING, 1)
    assert not any(secret in path.read_text() for path in folder.iterdir())


def test_a_retired_versions_number_is_not_used_again(folder: Path) -> None:
    ceremonies.rotate(folder, SIGNING, NOON + QUARTER)
    ceremonies.retire(folder, SIGNING, 2, NOON)
    assert ceremonies.rotate(folder, SIGNING, NOON) == 3


def test_a_rotation_is_called_off_by_retiring_what_is_not_active_yet(
    folder: Path, ring: FileKeyRing, clock: SetClock
) -> None:
    ceremonies.rotate(folder, SIGNING, NOON + QUARTER)
    ceremonies.retire(folder, SIGNING, 2, NOON)
    clock.advance(QUARTER)
    assert ring.current(SIGNING).version == 1


@pytest.mark.parametrize(
    ("version", "said"),
    [(2, "is the one in use"), (1, "is retired already"), (7, "holds no version 7 of access_token")],
)
def test_what_cannot_be_retired(folder: Path, version: int, said: str) -> None:
    ceremonies.rotate(folder, SIGNING, NOON)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    with pytest.raises(KeyRingError, match=said):
        ceremonies.retire(folder, SIGNING, version, NOON)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - {Purpose.FINGERPRINT}))
def test_every_key_rotates_but_one(folder: Path, clock: SetClock, purpose: Purpose) -> None:
    ring = FileKeyRing(folder, clock)
    before = ring.current(purpose)
    assert ceremonies.rotate(folder, purpose, NOON) == 2
    clock.advance(SECOND)
    assert ring.current(purpose).version == 2
    assert ring.get(purpose, 1) == before.key != ring.current(purpose).key


def test_the_fingerprints_key_does_not_rotate_and_it_is_said_why(folder: Path) -> None:
    before = sorted(folder.iterdir())
    for act in (
        lambda: ceremonies.rotate(folder, Purpose.FINGERPRINT, NOON),
        lambda: ceremonies.retire(folder, Purpose.FINGERPRINT, 1, NOON),
    ):
        with pytest.raises(NotPossible, match="all would have to be opened and entered anew"):
            act()
    assert sorted(folder.iterdir()) == before


def test_a_symmetric_key_is_refused_first_and_forgotten_later(folder: Path, clock: SetClock) -> None:
    ring, secret = FileKeyRing(folder, clock), key_in(folder, "key_encryption.1.json")
    ceremonies.rotate(folder, WRAPPING, NOON)
    ceremonies.retire(folder, WRAPPING, 1, NOON)
    clock.advance(SECOND)
    with pytest.raises(KeyRingError, match="version 1 of key_encryption is retired"):
        ring.get(WRAPPING, 1)
    assert [each.version for each in ring.usable(WRAPPING)] == [2]
    assert key_in(folder, "key_encryption.1.json") == secret
    ceremonies.destroy(folder, WRAPPING, 1, NOON)
    clock.advance(SECOND)
    with pytest.raises(KeyRingError, match="version 1 of key_encryption is retired"):
        ring.get(WRAPPING, 1)
    assert not any(secret in path.read_text() for path in folder.iterdir())
    assert ceremonies.rotate(folder, WRAPPING, NOON) == 3


def test_a_retirement_can_be_taken_back_until_the_key_is_destroyed(folder: Path, clock: SetClock) -> None:
    ring = FileKeyRing(folder, clock)
    before = ring.get(WRAPPING, 1)
    ceremonies.rotate(folder, WRAPPING, NOON)
    ceremonies.retire(folder, WRAPPING, 1, NOON)
    ceremonies.reinstate(folder, WRAPPING, 1)
    clock.advance(SECOND)
    assert (ring.get(WRAPPING, 1), ring.current(WRAPPING).version) == (before, 2)
    ceremonies.retire(folder, WRAPPING, 1, NOON)
    ceremonies.destroy(folder, WRAPPING, 1, NOON)
    with pytest.raises(NotPossible, match="is forgotten already"):
        ceremonies.reinstate(folder, WRAPPING, 1)


def test_what_cannot_be_destroyed(folder: Path) -> None:
    ceremonies.rotate(folder, WRAPPING, NOON)
    for version, said in ((1, "is not retired"), (2, "is not retired"), (7, "holds no version 7")):
        with pytest.raises(NotPossible, match=said):
            ceremonies.destroy(folder, WRAPPING, version, NOON)
    ceremonies.rotate(folder, SIGNING, NOON)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    with pytest.raises(NotPossible, match="is forgotten already"):
        ceremonies.destroy(folder, SIGNING, 1, NOON)


def test_how_each_version_stands(folder: Path) -> None:
    for active_from in (NOON, NOON, NOON + QUARTER):
        ceremonies.rotate(folder, SIGNING, active_from)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    found = [one for one in ceremonies.standings(folder, NOON) if one.purpose == SIGNING]
    assert found == [
        Standing(SIGNING, 1, "retired", NOON, active_from=NOON - timedelta(days=90), until=NOON),
        Standing(SIGNING, 2, "previous", NOON, active_from=NOON, until=NOON),
        Standing(SIGNING, 3, "current", NOON, active_from=NOON),
        Standing(SIGNING, 4, "next", NOON + QUARTER, active_from=NOON + QUARTER),
    ]


def test_a_version_that_was_overtaken_before_its_time_is_still_to_come(folder: Path) -> None:
    for active_from in (NOON + QUARTER, NOON):
        ceremonies.rotate(folder, SIGNING, active_from)
    found = [(one.version, one.state) for one in ceremonies.standings(folder, NOON) if one.purpose == SIGNING]
    assert found == [(1, "previous"), (2, "next"), (3, "current")]


def test_a_destroyed_version_says_so(folder: Path) -> None:
    ceremonies.rotate(folder, WRAPPING, NOON)
    ceremonies.retire(folder, WRAPPING, 1, NOON)
    ceremonies.destroy(folder, WRAPPING, 1, NOON + QUARTER)
    found = [(one.state, one.since) for one in ceremonies.standings(folder, NOON) if one.purpose == WRAPPING]
    assert found == [("destroyed", NOON + QUARTER), ("current", NOON)]


def test_a_running_process_takes_no_other_key_under_a_version_that_it_knows(
    folder: Path, ring: FileKeyRing, clock: SetClock
) -> None:
    """As when a file was lost and made again: what it holds opens nothing, and would break every journal."""
    before = ring.current(Purpose.JOURNAL)
    (folder / "journal.1.json").unlink()
    ceremonies.create(folder, NOON)
    clock.advance(SECOND)
    assert ring.current(Purpose.JOURNAL) == before


def test_new_files_are_their_owners_only_and_no_draft_is_left(folder: Path) -> None:
    ceremonies.rotate(folder, SIGNING, NOON)
    ceremonies.retire(folder, SIGNING, 1, NOON)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert all(path.suffix == ".json" for path in folder.iterdir())


def test_two_who_rotate_at_once_do_not_write_over_each_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link
    hurried: list[None] = []

    def overtaken(draft: Path, path: Path) -> None:
        if not hurried:
            hurried.append(link(draft, path))
        link(draft, path)

    monkeypatch.setattr(os, "link", overtaken)
    with pytest.raises(KeyRingError, match="somebody else has just made version 2"):
        ceremonies.rotate(folder, SIGNING, NOON)
    assert all(path.suffix == ".json" for path in folder.iterdir())


def broken(folder: Path) -> None:
    (folder / "journal.1.json").write_text('{"purpose": "jour')


def open_to_others(folder: Path) -> None:
    (folder / "journal.1.json").chmod(0o644)


def gone(folder: Path) -> None:
    (folder / "journal.1.json").unlink()


@pytest.mark.parametrize(
    ("harm", "said"), [(broken, "not readable as a key"), (open_to_others, "owner only"), (gone, "is gone")]
)
def test_a_broken_file_takes_nothing_down_and_hides_nothing_new(
    folder: Path, ring: FileKeyRing, clock: SetClock, harm: Callable[[Path], None], said: str
) -> None:
    before = ring.current(Purpose.JOURNAL)
    ceremonies.rotate(folder, SIGNING, NOON)
    harm(folder)
    with capture_logs() as logs:
        for _ in range(3):
            clock.advance(SECOND)
            assert ring.current(Purpose.JOURNAL) == before
            assert ring.current(SIGNING).version == 2
    [line] = logs
    assert (line["event"], line["log_level"]) == ("key_ring_not_read", "error")
    assert said in line["wrong"][0]
    assert before.key.reveal().hex() not in str(logs)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: folder.chmod(0o755), "mode 0700"),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "No such file"),
    ],
)
def test_a_ring_that_cannot_be_read_any_more_takes_nothing_down(
    folder: Path, ring: FileKeyRing, clock: SetClock, harm: Callable[[Path], None], said: str
) -> None:
    before = ring.current(SIGNING)
    ring.refresh()
    ceremonies.rotate(folder, SIGNING, NOON)
    harm(folder)
    with capture_logs() as logs:
        clock.advance(SECOND)
        assert ring.current(SIGNING) == before
    assert said in logs[0]["wrong"][0]


def test_a_file_is_taken_once_it_is_whole(folder: Path, ring: FileKeyRing, clock: SetClock) -> None:
    ceremonies.rotate(folder, SIGNING, NOON)
    path = folder / "access_token.2.json"
    whole = path.read_text()
    path.write_text(whole[:40])  # as a copy to another host may be for a moment
    ring.refresh()
    assert versions(ring) == [1]
    path.write_text(whole)
    clock.advance(SECOND)
    assert versions(ring) == [1, 2]


def test_half_written_drafts_are_no_keys(folder: Path, ring: FileKeyRing) -> None:
    (folder / ".access_token.x.draft").write_text('{"purpose": "acc')
    ring.refresh()
    assert versions(FileKeyRing(folder, SetClock(NOON))) == versions(ring) == [1]


def test_a_new_key_belongs_to_the_owner_of_the_ring_whoever_makes_it(folder: Path) -> None:
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, owner, -1)
    ceremonies.rotate(folder, SIGNING, NOON)
    assert (folder / "access_token.2.json").stat().st_uid == owner
