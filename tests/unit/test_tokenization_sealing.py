"""Sealing under a data key: what is sealed opens at its place alone."""

from dataclasses import replace

import pytest

from tokenization import ids
from tokenization.secret import Key
from tokenization.vault import DataKey, Place, VaultError

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
    renamed = (2).to_bytes(2) + sealed[2:]
    for data_key, value in (
        (DATA_KEY, renamed),
        (DataKey(2, DATA_KEY.key), sealed),
        (DataKey(2, DATA_KEY.key), renamed),
    ):
        with pytest.raises(VaultError):
            data_key.open(PLACE, value)


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
