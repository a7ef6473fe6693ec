"""The key ring in a folder, and sealing under a data key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tokenization import ids, keys
from tokenization.keys import FileKeyRing, KeyRingError, Purpose
from tokenization.secret import Key
from tokenization.vault import DataKey, Place, VaultError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.create(tmp_path / "ring")
    return tmp_path / "ring"


def rewrite(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_ring_has_a_key_for_every_purpose_and_none_serves_two(folder: Path) -> None:
    ring = FileKeyRing(folder)
    made = [ring.current(purpose).key for purpose in Purpose]
    assert len(set(made)) == len(Purpose)
    assert all(ring.versions(purpose) == [1] for purpose in Purpose)


def test_only_its_owner_can_read_a_ring(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_asymmetric_keys_are_on_p256(folder: Path) -> None:
    ring = FileKeyRing(folder)
    for purpose in keys.ASYMMETRIC:
        private = load_der_private_key(ring.current(purpose).key.reveal(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        assert isinstance(private.curve, SECP256R1)


def test_making_a_ring_again_keeps_the_keys(folder: Path) -> None:
    before = {path.name: path.read_text() for path in folder.iterdir()}
    keys.create(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_the_highest_version_is_current_and_older_ones_stay(folder: Path) -> None:
    newer = {"purpose": "journal", "version": 2, "key": "22" * 32}
    (folder / "journal.2.json").touch(0o600)
    (folder / "journal.2.json").write_text(json.dumps(newer))
    ring = FileKeyRing(folder)
    assert ring.current(Purpose.JOURNAL) == keys.VersionedKey(2, Key(bytes.fromhex("22" * 32)))
    assert ring.get(Purpose.JOURNAL, 1) != ring.get(Purpose.JOURNAL, 2)


def test_a_version_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(KeyRingError, match="no version 7 of token"):
        FileKeyRing(folder).get(Purpose.TOKEN, 7)


def test_a_purpose_without_a_key_is_refused(folder: Path) -> None:
    (folder / "token.1.json").unlink()
    with pytest.raises(KeyRingError, match="no key for token"):
        FileKeyRing(folder).current(Purpose.TOKEN)


@pytest.mark.parametrize("name", ["", "token.1.json"])
def test_a_ring_that_others_can_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o750)
    with pytest.raises(KeyRingError, match="owner only"):
        FileKeyRing(folder)


def test_a_ring_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="no key ring"):
        FileKeyRing(tmp_path / "elsewhere")


def test_a_key_under_the_name_of_another_purpose_is_refused(folder: Path) -> None:
    (folder / "token.1.json").write_text((folder / "journal.1.json").read_text())
    with pytest.raises(KeyRingError, match="another name"):
        FileKeyRing(folder)


@pytest.mark.parametrize(
    "changes",
    [{"key": "zz"}, {"key": 5}, {"key": "00"}, {"version": "one"}, {"version": 0}, {"purpose": "tokens"}],
    ids=str,
)
def test_a_file_that_holds_no_key_is_refused_by_its_name_alone(folder: Path, changes: dict[str, object]) -> None:
    secret = json.loads((folder / "token.1.json").read_text())["key"]
    rewrite(folder, "token.1.json", **changes)
    with pytest.raises(KeyRingError, match=r"token\.1\.json") as raised:
        FileKeyRing(folder)
    assert secret not in str(raised.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"'])
def test_a_file_that_is_no_entry_is_refused(folder: Path, content: str) -> None:
    (folder / "token.1.json").write_text(content)
    with pytest.raises(KeyRingError, match="not readable as a key"):
        FileKeyRing(folder)


PLACE = Place("plastics", ids.new_id(), "number_sealed")
DATA_KEY = DataKey(1, Key(bytes(32)))


def test_what_is_sealed_opens_at_its_place() -> None:
    sealed = DATA_KEY.seal(PLACE, b"9208904471293561")
    assert DATA_KEY.open(PLACE, sealed) == b"9208904471293561"
    assert b"9208904471293561" not in sealed


def test_the_same_value_is_never_sealed_the_same_way() -> None:
    assert DATA_KEY.seal(PLACE, b"471") != DATA_KEY.seal(PLACE, b"471")


@pytest.mark.parametrize(
    "elsewhere",
    [replace(PLACE, table="tokens"), replace(PLACE, row_id=ids.new_id()), replace(PLACE, column="pin_key_sealed")],
    ids=["table", "row", "column"],
)
def test_a_sealed_value_opens_nowhere_else(elsewhere: Place) -> None:
    with pytest.raises(VaultError):
        DATA_KEY.open(elsewhere, DATA_KEY.seal(PLACE, b"471"))


def test_a_sealed_value_is_bound_to_the_version_of_its_data_key() -> None:
    sealed = DATA_KEY.seal(PLACE, b"471")
    with pytest.raises(VaultError):
        DATA_KEY.open(PLACE, (2).to_bytes(2) + sealed[2:])


def test_a_sealed_value_opens_with_no_other_key() -> None:
    with pytest.raises(VaultError):
        DataKey(1, Key(bytes([1] * 32))).open(PLACE, DATA_KEY.seal(PLACE, b"471"))


def test_a_sealed_value_that_was_changed_anywhere_does_not_open() -> None:
    sealed = DATA_KEY.seal(PLACE, b"471")
    for at in range(len(sealed)):
        with pytest.raises(VaultError):
            DATA_KEY.open(PLACE, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])


@pytest.mark.parametrize("length", [0, 1, 2, 13, 14, 20])
def test_a_sealed_value_that_was_cut_does_not_open(length: int) -> None:
    with pytest.raises(VaultError):
        DATA_KEY.open(PLACE, DATA_KEY.seal(PLACE, b"471")[:length])
