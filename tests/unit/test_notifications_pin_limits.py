"""R-2.5b: of which changes of the limit for paying without a PIN cardholders are told."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.pin_limits import News, Version, news, to_tell

LONG_AGO = datetime(2018, 1, 1, tzinfo=UTC)
NEW_YEAR = datetime(2026, 12, 31, 23, tzinfo=UTC)  # in Copenhagen
MINUTE = timedelta(minutes=1)


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T09:00:00Z")


def told(*versions: tuple[str | datetime, int]) -> dict[int, tuple[int, int] | tuple[str, int]]:
    """By number of a version (its day and its amount; one that is delivered stands before them), what is told: the
    amount before and the new one, or `instead` and the new one.
    """
    moments = [(LONG_AGO, 350), *((on(day) if isinstance(day, str) else day, amount) for day, amount in versions)]
    found = news([Version(number, *each) for number, each in enumerate(moments, 1)])
    for number, each in found.items():
        assert (each.since, each.pin_above) == (
            (moments[number - 1][0] + timedelta(hours=2)).date(),
            moments[number - 1][1],
        )
    return {
        number: ("instead", each.pin_above) if each.not_as_told else (each.before, each.pin_above)
        for number, each in found.items()
    }


@pytest.mark.parametrize(
    ("amount", "is_told"),
    [(350, False), (524, False), (525, True), (176, False), (175, True), (0, True), (35_000, True)],
)
def test_half_or_more_is_told_either_way_and_less_is_not(amount: int, is_told: bool) -> None:
    assert told(("2026-03-02", amount)) == ({2: (350, amount)} if is_told else {})


def test_a_hair_less_than_half_is_less() -> None:
    for limit, is_told in ((150_000, True), (149_990, False), (50_000, True), (50_010, False)):
        versions = [Version(1, LONG_AGO, 100_000), Version(2, on("2026-03-02"), limit)]
        assert bool(news(versions)) is is_told


ADDED_UP = {
    "29 % and 21 % more": ([("2026-03-02", 451), ("2026-09-01", 546)], {3: (350, 546)}),
    "raised and lowered back": ([("2026-03-02", 450), ("2026-09-01", 350)], {}),
    "told, and back by less than half": ([("2026-03-02", 600), ("2026-09-01", 350)], {2: (350, 600)}),
    "told, and back by more": ([("2026-03-02", 800), ("2026-09-01", 350)], {2: (350, 800), 3: (800, 350)}),
    "told, and a third more": ([("2026-03-02", 600), ("2026-09-01", 800)], {2: (350, 600)}),
    "told, and half more in two steps": (
        [("2026-03-02", 600), ("2026-06-01", 800), ("2026-09-01", 900)],
        {2: (350, 600), 4: (600, 900)},
    ),
    "over New Year": ([("2026-11-02", 451), ("2027-01-20", 546)], {}),
    "a new year, which begins with what was told": (
        [("2026-11-02", 600), ("2027-01-20", 800), ("2027-02-01", 900)],
        {2: (350, 600), 4: (600, 900)},
    ),
    "a new year, which begins with what nobody was told": (
        [("2026-11-02", 500), ("2027-01-20", 740), ("2027-02-01", 750)],
        {4: (500, 750)},
    ),
}


@pytest.mark.parametrize("case", ADDED_UP)
def test_a_year_is_added_up_from_how_it_began_or_from_what_was_told_in_it(case: str) -> None:
    versions, expected = ADDED_UP[case]
    assert told(*versions) == expected


def test_the_year_is_that_of_copenhagen() -> None:
    assert told((NEW_YEAR - MINUTE, 450), ("2027-03-01", 550)) == {}
    assert told((NEW_YEAR, 450), ("2027-03-01", 550)) == {3: (350, 550)}


TAKEN_BACK: dict[str, tuple[list[tuple[str, int]], dict[int, tuple[int, int] | tuple[str, int]]]] = {
    "called off": ([("2026-06-01", 600), ("2026-03-02", 350)], {2: (350, 600), 3: ("instead", 350)}),
    "brought forward": ([("2026-06-01", 600), ("2026-04-01", 600)], {2: (350, 600), 3: ("instead", 600)}),
    "another amount on that day": ([("2026-06-01", 600), ("2026-06-01", 500)], {2: (350, 600), 3: ("instead", 500)}),
    "the same again": ([("2026-06-01", 600), ("2026-06-01", 600)], {2: (350, 600)}),
    "called off, and nobody knew": ([("2026-06-01", 450), ("2026-03-02", 350)], {}),
    "what never came counts for nothing": ([("2026-06-01", 450), ("2026-04-01", 500)], {}),
    "called off, and set again": (
        [("2026-06-01", 600), ("2026-03-02", 350), ("2026-06-01", 600)],
        {2: (350, 600), 3: ("instead", 350), 4: (350, 600)},
    ),
    "the second of two called off": (
        [("2026-06-01", 600), ("2026-09-01", 900), ("2026-06-01", 600)],
        {2: (350, 600), 3: (600, 900), 4: ("instead", 600)},
    ),
}


@pytest.mark.parametrize("case", TAKEN_BACK)
def test_what_was_told_and_is_not_to_be_is_told_too(case: str) -> None:
    versions, expected = TAKEN_BACK[case]
    assert told(*versions) == expected


def test_from_nothing_any_amount_is_more_by_half() -> None:
    versions = [Version(1, LONG_AGO, 0), Version(2, on("2026-03-02"), 1), Version(3, on("2026-03-03"), 1)]
    assert news(versions) == {2: News(1, 0, date(2026, 3, 2))}


def test_a_first_version_in_the_middle_of_a_year_is_what_that_year_is_added_up_from() -> None:
    versions = [Version(1, on("2026-06-01"), 100), Version(2, on("2026-07-01"), 140), Version(3, on("2026-08-01"), 150)]
    assert news(versions[:1]) == {}
    assert news(versions) == {3: News(150, 100, date(2026, 8, 1))}


def test_nothing_is_told_once_a_later_version_told_what_holds_instead() -> None:
    versions = [Version(1, LONG_AGO, 350), Version(2, on("2026-03-02"), 3_500), Version(3, on("2026-03-03"), 350)]
    soon, later = on("2026-03-02"), on("2026-03-03")
    assert to_tell(versions, 2, soon) == News(3_500, 350, date(2026, 3, 2)), "the third is still to come"
    assert to_tell(versions, 2, later) is None
    assert to_tell(versions, 3, later) == News(350, 3_500, date(2026, 3, 3))
    small = [*versions[:2], Version(3, later, 3_600)]
    assert to_tell(small, 2, later) == News(3_500, 350, date(2026, 3, 2)), "of the third nobody is told"
    assert to_tell(small, 3, later) is None


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5)), max_size=8))
def test_within_a_year_nobody_who_reads_all_that_is_told_is_wrong_by_half(
    steps: list[tuple[int, int]],
) -> None:
    """Whatever is set, brought forward and called off."""
    versions = [Version(1, LONG_AGO, 3)]
    versions += [
        Version(n, on("2026-01-02") + timedelta(days=days), amount) for n, (days, amount) in enumerate(steps, 2)
    ]
    promised = {each[1:] for each in versions if each.number in news(versions)}
    holding: list[Version] = []
    for each in versions:
        holding = [*(one for one in holding if one.effective_at < each.effective_at), each]
    known = holding[0].pin_above
    for each in holding[1:]:
        known = each.pin_above if each[1:] in promised else known
        assert each.pin_above == known or abs(each.pin_above - known) * 2 < known
