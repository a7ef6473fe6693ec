"""A card that is typed in: never shown, and after so many wrong ones there is a pause. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.payments import POLICIES
from tokenization.provisioning.card_entry import CardEntry, pause
from tokenization.secret import Cvc, Number

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_card_that_was_typed_in_is_not_shown_by_printing_it() -> None:
    shown = repr(CardEntry(Number("9208904471293561"), "2029-09", Cvc("471")))
    assert "447129" not in shown
    assert "471" not in shown


def wrong(*hours_ago: float) -> list[datetime]:
    return [NOON - HOUR * ago for ago in hours_ago]


@pytest.mark.parametrize(
    ("wrong_at", "wait"),
    [
        (wrong(), 0),
        (wrong(0, 0, 0, 0), 0),
        (wrong(0, 0, 0, 0, 0), 24),
        (wrong(1, 2, 3, 4, 5), 23),  # from the fifth on
        (wrong(23, 23, 23, 23, 23), 1),
        (wrong(24, 24, 24, 24, 24), 0),
        (wrong(0, 1, 2, 3, 24), 0),  # the first is too long ago to count with the fifth
        (wrong(0, 1, 2, 3, 23.9), 24),
    ],
    ids=str,
)
def test_after_five_wrong_cards_a_person_waits_a_day(wrong_at: list[datetime], wait: float) -> None:
    assert pause(wrong_at, POLICIES.provisioning, NOON) == HOUR * wait
