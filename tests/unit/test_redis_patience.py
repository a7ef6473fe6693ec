"""When Redis is left alone, and when it is asked again."""

import pytest
from redis.exceptions import TimeoutError as TimedOut

from wallet.redis_pool import LEFT_ALONE_SECONDS, TIMEOUT_SECONDS, Patience


class Seconds:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.passed = 1_000.0

    def __call__(self) -> float:
        return self.passed


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def patience(seconds: Seconds) -> Patience:
    return Patience(seconds)


def time_out(patience: Patience, seconds: Seconds) -> None:
    """Somebody asks, and has no answer."""
    asked_at = seconds.passed
    seconds.passed += TIMEOUT_SECONDS
    patience.timed_out(asked_at)


def test_nobody_asks_a_redis_that_answered_nobody(patience: Patience, seconds: Seconds) -> None:
    patience.answered()
    seconds.passed += 0.001
    time_out(patience, seconds)
    with pytest.raises(TimedOut):
        patience.check()


def test_it_is_asked_again_after_a_while(patience: Patience, seconds: Seconds) -> None:
    time_out(patience, seconds)
    seconds.passed += LEFT_ALONE_SECONDS
    patience.check()


def test_one_slow_answer_among_others_is_no_reason(patience: Patience, seconds: Seconds) -> None:
    asked_at = seconds.passed
    seconds.passed += TIMEOUT_SECONDS / 2
    patience.answered()  # to another thread
    seconds.passed += TIMEOUT_SECONDS / 2
    patience.timed_out(asked_at)
    patience.check()


def test_many_who_waited_at_once_are_one_reason(patience: Patience, seconds: Seconds) -> None:
    asked_at = seconds.passed
    time_out(patience, seconds)
    lost_at = seconds.passed
    seconds.passed += LEFT_ALONE_SECONDS / 2
    patience.timed_out(asked_at)
    assert patience.lost_at == lost_at
