"""What several versions of the ceilings, one after the other, leave to tell."""

import pytest

from notifications.ceilings import still_lower


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


def test_of_several_figures_each_is_told_by_the_version_that_lowered_it() -> None:
    history = [
        {"per_day": 200, "per_week": 700, "payments_per_day": 20},
        {"per_day": 100, "per_week": 600, "payments_per_day": 20},
        {"per_day": 100, "per_week": 500, "payments_per_day": 10},
    ]
    assert still_lower(history) == {"per_day": 100}
    assert still_lower(history[1:]) == {"per_week": 500, "payments_per_day": 10}
