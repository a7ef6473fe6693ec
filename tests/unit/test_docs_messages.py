"""docs/messages.md shows the messages of the code."""

from collections.abc import Callable

import pytest

from notifications import message_book
from tests.policy.source import ROOT

DOCUMENT = (ROOT / "docs" / "messages.md").read_text()


@pytest.mark.parametrize(
    "printed",
    [message_book.to_holders, message_book.to_delegates, message_book.to_children],
    ids=lambda printed: printed.__name__,
)
def test_the_document_shows_the_messages_of_the_code(printed: Callable[[], str]) -> None:
    assert printed() in DOCUMENT, "print them anew: python -m notifications.message_book"
