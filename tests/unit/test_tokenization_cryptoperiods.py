"""How long a key makes new things: warnings before, and what comes to an end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tokenization.clock import SetClock
from tokenization.keys import ceremonies, cryptoperiods
from tokenization.keys.cryptoperiods import STOPPED
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import CryptoperiodOver, Purpose

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PERIODS = cryptoperiods.periods(dict.fromkeys(Purpose, 100) | {Purpose.DPOP_NONCE: None})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ceremonies.create(tmp_path / "ring", NOON)
    return tmp_path / "ring"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def ring(folder: Path, clock: SetClock) -> FileKeyRing:
    return FileKeyRing(folder, clock, PERIODS)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_some_keys_make_nothing_new_once_they_are_too_old_and_all_are_there_for_what_they_made(
    ring: FileKeyRing, clock: SetClock, purpose: Purpose
) -> None:
    clock.set(NOON + 100 * DAY - SECOND)
    assert ring.current(purpose).version == 1
    clock.advance(SECOND)
    if purpose in STOPPED:
        with pytest.raises(CryptoperiodOver, match=f"version 1 of {purpose} is too old for new things: rotate it"):
            ring.current(purpose)
    else:
        assert ring.current(purpose).version == 1
    assert ring.get(purpose, 1) == ring.usable(purpose)[0].key


def test_a_new_version_begins_anew(folder: Path, ring: FileKeyRing, clock: SetClock) -> None:
    clock.set(NOON + 100 * DAY)
    ceremonies.rotate(folder, Purpose.TOKEN, clock.now())
    ring.refresh()
    assert ring.current(Purpose.TOKEN).version == 2
    assert ring.renewal_due(Purpose.TOKEN) == NOON + 200 * DAY


def test_a_key_that_does_not_say_since_when_it_is_used_has_no_known_age(folder: Path, clock: SetClock) -> None:
    path = folder / "token.1.json"
    path.write_text(path.read_text().replace("active_from", "made_at"))
    ring = FileKeyRing(folder, clock, PERIODS)
    clock.set(NOON + 10_000 * DAY)
    assert ring.current(Purpose.TOKEN).version == 1
    assert Purpose.TOKEN not in cryptoperiods.days_left(ring, clock.now())


def test_a_period_without_end_ends_never(ring: FileKeyRing, clock: SetClock) -> None:
    clock.set(NOON + 10_000 * DAY)
    assert ring.renewal_due(Purpose.DPOP_NONCE) is None
    assert Purpose.DPOP_NONCE not in cryptoperiods.days_left(ring, clock.now())


@pytest.mark.parametrize(("after", "left"), [(0 * DAY, 100), (SECOND, 99), (99 * DAY, 1), (101 * DAY, -1)])
def test_the_days_that_are_left(ring: FileKeyRing, clock: SetClock, after: timedelta, left: int) -> None:
    clock.advance(after)
    assert cryptoperiods.days_left(ring, clock.now())[Purpose.JOURNAL] == left


def test_of_what_is_due_it_warns_once_a_day(ring: FileKeyRing, clock: SetClock) -> None:
    clock.set(NOON + 70 * DAY)
    with capture_logs() as logs:
        ring.refresh()
        assert logs == []
        clock.advance(SECOND)
        for _ in range(100):
            clock.advance(timedelta(hours=1))
            ring.current(Purpose.JOURNAL)
    warned = [(line["purpose"], line["days_left"]) for line in logs]
    assert {line["event"] for line in logs} == {"key_to_be_rotated"}
    assert [days for purpose, days in warned if purpose == Purpose.JOURNAL] == [28, 27, 26, 25]
    assert {purpose for purpose, _ in warned} == set(Purpose) - {Purpose.DPOP_NONCE}


def test_every_purpose_has_a_period_to_begin_with() -> None:
    assert set(cryptoperiods.DEFAULT_DAYS) == set(Purpose)
