"""docs/tokens.md says what the code does: its tables are held against those of the code."""

import re
from functools import partial

from notifications.audiences import OPERATIONS
from tests import documents
from tests.policy.source import ROOT
from tokenization.life_cycle import MOVES
from tokenization.token_operations import NAMES, RULES
from tokenization.token_status import STATUS_BY_CAUSE

DOCUMENT = (ROOT / "docs" / "tokens.md").read_text()
table = partial(documents.table, "tokens.md")


def test_the_reasons_in_the_document_are_those_of_the_code() -> None:
    expected = []
    for rule in RULES:
        names = NAMES[rule.operation, rule.reason]
        called = (names.mastercard_code, names.mastercard_event, names.visa)
        parties = (", ".join(rule.by), rule.reaches, ", ".join(rule.undone_by))
        expected.append([rule.operation, rule.reason, *parties, *(name or "" for name in called)])
    assert table("Operations and reasons") == expected


def test_the_causes_in_the_document_are_those_of_the_code() -> None:
    assert [(because, status) for because, status, _ in table("Status and `because`")] == list(STATUS_BY_CAUSE.items())


def test_the_moves_in_the_document_are_those_of_the_code() -> None:
    live = {"unverified", "inactive", "active"}
    told = {name: (sources, target) for name, sources, target, *_ in table("States and moves")}
    coded = {
        name: ("all but deactivated" if move.sources == live else ", ".join(move.sources), move.target or "")
        for name, move in MOVES.items()
    }
    assert told == coded


def test_the_names_of_operations_in_the_document_are_those_that_are_told() -> None:
    [named] = re.findall(r"`operation\.name` is (.+?)\. Its", DOCUMENT, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == list(OPERATIONS.values())
