"""How many streams one person may hold."""

from contextlib import ExitStack

import pytest

from tokenization.ids import new_id
from wallet.streams import PER_PERSON, Places

ANNA, BO = new_id(), new_id()


@pytest.fixture
def places() -> Places:
    return Places()


def test_the_newest_stream_takes_the_place_of_the_oldest(places: Places) -> None:
    with ExitStack() as streams:
        taken = [streams.enter_context(places.taken(ANNA)) for _ in range(PER_PERSON + 1)]
        assert [places.holds(place) for place in taken] == [False] + [True] * PER_PERSON
        assert [place.ousted for place in taken] == [False] * PER_PERSON + [True]


def test_nobody_takes_the_place_of_another_person(places: Places) -> None:
    with places.taken(BO) as place, ExitStack() as streams:
        for _ in range(PER_PERSON * 2):
            streams.enter_context(places.taken(ANNA))
        assert places.holds(place)


def test_a_stream_that_ends_gives_its_place_back(places: Places) -> None:
    with places.taken(ANNA), places.taken(ANNA):
        assert places.held(ANNA) == 2
    assert places.held(ANNA) == 0


def test_a_stream_that_breaks_gives_its_place_back(places: Places) -> None:
    with pytest.raises(ConnectionError), places.taken(ANNA):
        raise ConnectionError
    assert places.held(ANNA) == 0


def test_a_stream_that_lost_its_place_gives_back_nobody_elses(places: Places) -> None:
    with ExitStack() as streams:
        with places.taken(ANNA) as lost:
            newer = [streams.enter_context(places.taken(ANNA)) for _ in range(PER_PERSON)]
            assert not places.holds(lost)
        assert all(places.holds(place) for place in newer)
