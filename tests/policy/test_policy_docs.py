"""What the documents name is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.policy.source import FLOORS, ROOT, modules

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


MARK = r"\bR-S?\d+(?:\.\d+)?[a-z]?\b"


def test_every_rule_that_is_cited_stands_in_the_list_of_rules() -> None:
    listed = set(re.findall(rf"^\| ({MARK}) \|", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE))
    families = {rule[:end] for rule in listed for end in range(4, len(rule)) if not rule[end].isdigit()}
    folders = (*FLOORS, "tests", "mobile-mock", "migrations", "bench")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    cited = {mark for path in [*sources, *DOCUMENTS] for mark in re.findall(MARK, path.read_text("utf-8"))}
    assert cited
    assert cited - listed - families == set()


def test_the_list_of_rules_names_modules_that_are_there() -> None:
    named = re.findall(r"`([a-z_/]+(?:\.py|/))` \|$", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
