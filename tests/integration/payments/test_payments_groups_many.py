"""One by one or in groups, once more: lists that were thought out, and lists by chance."""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.integration.payments.alike import LISTS, assert_alike
from tests.integration.payments.quarter import (
    AGAIN,
    BURIED,
    FILED,
    FILED_WAYS,
    PLACES,
    PLASTIC_WAYS,
    PLASTICS,
    SPOILED,
    TOKEN_WAYS,
    TOKENS,
    Again,
    Quarter,
    Wish,
)

FEW: Final = 6  # always the same; more are others each time
EXAMPLES: Final = int(os.environ.get("EXAMPLES", FEW))  # `make races`: 300
LONGEST: Final = 14  # of what a phone has keys for

WAYS: Final = (
    dict.fromkeys(TOKENS, TOKEN_WAYS) | dict.fromkeys(PLASTICS, PLASTIC_WAYS) | dict.fromkeys(FILED, FILED_WAYS)
)
AMOUNTS: Final = st.sampled_from([10_000, 100, 20_000, 30_000, 40_000, 60_000, 1, 99_999_999])
WHERE: Final = st.sampled_from(["grocer", "grocer", "film", *PLACES])
BAD: Final = st.sampled_from(["", "", "", "", *SPOILED])
NAMED: Final = st.sampled_from(["", "", "", "", "", "one", *BURIED])
AGAINS: Final = st.builds(Again, st.integers(0, 4), st.sampled_from(AGAIN))


def wishes(who: str) -> st.SearchStrategy[Wish]:
    return st.builds(Wish, st.just(who), st.sampled_from(sorted(WAYS[who])), AMOUNTS, WHERE, BAD, NAMED)


def lists_of(whos: list[str]) -> st.SearchStrategy[list[Wish | Again]]:
    new = st.one_of(*map(wishes, whos))
    return st.lists(st.one_of(new, new, new, AGAINS), min_size=2, max_size=LONGEST)


# Few pay in each: so they meet.
BATCHES: Final = st.lists(st.sampled_from(sorted(WAYS)), min_size=1, max_size=3, unique=True).flatmap(lists_of)
CUTS: Final = st.sets(st.integers(1, LONGEST - 1), max_size=4)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_was_thought_out_is_decided_alike(quarter: Quarter, connection: Connection, name: str) -> None:
    assert_alike(quarter, connection, quarter.requests(LISTS[name]), (), (1, 4))


def test_cryptograms_that_come_in_another_order_are_decided_alike(quarter: Quarter, connection: Connection) -> None:
    requests = quarter.requests([*LISTS["wrong PINs"], *LISTS["taps"]])
    assert_alike(quarter, connection, requests[::-1], (), (3, 5, 11))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == FEW,
    phases=[Phase.generate] if EXAMPLES == FEW else [Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(wanted=BATCHES, cuts=CUTS, is_late=st.booleans())
def test_any_list_is_decided_alike(
    quarter: Quarter, connection: Connection, wanted: list[Wish | Again], cuts: set[int], is_late: bool
) -> None:
    note(repr(wanted))
    requests = quarter.requests(wanted)
    assert_alike(quarter, connection, requests[::-1] if is_late else requests, (), cuts)
