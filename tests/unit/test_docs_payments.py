"""docs/payments.md shows the tables of the code, and says of limits what the code does."""

from collections.abc import Callable

import pytest

from delegation.categories import CASH, described
from tests.documents import table
from tests.policy.source import ROOT
from wallet.payments import rule_book
from wallet.payments.decision import RULES
from wallet.payments.entry_modes import ENTRY_MODES
from wallet.payments.reasons import RESPONSE_CODES
from wallet.payments.rules import FARE_MCCS
from wallet.schemas import network

DOCUMENT = (ROOT / "docs" / "payments.md").read_text()


@pytest.mark.parametrize(
    "printed",
    [rule_book.rules, rule_book.entry_modes, rule_book.persons, rule_book.reasons],
    ids=lambda printed: printed.__name__,
)
def test_the_document_shows_the_tables_of_the_code(printed: Callable[[], str]) -> None:
    assert printed() in DOCUMENT, "print them anew: python -m wallet.payments.rule_book"


def test_the_tables_have_every_rule_reason_and_entry_mode() -> None:
    shown = table("payments.md", "The rules in their order")
    assert [row[1] for row in shown] == [rule.name for rule in RULES]
    assert [row[:2] for row in table("payments.md", "Reasons and response codes")] == [
        *map(list, RESPONSE_CODES.items())
    ]
    modes = [row[0] for row in table("payments.md", "Where, and for what")]
    assert modes == [*dict.fromkeys(name for each in ENTRY_MODES.values() for name in each)]
    assert set(modes) == set(network.ENTRY_MODES)


def test_every_rule_says_in_words_what_it_asks() -> None:
    assert all(len(row[3].split()) > 5 for row in table("payments.md", "The rules in their order"))


def test_every_reason_is_given_by_something() -> None:
    assert all(row[2] for row in table("payments.md", "Reasons and response codes"))


def test_the_category_codes_of_the_document_are_those_of_the_code() -> None:
    [cash] = [group.codes for group in described() if group.name == CASH]
    assert f"category codes of cash ({', '.join(cash.split())})" in DOCUMENT
    assert f"(category codes {', '.join(sorted(FARE_MCCS))}; RTS art. 12)" in DOCUMENT
