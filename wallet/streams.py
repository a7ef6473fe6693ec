"""Who holds how many streams here: each holds a thread, of which a worker has some hundreds for everybody."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final
from uuid import UUID

# Phones and tablets of one person, and some that lost their network and came again before we noticed.
PER_PERSON: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One stream's. `ousted`: the person's oldest stream lost its own to it, and should be told to look."""

    person: UUID
    ousted: bool


class Places:
    """The streams of this process. The newest wins: the oldest is likely that of a phone that is gone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[UUID, list[Place]] = {}

    @contextmanager
    def taken(self, person: UUID) -> Iterator[Place]:
        """A place for that person, given back in the end, unless it was lost before."""
        place = self._take(person)
        try:
            yield place
        finally:
            self._give_back(place)

    def holds(self, place: Place) -> bool:
        """Whether it was not lost to a newer stream."""
        with self._lock:
            return place in self._held.get(place.person, ())

    def held(self, person: UUID) -> int:
        """How many that person has."""
        with self._lock:
            return len(self._held.get(person, ()))

    def _take(self, person: UUID) -> Place:
        with self._lock:
            held = self._held.setdefault(person, [])
            place = Place(person, ousted=len(held) >= PER_PERSON)
            self._held[person] = [*held, place][-PER_PERSON:]
            return place

    def _give_back(self, place: Place) -> None:
        with self._lock:
            left = [other for other in self._held.pop(place.person, ()) if other is not place]
            if left:
                self._held[place.person] = left
