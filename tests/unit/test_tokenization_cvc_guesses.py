"""Guesses of a CVC where no rule book decides: compared and counted up to the day's limit, and then neither."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tokenization import card_verification, cvc_guesses, events, ids
from tokenization.clock import SetClock
from tokenization.events import Event
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Plastic
from tokenization.policies import PaymentsPolicy
from tokenization.secret import Cvc, Number

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)  # half an hour before midnight in Copenhagen
NUMBER = Number("9208904471293561")
POLICY = PaymentsPolicy(wrong_cvcs_per_day=5, rate_days=7)
TODAY = date(2026, 11, 22)


@pytest.fixture
def ring(tmp_path: Path) -> FileKeyRing:
    ceremonies.create(tmp_path / "ring", NOW)
    return FileKeyRing(tmp_path / "ring", SetClock(NOW))


def plastic(made: int = 0, on: date | None = TODAY, version: int = 1) -> Plastic:
    of = {"card_id": ids.new_id(), "plastic_id": ids.new_id(), "last4": "3561", "expiry": date(2029, 9, 30)}
    return Plastic(**of, verification_key_version=version, wrong_cvcs=made, wrong_cvcs_on=on)


def shown(ring: FileKeyRing, *, right: bool) -> Cvc:
    printed = card_verification.cvc(ring, 1, NUMBER, "2029-09").reveal()
    return Cvc(f"{(int(printed) + (not right)) % 1_000:03d}")


def guess(ring: FileKeyRing, of: Plastic, *, right: bool, now: datetime = NOW) -> tuple[bool, int]:
    """Whether it passed, and how many count then."""
    passed, _ = guess_and_tell(ring, of, right=right, now=now)
    return passed, cvc_guesses.made_today(of, now)


def guess_and_tell(ring: FileKeyRing, of: Plastic, *, right: bool, now: datetime = NOW) -> tuple[bool, list[Event]]:
    """Whether it passed, and what the cardholder is told of."""
    session, holder_id = Session(), ids.new_id()
    made = of, NUMBER, shown(ring, right=right)
    passed = cvc_guesses.try_one(session, ring, *made, holder_id=holder_id, policy=POLICY, now=now)
    return passed, events.take_pending(session)


@pytest.mark.parametrize(
    ("made", "right", "passed", "then"),
    [
        (0, True, True, 0),
        (0, False, False, 1),
        (4, True, True, 4),  # the right one sets nothing back
        (4, False, False, 5),
        (5, True, False, 5),
        (5, False, False, 5),
        (6, True, False, 6),  # the policy was lowered since
    ],
)
def test_a_wrong_one_counts_until_none_is_compared(
    ring: FileKeyRing, made: int, right: bool, passed: bool, then: int
) -> None:
    assert guess(ring, plastic(made), right=right) == (passed, then)


@pytest.mark.parametrize("on", [None, TODAY - timedelta(days=1)])
def test_a_new_day_begins_at_midnight_in_copenhagen(ring: FileKeyRing, on: date | None) -> None:
    assert guess(ring, plastic(5, on), right=True) == (True, 0)
    assert guess(ring, plastic(5, on), right=False) == (False, 1)
    assert guess(ring, plastic(5), right=True, now=NOW + timedelta(minutes=30)) == (True, 0)


@pytest.mark.parametrize("right", [True, False])
def test_one_that_can_no_longer_be_computed_is_no_wrong_one(ring: FileKeyRing, right: bool) -> None:
    assert guess(ring, plastic(version=9), right=right) == (False, 0)


def test_the_cardholder_is_told_of_the_last_guess_of_a_day_and_of_no_other(ring: FileKeyRing) -> None:
    tried = plastic()
    told = [len(guess_and_tell(ring, tried, right=False)[1]) for _ in range(7)]
    assert told == [0, 0, 0, 0, 1, 0, 0]
    [event] = guess_and_tell(ring, plastic(4), right=False)[1]
    assert isinstance(event, events.CvcGuessed)
    assert (event.guesses, event.last4) == (5, "3561")
