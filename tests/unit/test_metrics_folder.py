"""The folder in which processes count together: theirs while they live, and left by nobody."""

import os
import tempfile
from pathlib import Path

import pytest

from wallet import metrics_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_there_for_those_that_are_started_and_gone_afterwards(temporary: Path) -> None:
    with metrics_folder.shared() as folder:
        assert os.environ[metrics_folder.VARIABLE] == str(folder)
        assert list(temporary.iterdir()) == [folder]
    assert metrics_folder.VARIABLE not in os.environ
    assert list(temporary.iterdir()) == []


def test_what_a_killed_master_left_is_removed_and_what_a_living_one_has_is_not(temporary: Path) -> None:
    left, other = temporary / f"{metrics_folder.PREFIX}left", temporary / "other"
    left.mkdir()
    other.mkdir()
    (left / "counter_1.db").write_bytes(b"1")
    with metrics_folder.shared() as one, metrics_folder.shared() as another:
        assert sorted(temporary.iterdir()) == sorted([one, another, other])


def test_a_link_is_not_followed(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (temporary / f"{metrics_folder.PREFIX}link").symlink_to(elsewhere)
    with metrics_folder.shared():
        assert elsewhere.is_dir()
