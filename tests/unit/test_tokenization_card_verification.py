"""The CVC: it follows from number and expiry under one version of the key, and stays when the key rotates."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tokenization import card_verification
from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.secret import Cvc, Number
from tokenization.vault import VaultError

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NUMBER = Number("9208904471293561")
MONTHS = [f"20{year}-{month:02d}" for year in (28, 29, 30) for month in range(1, 13)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ceremonies.create(tmp_path / "ring", NOON)
    return tmp_path / "ring"


@pytest.fixture
def ring(folder: Path) -> FileKeyRing:
    return FileKeyRing(folder, SetClock(NOON))


def rotate(folder: Path, ring: FileKeyRing) -> None:
    ceremonies.rotate(folder, Purpose.CARD_VERIFICATION, NOON)
    ring.refresh()


def retire(folder: Path, ring: FileKeyRing) -> None:
    rotate(folder, ring)
    ceremonies.retire(folder, Purpose.CARD_VERIFICATION, 1, NOON)
    ring.refresh()


def all_of(ring: FileKeyRing, version: int) -> list[Cvc]:
    return [card_verification.cvc(ring, version, NUMBER, month) for month in MONTHS]


def test_it_is_three_digits_that_follow_from_number_and_expiry(ring: FileKeyRing) -> None:
    assert all_of(ring, 1) == all_of(ring, 1)
    assert len(set(all_of(ring, 1))) > 20
    assert all(len(cvc.reveal()) == 3 and cvc.reveal().isdigit() for cvc in all_of(ring, 1))


def test_a_rotation_changes_nobodys(folder: Path, ring: FileKeyRing) -> None:
    before = all_of(ring, 1)
    rotate(folder, ring)
    assert all_of(ring, 1) == before
    assert all_of(ring, 2) != before


def test_a_right_one_fits_and_a_wrong_one_does_not(ring: FileKeyRing) -> None:
    right = card_verification.cvc(ring, 1, NUMBER, "2029-09")
    wrong = Cvc(f"{(int(right.reveal()) + 1) % 1000:03d}")
    assert card_verification.fits(ring, 1, NUMBER, "2029-09", right)
    assert not card_verification.fits(ring, 1, NUMBER, "2029-09", wrong)


def test_none_can_be_computed_under_a_retired_version(folder: Path, ring: FileKeyRing) -> None:
    right = card_verification.cvc(ring, 1, NUMBER, "2029-09")
    retire(folder, ring)
    with pytest.raises(VaultError, match="version 1 of card_verification is retired"):
        card_verification.cvc(ring, 1, NUMBER, "2029-09")
    assert not card_verification.fits(ring, 1, NUMBER, "2029-09", right)


def test_for_a_number_that_nobody_has_one_is_computed_all_the_same(folder: Path, ring: FileKeyRing) -> None:
    retire(folder, ring)
    newest = card_verification.cvc(ring, 2, NUMBER, "2029-09")
    assert card_verification.fits(ring, None, NUMBER, "2029-09", newest)


def test_without_any_key_none_fits(folder: Path) -> None:
    (folder / "card_verification.1.json").unlink()
    empty = FileKeyRing(folder, SetClock(NOON))
    assert not card_verification.fits(empty, None, NUMBER, "2029-09", Cvc("123"))
