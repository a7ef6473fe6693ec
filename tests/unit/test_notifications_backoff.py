from datetime import UTC, datetime, timedelta

import pytest

from notifications.backoff import TEXTS, WEBHOOKS, next_attempt_at

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


def test_a_webhook_is_tried_ten_times() -> None:
    waits = [next_attempt_at(WEBHOOKS, made, NOW, 0.0) for made in range(11)]
    assert [wait - NOW for wait in waits if wait] == [
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    ]
    assert waits[10] is None


@pytest.mark.parametrize("schedule", [WEBHOOKS, TEXTS])
def test_chance_makes_it_later_by_a_fifth_at_most_and_never_earlier(schedule: tuple[timedelta, ...]) -> None:
    for made, wait in enumerate(schedule):
        spread = [next_attempt_at(schedule, made, NOW, chance) for chance in (0.0, 0.5, 1.0)]
        assert spread == [NOW + wait, NOW + wait * 1.1, NOW + wait * 1.2]


def test_a_text_outlives_a_gateway_that_is_down_for_a_day() -> None:
    assert timedelta(hours=24) < sum(TEXTS, timedelta(0)) < timedelta(hours=48)
