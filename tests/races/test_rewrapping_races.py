"""Rewrapping beside everything else: nobody who reads or writes meanwhile notices, several help each other."""

import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
from sqlalchemy import text

from tests.integration.cli.bank import Bank, id_of, opened
from tests.integration.cli.commands import done, wallet
from tokenization import cards, erasure, rewrapping
from tokenization.rewrapping import START, Outdated, Position
from tokenization.vault import Erased
from wallet import embedded

Environment = dict[str, str]
SECONDS = 30
TEMPLATE, COPY = "rewrapping_template", "rewrapping"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture(scope="module")
def made(servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A migrated database and a key ring, which each test gets a copy of."""
    made = {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, TEMPLATE),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(tmp_path_factory.mktemp("made") / "keys"),
    }
    done(wallet(made, "keys", "create"))
    done(wallet(made, "db", "upgrade"))
    yield made
    embedded.drop_database(servers.database_url, TEMPLATE)


@pytest.fixture
def environment(made: Environment, tmp_path: Path) -> Iterator[Environment]:
    url = embedded.create_database(made["TEGNEBOG_DATABASE_URL"], COPY, TEMPLATE)
    ring = shutil.copytree(made["TEGNEBOG_KEY_RING"], tmp_path / "keys")
    yield made | {"TEGNEBOG_DATABASE_URL": url, "TEGNEBOG_KEY_RING": str(ring)}
    embedded.drop_database(made["TEGNEBOG_DATABASE_URL"], COPY)


@pytest.fixture
def bank(environment: Environment) -> Iterator[Bank]:
    with opened(environment) as bank:
        yield bank


def rotate(environment: Environment) -> None:
    done(wallet(environment, "keys", "rotate", "key_encryption", "--now"))


def test_no_read_fails_while_the_key_rotates_and_everything_is_rewrapped(environment: Environment, bank: Bank) -> None:
    numbers, stop, read = {card_id: bank.number(card_id) for card_id in bank.issue(20)}, Event(), count()

    def reader() -> None:
        while not stop.is_set():
            card_id = random.choice(list(numbers))
            assert bank.number(card_id) == numbers[card_id]
            next(read)

    def writer() -> None:
        while not stop.is_set():
            [card_id] = bank.issue(1)
            assert bank.number(card_id)

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(each) for each in (reader, reader, reader, writer)]
        for _ in range(2):
            rotate(environment)
            wallet(environment, "keys", "rewrap", "--batch", "3")
        stop.set()
        assert [each.result() for each in running] == [None] * len(running)
    assert next(read) > len(numbers)
    bank.parts.vault.ring.refresh()
    done(wallet(environment, "keys", "rewrap"))
    for version in ("1", "2"):
        done(wallet(environment, "keys", "retire", "key_encryption", version, "--yes"))
    bank.parts.vault.ring.refresh()
    assert {card_id: bank.number(card_id) for card_id in numbers} == numbers


def test_what_is_erased_while_it_is_rewrapped_does_not_come_back(environment: Environment, bank: Bank) -> None:
    anna, bo = bank.issue(2)
    bank.close(anna)
    rotate(environment)
    with ThreadPoolExecutor(1) as pool:
        with bank.parts.database.transaction("test") as session:
            card = cards.lock(session, anna)
            assert card is not None
            erasure.erase(session, card, bank.parts.clock.now())
            session.flush()
            running = pool.submit(wallet, environment, "keys", "rewrap")
            wait_for_lock(bank)
        assert "every data key" in done(running.result())
    with pytest.raises(Erased):
        bank.number(anna)
    assert bank.number(bo)
    assert "was erased before" in wallet(environment, "card", "erase", id_of(anna), "--yes").output


def wait_for_lock(bank: Bank) -> None:
    """Until somebody waits for a lock in the database."""
    deadline, pause = monotonic() + SECONDS, Event()
    while monotonic() < deadline:
        with bank.parts.database.reading() as session:
            if session.scalar(text(WAITING)):
                return
        pause.wait(0.01)
    raise AssertionError("nobody waited")


def test_several_at_once_share_the_work(environment: Environment, bank: Bank) -> None:
    numbers = {card_id: bank.number(card_id) for card_id in bank.issue(15)}
    rotate(environment)
    bank.parts.vault.ring.refresh()
    with bank.parts.database.reading() as session:
        waiting = rewrapping.outdated(session, bank.parts.vault.ring)
    with ThreadPoolExecutor() as pool:
        shares = [each.result() for each in [pool.submit(walk, bank, waiting) for _ in range(4)]]
    assert sum(shares) == sum(each.count for each in waiting)
    assert {card_id: bank.number(card_id) for card_id in numbers} == numbers


def walk(bank: Bank, waiting: list[Outdated]) -> int:
    """As the command does it, a few rows at a time."""
    done = 0
    for old in waiting:
        after: Position | None = START
        while after is not None:
            with bank.parts.database.transaction("test") as session:
                batch = rewrapping.rewrap(session, bank.parts.vault, old, after, 3)
            done, after = done + batch.rewrapped, batch.last
    return done
