"""The file of rates, followed: a good one is taken within a second, and a bad one never takes its place."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import structlog

from tokenization.clock import SetClock
from wallet import logs
from wallet.payments.rate_file import RateFile

HEADER = "currency,rate,date\n"
GOOD = f"{HEADER}EUR,7.4605,2026-11-20\nSEK,0.6801,2026-11-20\n"
BETTER = f"{HEADER}EUR,7.5000,2026-11-21\nSEK,0.6900,2026-11-21\nUSD,6.4300,2026-11-21\n"
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 11, 22, 10, 15, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path: Path = tmp_path / "rates.csv"
    path.write_text(GOOD)
    return path


@pytest.fixture
def logged() -> Iterator[StringIO]:
    before, out = structlog.get_config(), StringIO()
    logs.configure("INFO", out)
    yield out
    structlog.configure(**before)


def followed(path: Path, clock: SetClock) -> RateFile:
    rates = RateFile(path, clock)
    rates.look()
    return rates


def found(rates: RateFile, currency: str = "EUR") -> str | None:
    rate = rates.find(currency, "DKK", on=datetime(2026, 11, 22, tzinfo=UTC).date(), most_days=7)
    return None if rate is None else str(rate.value)


def put(path: Path, text: str | bytes) -> None:
    """As a job should: written beside it, and put in its place as one."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(text.encode() if isinstance(text, str) else text)
    draft.replace(path)


def test_rates_are_read_at_the_start(path: Path, clock: SetClock) -> None:
    rates = followed(path, clock)
    assert (found(rates), found(rates, "SEK"), found(rates, "USD")) == ("7.4605", "0.6801", None)
    assert rates.is_right()


def test_without_a_file_there_are_none(clock: SetClock) -> None:
    rates = RateFile(None, clock)
    rates.look()
    assert found(rates) is None
    assert rates.is_right()
    assert rates.ages() == []


def test_a_file_that_is_put_in_its_place_is_noticed_within_a_second(path: Path, clock: SetClock) -> None:
    rates = followed(path, clock)
    put(path, BETTER)
    clock.advance(SECOND / 2)
    rates.look()
    assert found(rates) == "7.4605"
    clock.advance(SECOND / 2)
    rates.look()
    assert (found(rates), found(rates, "USD")) == ("7.5000", "6.4300")
    assert rates.ages() == [1, 1, 1]


def test_a_clock_that_is_put_back_keeps_nobody_from_looking(path: Path, clock: SetClock) -> None:
    rates = followed(path, clock)
    put(path, BETTER)
    clock.advance(-60 * SECOND)
    rates.look()
    assert found(rates) == "7.5000"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"{HEADER}EUR,7.5000,2026-11-21\nSEK,NaN,2026-11-21\n", "line 3: rate: must be a plain decimal"),
        (GOOD[:-3], "line 3 does not end"),
        (f"{HEADER}EUR,7.5000,2026-11-21\n", "it lacks SEK"),
        (HEADER, "line 2: there is no rate"),
        ("", "line 1: must be currency,rate,date"),
        (GOOD.encode("utf-16"), "line 1: a byte that is no ASCII"),
        (f"{GOOD}NOK,0.6３,2026-11-21\n", "line 4: a byte that is no ASCII"),
        (GOOD + "x" * 70_000, "it is longer than 65536 bytes"),
    ],
    ids=["a rate", "cut off", "shrunken", "empty table", "empty", "UTF-16", "digits", "long"],
)
def test_a_broken_file_takes_no_good_ones_place(
    path: Path, clock: SetClock, logged: StringIO, text: str | bytes, wrong: str
) -> None:
    rates = followed(path, clock)
    put(path, text)
    for _ in range(3):
        clock.advance(SECOND)
        rates.look()
    assert (found(rates), found(rates, "SEK")) == ("7.4605", "0.6801")
    assert not rates.is_right()
    errors = [line for line in map(json.loads, logged.getvalue().splitlines()) if line["level"] == "error"]
    assert [(line["event"], line["wrong"][: len(wrong)]) for line in errors] == [("rates_not_read", wrong)], "once"
    put(path, BETTER)
    clock.advance(SECOND)
    rates.look()
    assert found(rates) == "7.5000"
    assert rates.is_right()


def test_a_file_that_is_gone_or_is_no_file_leaves_what_was_read(path: Path, clock: SetClock) -> None:
    rates = followed(path, clock)
    path.unlink()
    rates.refresh()
    assert (found(rates), rates.is_right()) == ("7.4605", False)
    path.mkdir()
    rates.refresh()
    assert (found(rates), rates.is_right()) == ("7.4605", False)
    path.rmdir()
    os.mkfifo(path)
    rates.refresh()
    assert (found(rates), rates.is_right()) == ("7.4605", False), "and nobody waits for a writer"


def test_a_service_starts_without_a_good_file_and_takes_the_first_one_that_comes(path: Path, clock: SetClock) -> None:
    path.write_text("nonsense\n")
    rates = followed(path, clock)
    assert (found(rates), rates.is_right()) == (None, False)
    put(path, GOOD)
    clock.advance(SECOND)
    rates.look()
    assert (found(rates), rates.is_right()) == ("7.4605", True)


def test_what_comes_back_as_it_was_is_right_again(path: Path, clock: SetClock) -> None:
    rates = followed(path, clock)
    kept = path.with_suffix(".kept")
    path.rename(kept)
    rates.refresh()
    assert not rates.is_right()
    kept.rename(path)
    rates.refresh()
    assert rates.is_right()


def test_many_threads_see_one_table_or_the_other_and_none_a_mixture(path: Path, clock: SetClock) -> None:
    """Each writes EUR and SEK of one file: whoever finds the one finds the other."""
    rates = followed(path, clock)
    seen: list[tuple[str | None, str | None]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            rates.refresh()
            table = rates.table
            seen.append((str(table.by_currency["EUR"].value), str(table.by_currency["SEK"].value)))

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for nth in range(10):
        put(path, BETTER if nth % 2 else BETTER.replace("7.5000", "7.4000").replace("0.6900", "0.6700"))
    done.set()
    for thread in threads:
        thread.join()
    assert set(seen) <= {("7.4605", "0.6801"), ("7.4000", "0.6700"), ("7.5000", "0.6900")}
    rates.refresh()
    assert found(rates) == "7.5000"
