"""The key ring in a folder: what it takes, what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from structlog.testing import capture_logs

from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.files import check_value
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import ASYMMETRIC, KeyRingError, Purpose, VersionedKey
from tokenization.secret import Key

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLOCK = SetClock(NOON)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ceremonies.create(tmp_path / "ring", NOON)
    return tmp_path / "ring"


def rewrite(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_ring_has_a_key_for_every_purpose_and_none_serves_two(folder: Path) -> None:
    ring = FileKeyRing(folder, CLOCK)
    made = [ring.current(purpose).key for purpose in Purpose]
    assert len(set(made)) == len(Purpose)
    assert all([each.version for each in ring.usable(purpose)] == [1] for purpose in Purpose)


def test_only_its_owner_can_read_a_ring(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_asymmetric_keys_are_on_p256(folder: Path) -> None:
    ring = FileKeyRing(folder, CLOCK)
    for purpose in ASYMMETRIC:
        private = load_der_private_key(ring.current(purpose).key.reveal(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        assert isinstance(private.curve, SECP256R1)


def test_making_a_ring_again_keeps_the_keys(folder: Path) -> None:
    before = {path.name: path.read_text() for path in folder.iterdir()}
    ceremonies.create(folder, NOON)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_the_highest_version_is_current_and_older_ones_stay(folder: Path) -> None:
    newer = {"purpose": "journal", "version": 2, "key": "22" * 32}
    (folder / "journal.2.json").touch(0o600)
    (folder / "journal.2.json").write_text(json.dumps(newer))
    ring = FileKeyRing(folder, CLOCK)
    assert ring.current(Purpose.JOURNAL) == VersionedKey(2, Key(bytes.fromhex("22" * 32)))
    assert ring.get(Purpose.JOURNAL, 1) != ring.get(Purpose.JOURNAL, 2)


def test_a_version_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(KeyRingError, match="no version 7 of token"):
        FileKeyRing(folder, CLOCK).get(Purpose.TOKEN, 7)


def test_a_purpose_without_a_key_is_refused(folder: Path) -> None:
    (folder / "token.1.json").unlink()
    with pytest.raises(KeyRingError, match="no key for token"):
        FileKeyRing(folder, CLOCK).current(Purpose.TOKEN)


@pytest.mark.parametrize("name", ["", "token.1.json"])
def test_a_ring_that_others_can_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o750)
    with pytest.raises(KeyRingError, match="owner only"):
        FileKeyRing(folder, CLOCK)


def test_a_ring_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="no key ring"):
        FileKeyRing(tmp_path / "elsewhere", CLOCK)


def test_a_key_under_the_name_of_another_purpose_is_refused(folder: Path) -> None:
    (folder / "token.1.json").write_text((folder / "journal.1.json").read_text())
    with pytest.raises(KeyRingError, match="another name"):
        FileKeyRing(folder, CLOCK)


@pytest.mark.parametrize(
    "changes",
    [{"key": "zz"}, {"key": 5}, {"key": "00"}, {"version": "one"}, {"version": 0}, {"purpose": "tokens"}],
    ids=str,
)
def test_a_file_that_holds_no_key_is_refused_by_its_name_alone(folder: Path, changes: dict[str, object]) -> None:
    secret = json.loads((folder / "token.1.json").read_text())["key"]
    rewrite(folder, "token.1.json", **changes)
    with pytest.raises(KeyRingError, match=r"token\.1\.json") as raised:
        FileKeyRing(folder, CLOCK)
    assert secret not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [{"active_from": "soon"}, {"active_from": 5}, {"active_from": "2026-11-22T12:00:00"}, {"retired_at": "2026"}],
    ids=str,
)
def test_a_file_whose_times_are_none_is_refused(folder: Path, changes: dict[str, object]) -> None:
    rewrite(folder, "access_token.1.json", **changes)
    with pytest.raises(KeyRingError, match=r"access_token\.1\.json is not readable as a key"):
        FileKeyRing(folder, CLOCK)


def test_a_file_without_times_was_always_active(folder: Path) -> None:
    path = folder / "access_token.1.json"
    content = json.loads(path.read_text())
    del content["active_from"]
    path.write_text(json.dumps(content))
    assert FileKeyRing(folder, CLOCK).current(Purpose.ACCESS_TOKEN).version == 1


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"'])
def test_a_file_that_is_no_entry_is_refused(folder: Path, content: str) -> None:
    (folder / "token.1.json").write_text(content)
    with pytest.raises(KeyRingError, match="not readable as a key"):
        FileKeyRing(folder, CLOCK)


def add(folder: Path, name: str, **content: object) -> None:
    (folder / name).touch(0o600)
    (folder / name).write_text(json.dumps(content))


def key_in(folder: Path, name: str) -> str:
    return str(json.loads((folder / name).read_text())["key"])


def test_a_key_that_was_made_for_another_purpose_is_refused_whatever_its_file_says(folder: Path) -> None:
    (folder / "token.1.json").rename(folder / "card_verification.2.json")
    rewrite(folder, "card_verification.2.json", purpose="card_verification", version=2)
    with pytest.raises(KeyRingError, match=r"card_verification\.2\.json holds a key that was made for something else"):
        FileKeyRing(folder, CLOCK)


def test_a_key_that_changed_in_its_file_is_refused(folder: Path) -> None:
    rewrite(folder, "token.1.json", key="00" * 32)
    with pytest.raises(KeyRingError, match="made for something else"):
        FileKeyRing(folder, CLOCK)


def test_a_file_from_before_there_were_checks_is_good(folder: Path) -> None:
    content = json.loads((folder / "token.1.json").read_text())
    assert content.pop("check")
    (folder / "token.1.json").write_text(json.dumps(content))
    assert FileKeyRing(folder, CLOCK).current(Purpose.TOKEN).version == 1


@pytest.mark.parametrize(("purpose", "version"), [("card_verification", 2), ("token", 2)])
def test_one_key_under_two_names_is_refused(folder: Path, purpose: str, version: int) -> None:
    add(folder, f"{purpose}.{version}.json", purpose=purpose, version=version, key=key_in(folder, "token.1.json"))
    with pytest.raises(KeyRingError, match="holds a key that another file holds too"):
        FileKeyRing(folder, CLOCK)


def test_a_retired_key_is_not_used_for_something_else_either(folder: Path) -> None:
    key = key_in(folder, "token.1.json")
    ceremonies.rotate(folder, Purpose.TOKEN, NOON)
    ceremonies.retire(folder, Purpose.TOKEN, 1, NOON)
    add(folder, "journal.2.json", purpose="journal", version=2, key=key)
    with pytest.raises(KeyRingError, match="another file holds too"):
        FileKeyRing(folder, CLOCK)


def test_a_running_process_does_not_take_a_key_that_it_knows_as_something_else(folder: Path) -> None:
    clock = SetClock(NOON)
    ring = FileKeyRing(folder, clock)
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, NOON)
    add(folder, "journal.2.json", purpose="journal", version=2, key=key_in(folder, "token.1.json"))
    clock.advance(timedelta(seconds=1))
    with capture_logs() as logs:
        assert ring.current(Purpose.JOURNAL).version == 1
    assert ring.current(Purpose.TOKEN).version == 1
    assert ring.current(Purpose.ACCESS_TOKEN).version == 2
    assert logs[0]["wrong"] == ["the key file journal.2.json holds a key that another file holds too"]


def test_a_check_value_tells_a_key_by_its_name_and_gives_nothing_of_it_away(folder: Path) -> None:
    values = FileKeyRing(folder, CLOCK).check_values()
    assert len(set(values.values())) == len(Purpose)
    key = Key(bytes(32))
    named = {check_value(purpose, version, key) for purpose in Purpose for version in (1, 2)}
    assert len(named) == 2 * len(Purpose)
    assert {len(each) for each in named} == {32}
