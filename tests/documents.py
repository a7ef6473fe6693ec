"""Reading the tables of docs/, so that tests can hold them equal to the code's."""

from tests.policy.source import ROOT


def table(document: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading of docs/`document`, cell by cell, without the code marks."""
    text = (ROOT / "docs" / document).read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]
