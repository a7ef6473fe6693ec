"""What several versions of the ceilings, one after the other, leave to tell."""

from datetime import UTC, datetime, timedelta

import pytest

from delegation.models import DrawingRight
from notifications.ceilings import Lowered, Version, felt_by, in_turn, still_lower

TODAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per_day", "told"),
    [
        pytest.param((200, 100), 100, id="lowered"),
        pytest.param((200, 200), None, id="as it was"),
        pytest.param((200, 300), None, id="raised"),
        pytest.param((200, 100, 100), 100, id="lowered, and then something else was set"),
        pytest.param((200, 100, 200), None, id="lowered and raised again"),
        pytest.param((200, 100, 150), 150, id="lowered, and raised by less"),
        pytest.param((200, 100, 50), None, id="lowered twice: the second tells"),
        pytest.param(
            (200, 100, 50, 150), 150, id="lowered twice, raised above where the second began: the first tells"
        ),
        pytest.param((200, 100, 150, 140), None, id="lowered, raised by less, lowered: the last tells"),
        pytest.param((200, 100, 50, 200), None, id="lowered twice and raised to where it was"),
        pytest.param((100, 50, 150), None, id="seen from the second lowering"),
    ],
)
def test_each_lowering_that_is_left_is_told_by_one_version(per_day: tuple[int, ...], told: int | None) -> None:
    history = [{"per_day": figure, "per_week": 700} for figure in per_day]
    assert still_lower(history) == ({} if told is None else {"per_day": told})


def test_a_figure_is_felt_where_a_right_reaches_above_it_and_not_exactly_to_it() -> None:
    right = DrawingRight(per_payment=101, per_day=100, per_week=99, per_month=None)
    lowered = Lowered(dict.fromkeys(("per_payment", "per_day", "per_week", "per_month"), 100), TODAY.date())
    assert set(felt_by(right, lowered)) == {"per_payment", "per_month"}


def test_of_several_figures_each_is_told_by_the_version_that_lowered_it() -> None:
    history = [
        {"per_day": 200, "per_week": 700, "payments_per_day": 20},
        {"per_day": 100, "per_week": 600, "payments_per_day": 20},
        {"per_day": 100, "per_week": 500, "payments_per_day": 10},
    ]
    assert still_lower(history) == {"per_day": 100}
    assert still_lower(history[1:]) == {"per_week": 500, "payments_per_day": 10}


@pytest.mark.parametrize(
    ("set_so_far", "tell"),
    [
        pytest.param(((0, 500), (30, 200)), {2: (200, 30)}, id="lowered, not yet"),
        pytest.param(((0, 500), (30, 200), (0, 200)), {2: None, 3: (200, 0)}, id="brought forward"),
        pytest.param(((0, 500), (30, 200), (10, 300)), {2: None, 3: (300, 10)}, id="sooner, and by less"),
        pytest.param(((0, 500), (30, 200), (0, 500)), {2: None, 3: None}, id="called off"),
        pytest.param(((0, 500), (30, 800), (0, 600)), {2: None, 3: None}, id="raised, with a higher raise to come"),
        pytest.param(((0, 500), (30, 800), (0, 500)), {2: None, 3: None}, id="a raise called off"),
        pytest.param(((0, 500), (30, 800), (0, 400)), {2: None, 3: (400, 0)}, id="lowered instead of a raise to come"),
        pytest.param(((0, 500), (30, 800), (30, 600)), {2: None, 3: (600, 30)}, id="raised by less, on the same day"),
        pytest.param(((0, 500), (30, 200), (60, 100)), {2: (200, 30), 3: (100, 60)}, id="lowered twice, not yet"),
        pytest.param(((0, 500), (10, 400), (30, 200), (20, 300)), {2: (400, 10), 3: None, 4: (300, 20)}, id="between"),
        pytest.param(((0, 500), (0, 200), (30, 500), (10, 300)), {2: (200, 0), 3: None, 4: None}, id="raised sooner"),
    ],
)
def test_what_is_to_come_is_compared_with_what_would_hold_then(
    set_so_far: tuple[tuple[int, int], ...], tell: dict[int, tuple[int, int] | None]
) -> None:
    """Each version as the day from which it holds and its figure; by version what is told, from that day."""
    versions = [
        Version(number, TODAY + timedelta(days=days), {"per_day": figure})
        for number, (days, figure) in enumerate(set_so_far, 1)
    ]
    told = {}
    for number in tell:
        by_then = [each for each in versions if each.effective_at <= versions[number - 1].effective_at]
        history = in_turn(by_then, number)
        left = still_lower([each.figures for each in history])
        told[number] = (left["per_day"], (history[-1].effective_at - TODAY).days) if left else None
    assert told == tell
