"""Groups that form by themselves: who leads, who is served, and what becomes of the others."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from threading import Event, Thread
from time import monotonic
from types import FrameType

import pytest

from wallet.payments.leading import MOST, Leading

BAD = -1
PATIENCE_SECONDS = 10


class Stopped(BaseException):
    """A thread is to end."""


class Clumsy(Exception):
    """The bad one was among them."""


@dataclass
class Counter:
    """Doubles numbers in groups, each of which waits at the door until it is let go on; of the bad one it raises."""

    groups: list[list[int]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    inside: Event = field(default_factory=Event)
    door: Event = field(default_factory=Event)
    raises: BaseException = field(default_factory=Clumsy)

    def doubled(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.threads.append(threading.get_ident())
        self.inside.set()
        assert self.door.wait(PATIENCE_SECONDS)
        if BAD in group:
            raise self.raises
        return [2 * each for each in group]

    def double(self, number: int) -> int:
        (doubled,) = self.doubled([number])
        return doubled


@dataclass
class Hall:
    """Where threads ask: the first is inside, until the door is opened; the others wait, in order."""

    counter: Counter = field(default_factory=Counter)
    kind: type[Leading[int, int]] = Leading
    leading: Leading[int, int] = field(init=False)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2 * MOST + 8))

    def __post_init__(self) -> None:
        self.leading = self.kind(self.counter.doubled, self.counter.double)

    def come(self, *numbers: int) -> list[Future[int]]:
        """Ask one after the other, so that they wait in that order; the first leads."""
        return [self._come(number) for number in numbers]

    def _come(self, number: int) -> Future[int]:
        waiting = len(self.leading)
        is_first = not self.counter.inside.is_set()
        asked = self.pool.submit(self.leading.ask, number)
        if is_first:
            assert self.counter.inside.wait(PATIENCE_SECONDS)
        else:
            until(lambda: len(self.leading) == waiting + 1)
        return asked


def until(condition: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not condition():
        assert monotonic() < deadline


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.counter.door.set()
    hall.pool.shutdown()


def results(asked: list[Future[int]]) -> list[int]:
    return [each.result(PATIENCE_SECONDS) for each in asked]


def test_a_single_request_is_a_list_of_one_in_its_own_thread() -> None:
    counter = Counter()
    counter.door.set()
    leading = Leading(counter.doubled, counter.double)
    assert [leading.ask(1), leading.ask(2)] == [2, 4]
    assert (counter.groups, set(counter.threads)) == ([[1], [2]], {threading.get_ident()})


def test_what_comes_meanwhile_is_one_group_in_order_of_arrival(hall: Hall) -> None:
    asked = hall.come(1, 2, 3, 4)
    hall.counter.door.set()
    assert results(asked) == [2, 4, 6, 8]
    assert hall.counter.groups == [[1], [2, 3, 4]]


def test_a_group_is_led_by_the_first_of_it_and_not_by_the_leader_before(hall: Hall) -> None:
    asked = hall.come(1, 2, 3)
    hall.counter.door.set()
    results(asked)
    first, second = hall.counter.threads
    assert first != second


def test_a_group_is_of_no_more_than_so_many_and_the_rest_is_the_next(hall: Hall) -> None:
    numbers = list(range(MOST + 4))
    asked = hall.come(*numbers)
    hall.counter.door.set()
    assert results(asked) == [2 * each for each in numbers]
    assert hall.counter.groups == [numbers[:1], numbers[1 : MOST + 1], numbers[MOST + 1 :]]


def test_where_a_group_is_of_one_nobody_waits_for_another() -> None:
    counter = Counter()
    leading = Leading(counter.doubled, counter.double, most=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(leading.ask, 1)
        assert counter.inside.wait(PATIENCE_SECONDS)
        second = pool.submit(leading.ask, 2)
        until(lambda: len(counter.groups) == 2)
        counter.door.set()
        assert results([first, second]) == [2, 4]
    assert sorted(counter.groups) == [[1], [2]]


def test_one_bad_request_fails_alone(hall: Hall) -> None:
    asked = hall.come(1, 2, BAD, 3)
    hall.counter.door.set()
    assert results([asked[0], asked[1], asked[3]]) == [2, 4, 6]
    assert asked[2].exception(PATIENCE_SECONDS) is hall.counter.raises
    assert hall.counter.groups[:2] == [[1], [2, BAD, 3]]
    assert sorted(hall.counter.groups[2:]) == [[BAD], [2], [3]]


def test_a_bad_request_alone_is_asked_once_more_without_the_lead() -> None:
    counter = Counter()
    counter.door.set()
    with pytest.raises(Clumsy):
        Leading(counter.doubled, counter.double).ask(BAD)
    assert counter.groups == [[BAD], [BAD]]


def test_who_asks_after_one_that_raised_is_served(hall: Hall) -> None:
    bad, good = hall.come(BAD, 1)
    hall.counter.door.set()
    assert good.result(PATIENCE_SECONDS) == 2
    assert bad.exception(PATIENCE_SECONDS) is hall.counter.raises
    assert hall.leading.ask(2) == 4


@pytest.mark.parametrize("outcomes", [0, 2])
def test_too_few_or_too_many_outcomes_are_nobodys(outcomes: int) -> None:
    leading: Leading[int, int] = Leading(lambda _: [7] * outcomes, lambda each: 2 * each)
    assert leading.ask(1) == 2


def test_a_leader_that_is_stopped_takes_nobody_along(hall: Hall) -> None:
    hall.counter.raises = Stopped()
    asked = hall.come(1, BAD, 2, 3)
    hall.counter.door.set()
    assert results([asked[0], *asked[2:]]) == [2, 4, 6]
    assert asked[1].exception(PATIENCE_SECONDS) is hall.counter.raises
    assert hall.counter.groups.count([BAD]) == 0
    assert hall.leading.ask(4) == 8


def _stopped(_: int, __: FrameType | None) -> None:
    raise Stopped


@pytest.fixture
def stoppable() -> Iterator[int]:
    """The main thread, in which a signal raises: only there one can interrupt a wait."""
    before = signal.signal(signal.SIGUSR1, _stopped)
    yield threading.get_ident()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("others", [[], [2, 3]])
def test_a_waiter_that_is_stopped_takes_neither_a_place_nor_the_lead(
    hall: Hall, stoppable: int, others: list[int]
) -> None:
    leader = hall.come(1)
    asked: list[Future[int]] = []

    def stop() -> None:
        until(lambda: len(hall.leading) == 1)
        asked.extend(hall.come(*others))
        signal.pthread_kill(stoppable, signal.SIGUSR1)

    stopping = Thread(target=stop)
    stopping.start()
    with pytest.raises(Stopped):
        hall.leading.ask(9)
    stopping.join()
    hall.counter.door.set()
    assert results(leader + asked) == [2, *(2 * each for each in others)]
    assert hall.leading.ask(4) == 8
    assert not any(9 in group for group in hall.counter.groups)


def test_what_was_done_is_kept_by_nobody(hall: Hall) -> None:
    results_before = hall.come(1, 2, 3)
    hall.counter.door.set()
    results(results_before)
    assert len(hall.leading) == 0
    assert not vars(hall.leading)["_led"]


@pytest.fixture
def in_turns() -> Iterator[None]:
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("in_turns")
def test_in_a_storm_everybody_is_served_once() -> None:
    counter = Counter()
    counter.door.set()
    leading = Leading(counter.doubled, counter.double)
    crowd = [range(1000 * each, 1000 * each + 100) for each in range(16)]
    with ThreadPoolExecutor(len(crowd)) as pool:
        served = list(pool.map(lambda numbers: [leading.ask(each) for each in numbers], crowd))
    assert served == [[2 * each for each in numbers] for numbers in crowd]
    assert sorted(chain(*counter.groups)) == list(chain(*crowd))


class Minds(Leading[int, int]):
    """Right: whoever comes while the lead is handed over is thought of."""

    came = False

    def _hand_over(self) -> None:
        self._come_late()
        super()._hand_over()

    def _come_late(self) -> None:
        if not self.came:
            self.came = True
            Thread(target=self.ask, args=(5,), daemon=True).start()
            until(lambda: len(self) == 1)


class KeepsTheLead(Minds):
    """Wrong: the lead is handed over to nobody."""

    def _hand_over(self) -> None:
        self._come_late()


class LosesWakeUps(Minds):
    """Wrong: looks who waits, and gives the lead back only afterwards."""

    def _hand_over(self) -> None:
        if not self._queue:
            self._come_late()
            self._led = False


@pytest.mark.parametrize(("kind", "is_served"), [(Minds, True), (KeepsTheLead, False), (LosesWakeUps, False)])
def test_a_lead_that_is_kept_or_lost_would_be_found(kind: type[Leading[int, int]], is_served: bool) -> None:
    served = Event()

    def doubled(group: Sequence[int]) -> list[int]:
        if 5 in group:
            served.set()
        return [2 * each for each in group]

    assert kind(doubled, lambda each: 2 * each).ask(1) == 2
    assert served.wait(PATIENCE_SECONDS if is_served else 0.1) == is_served
