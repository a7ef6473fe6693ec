"""What comes of an attempt to deliver, as one of a few words that a metric may have for a label."""

import pytest

from notifications import metrics
from notifications.sending import Answer


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (302, "redirected"),
        (400, "refused"),
        (404, "refused"),
        (410, "gone"),
        (429, "refused"),
        (500, "failed"),
        (503, "failed"),
        (199, "failed"),
        (999, "failed"),
    ],
)
def test_a_status_is_one_of_a_few_words(status: int, outcome: str) -> None:
    assert metrics.outcome_of(Answer(status=status)) == outcome


def test_a_failure_before_any_status_has_its_own_name() -> None:
    assert metrics.outcome_of(Answer(error="timed_out")) == "timed_out"
