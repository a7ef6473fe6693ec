"""What docs/cards-on-file.md shows of tables that stand in the code."""

import re
from dataclasses import asdict
from pathlib import Path

from notifications.credential_updates import CHANGES
from tests.payments import POLICIES
from tokenization import credentials

TEXT = (Path(__file__).parents[2] / "docs" / "cards-on-file.md").read_text()


def rows(columns: str) -> dict[str, str]:
    """First cell -> second cell, of the rows that begin like that."""
    return dict(re.findall(columns, TEXT, re.MULTILINE))


def test_it_has_every_code_of_an_update() -> None:
    assert rows(r"^\| `([A-Z])` \| `(\w+)` \|") == CHANGES


def test_it_has_every_figure_of_the_policy() -> None:
    delivered = {name: str(figure) for name, figure in asdict(POLICIES.cards_on_file).items()}
    assert rows(r"^\| `(\w+)` \| (\d+) \|") == delivered


def test_it_has_every_status_and_every_agreement() -> None:
    assert tuple(rows(r"^\| `(pending|active|withdrawn)` \| (.)")) == credentials.STATES
    assert all(f"`{agreement}` (" in TEXT for agreement in credentials.AGREEMENTS)
