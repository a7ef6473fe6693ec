"""What the documents name is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.policy.source import ROOT, modules

DOCUMENTS = sorted((ROOT / "docs").rglob("*.md"))
TESTS = {
    node.name
    for tree in modules("tests").values()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", document.read_text()))
    assert named - TESTS == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_page_that_a_document_points_to_is_there(document: Path) -> None:
    pages = re.findall(r"\]\(((?!https?:|#)[^)#]+)", document.read_text())
    assert [page for page in pages if not (document.parent / page).exists()] == []


def test_there_are_documents_that_name_tests() -> None:
    assert len(re.findall(r"`test_\w+`", (ROOT / "docs" / "access.md").read_text())) > 50
