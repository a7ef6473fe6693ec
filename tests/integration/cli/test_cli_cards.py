"""`wallet cards renew|replace`: many cards, each once, whatever happens meanwhile."""

import getpass
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier, Event
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text, update

from tests.integration.cli import bank as banks
from tests.integration.cli.bank import Bank, id_of
from tests.integration.cli.commands import done, refused, wallet
from tests.integration.test_demo import ENVIRONMENT, SECONDS, WALLET
from tokenization import due
from tokenization.clock import last_of_month, local_date
from tokenization.models import Card, CardKey, Plastic
from wallet import replacing

Environment = dict[str, str]


@pytest.fixture
def bank(ready: Environment) -> Iterator[Bank]:
    with banks.opened(ready) as bank:
        yield bank


def soon(bank: Bank, days: int = 0) -> tuple[date, str]:
    """The end of this month, and how many days from now that is, as --within wants it."""
    today = local_date(bank.parts.clock.now())
    ending = last_of_month(today)
    return ending, f"{(ending - today).days + days}d"


def test_what_expires_soon_is_renewed_and_the_old_plastics_keep_their_time(ready: Environment, bank: Bank) -> None:
    ending, within = soon(bank)
    due, later = bank.issue(3, ending), bank.issue(2)
    said = done(wallet(ready, "cards", "renew", "--within", within, "--dry-run"))
    assert said.endswith("to be replaced: 3")
    assert bank.plastics(due[0]) == ["active"]
    assert done(wallet(ready, "cards", "renew", "--within", within)).endswith("replaced: 3")
    assert [bank.plastics(card_id) for card_id in (*due, *later)] == [["active", "inactive"]] * 3 + [["active"]] * 2
    assert bank.journal(due[0])[-1] == ("card.replaced", f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}")
    assert done(wallet(ready, "cards", "renew", "--within", within)).endswith("replaced: 0"), "one that is done is done"


def test_what_is_blocked_closed_or_erased_is_not_renewed_but_counted(ready: Environment, bank: Bank) -> None:
    ending, within = soon(bank)
    blocked, closed, erased, expired, due = bank.issue(5, ending)
    bank.block(blocked)
    bank.close(closed)
    with bank.parts.database.transaction("test") as session:
        session.execute(delete(CardKey).where(CardKey.card_id == erased))
        session.execute(update(Plastic).where(Plastic.card_id == expired).values(expiry=date(2020, 1, 31)))
    said = done(wallet(ready, "cards", "renew", "--within", within))
    assert said.endswith("replaced: 1; passed over: 3 (blocked 1, closed 1, erased 1)")
    assert [len(bank.plastics(card_id)) for card_id in (blocked, closed, erased, expired, due)] == [1, 1, 1, 1, 2]


def test_a_card_that_fails_is_named_and_the_others_go_on(ready: Environment, bank: Bank) -> None:
    """Its row is locked by somebody who does not let go."""
    ending, within = soon(bank)
    first, second, third = bank.issue(3, ending)
    with bank.parts.database.transaction("test") as session:
        session.execute(select(Card).where(Card.card_id == second).with_for_update())
        hasty = ready | {"TEGNEBOG_LOCK_TIMEOUT_SECONDS": "1"}
        said = refused(wallet(hasty, "cards", "renew", "--within", within))
    assert f"{id_of(second)}: LockNotAvailable" in said
    assert "replaced: 2" in said
    assert "failed, as named above: 1" in said
    assert [len(bank.plastics(card_id)) for card_id in (first, second, third)] == [2, 1, 2]
    assert done(wallet(ready, "cards", "renew", "--within", within)).endswith("replaced: 1")


@pytest.mark.parametrize("within", ["30", "d", "366d", "1000d", "-1d", "٣d", "30h", ""])
def test_a_span_that_is_none_is_said(within: str) -> None:
    assert "must be like 30d, and at most 365d" in refused(wallet({}, "cards", "renew", "--within", within))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_pages_leave_none_out(ready: Environment, bank: Bank, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Each may end within a day's cards, behind them, or with the last."""
    monkeypatch.setattr(due, "PAGE", size)
    ending, within = soon(bank, days=31)
    card_ids = bank.issue(2, ending) + bank.issue(2, ending + timedelta(days=1))
    assert done(wallet(ready, "cards", "renew", "--within", within)).endswith("replaced: 4")
    listed = "\n".join(map(id_of, card_ids))
    assert replace(ready, "--file", "-", "--reason", "bank", "--yes", typed=listed).endswith("replaced: 4")
    assert replace(ready, "--bin", "920890", "--reason", "bank", "--yes").endswith("replaced: 4")
    assert [len(bank.plastics(card_id)) for card_id in card_ids] == [4] * 4


def replace(environment: Environment, *how: str, typed: str | None = None) -> str:
    return done(wallet(environment, "cards", "replace", *how, typed=typed))


def test_a_bin_is_replaced_card_by_card_and_blocks_stay(ready: Environment, bank: Bank) -> None:
    lost, overdrawn, *others = bank.issue(4)
    bank.block(lost)
    bank.block(overdrawn, "overdraft")
    by_bin = ("--bin", "920890", "--reason", "bank")
    assert replace(ready, *by_bin, "--dry-run").endswith("to be replaced: 2; passed over: 2 (blocked 2)")
    assert replace(ready, *by_bin, "--yes").endswith("replaced: 2; passed over: 2 (blocked 2)")
    assert [bank.plastics(card_id) for card_id in others] == [["replaced", "inactive"]] * 2
    assert replace(ready, *by_bin, "--yes", "--with-blocked").endswith("replaced: 4"), "that is a new run"
    assert [bank.state(card_id) for card_id in (lost, overdrawn)] == ["active", "blocked"]


def test_what_is_blocked_for_loss_does_not_wait_for_its_old_number(ready: Environment, bank: Bank) -> None:
    lost, overdrawn = bank.issue(2)
    bank.block(lost)
    bank.block(overdrawn, "overdraft")
    said = replace(ready, "--bin", "920890", "--reason", "damaged", "--yes", "--with-blocked")
    assert said.endswith("replaced: 1; passed over: 1 (blocked 1)")
    assert [len(bank.plastics(card_id)) for card_id in (lost, overdrawn)] == [1, 2]


def test_a_bin_may_have_eight_digits(ready: Environment, bank: Bank) -> None:
    card_ids = bank.issue(12)
    prefix = bank.number(card_ids[0])[:8]
    meant = [card_id for card_id in card_ids if bank.number(card_id).startswith(prefix)]
    said = replace(ready, "--bin", prefix, "--reason", "bank", "--yes")
    assert f"replaced: {len(meant)}; passed over: {12 - len(meant)} (of another BIN" in said
    assert {card_id for card_id in card_ids if len(bank.plastics(card_id)) == 2} == set(meant)


def test_a_card_is_of_a_bin_as_long_as_any_of_its_plastics_lives(ready: Environment, bank: Bank) -> None:
    """Renewed into another BIN, the old number pays until the new one is activated."""
    [card_id] = bank.issue(1)
    replace(ready, "--bin", "920890", "--reason", "damaged", "--yes")
    with bank.parts.database.transaction("test") as session:
        newest = session.get_one(Card, card_id).current_plastic_id
        session.get_one(Plastic, (card_id, newest)).bin = "920892"
    assert replace(ready, "--bin", "920890", "--reason", "stolen", "--yes").endswith("replaced: 1")
    assert bank.plastics(card_id) == ["replaced", "replaced", "inactive"]
    assert replace(ready, "--bin", "920892", "--reason", "stolen", "--yes").endswith("replaced: 0")


def test_a_list_names_cards_by_id_or_number_each_once(ready: Environment, bank: Bank, tmp_path: Path) -> None:
    first, second, third, fourth = bank.issue(4)
    old = bank.number(third)
    replace(ready, "--file", "-", "--reason", "lost", "--yes", typed=old)
    listed = tmp_path / "cards.txt"
    listed.write_text(f"\ufeff{id_of(first)}\n\n{bank.number(second)}\r\n  {id_of(second)}\n{old}\n")
    said = replace(ready, "--file", str(listed), "--reason", "misused", "--yes")
    assert "numbers that have been replaced before: 1" in said
    assert said.endswith("replaced: 2")
    assert [len(bank.plastics(card_id)) for card_id in (first, second, third, fourth)] == [2, 2, 2, 1]


def test_lines_that_are_wrong_are_named_and_nothing_is_done(ready: Environment, bank: Bank, tmp_path: Path) -> None:
    [card_id] = bank.issue(1)
    number, listed = bank.number(card_id), tmp_path / "cards.txt"
    wrong = ["hunter2", number[:-1] + str((int(number[-1]) + 1) % 10), f"{number[:4]} {number[4:]}", "²" * 16, "card_x"]
    listed.write_text("\n".join([id_of(card_id), *wrong, number]))
    said = refused(wallet(ready, "cards", "replace", "--file", str(listed), "--reason", "bank", "--yes"))
    assert "line 2, 3, 4, 5, 6: neither a card id nor a card number. Nothing was done" in said
    assert not [line for line in wrong if line in said]
    listed.write_text("\n".join([number, "4111111111111111", "card_01jd5x0000000000000000000g"]))
    said = refused(wallet(ready, "cards", "replace", "--file", str(listed), "--reason", "bank", "--yes"))
    assert "line 2, 3: no card of ours. Nothing was done" in said
    assert bank.plastics(card_id) == ["active"]


@pytest.mark.parametrize("how", [("--dry-run",), ("--yes",)], ids=["dry run", "run"])
def test_what_spares_no_card_stops_a_run_before_its_first(
    ready: Environment, bank: Bank, tmp_path: Path, how: tuple[str]
) -> None:
    card_ids = bank.issue(2)
    foreign = ready | {"TEGNEBOG_KEY_RING": str(tmp_path / "foreign")}
    done(wallet(foreign, "keys", "create"))
    for path in Path(ready["TEGNEBOG_KEY_RING"]).glob("card_verification.1.json"):
        made = json.loads(path.read_text())
        path.write_text(json.dumps(made | {"active_from": "2020-01-01T00:00:00+00:00"}))
    said = {"not the key ring of the database": foreign, "version 1 of card_verification is too old": ready}
    for words, environment in said.items():
        told = refused(wallet(environment, "cards", "replace", "--bin", "920890", "--reason", "bank", *how))
        assert (told.count(words), "card_0" in told) == (1, False)
    assert [bank.plastics(card_id) for card_id in card_ids] == [["active"]] * 2


def test_replacing_asks_first(ready: Environment, bank: Bank) -> None:
    [card_id] = bank.issue(1)
    how = ("cards", "replace", "--bin", "920890", "--reason", "misused")
    asked = refused(wallet(ready, *how, typed="n\n"))
    assert "up to 1 cards (misused)? the old numbers end now, and the tokens on all phones with them" in asked
    assert bank.plastics(card_id) == ["active"]
    done(wallet(ready, *how, typed="y\n"))
    assert bank.plastics(card_id) == ["replaced", "inactive"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("--reason", "bank"), "either --bin or --file"),
        (("--reason", "bank", "--bin", "920890", "--file", "-"), "either --bin or --file"),
        (("--reason", "bank", "--file", "-"), "there is nobody to ask"),
        (("--reason", "expiring", "--bin", "920890"), "is not one of"),
        (("--reason", "bank", "--bin", "92089"), "must be 6 to 8 digits"),
        (("--reason", "bank", "--bin", "920890123"), "must be 6 to 8 digits"),
        (("--reason", "bank", "--bin", "92089²"), "must be 6 to 8 digits"),
        (("--reason", "bank", "--bin", "920890", "--begun", "yesterday"), "must be like 2026-11-22T10:00:00Z"),
        (("--reason", "bank", "--bin", "920890", "--begun", "2026-11-22T10:00:00"), "must be like"),
    ],
)
def test_what_is_asked_wrongly_is_said(how: tuple[str, ...], said: str) -> None:
    assert said in refused(wallet({}, "cards", "replace", *how))


def test_a_run_of_the_future_and_a_list_that_is_not_there_are_refused(ready: Environment) -> None:
    how = ("cards", "replace", "--reason", "bank", "--yes")
    assert "is in the future" in refused(wallet(ready, *how, "--bin", "920890", "--begun", "2999-01-01T00:00:00Z"))
    assert "cannot be read" in refused(wallet(ready, *how, "--file", "/nowhere"))


@contextmanager
def stuck(bank: Bank, card_id: UUID) -> Iterator[Callable[[], None]]:
    """Somebody else holds that card, so that a run waits there. Yields what waits until one does."""
    with bank.parts.database.transaction("test") as session:
        session.execute(select(Card).where(Card.card_id == card_id).with_for_update())
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

        def wait() -> None:
            deadline, pause = time.monotonic() + SECONDS, Event()
            while not session.scalar(waiting):
                assert time.monotonic() < deadline
                pause.wait(0.05)

        yield wait


PATIENT = {"TEGNEBOG_LOCK_TIMEOUT_SECONDS": str(SECONDS)}
STOLEN = ("cards", "replace", "--bin", "920890", "--reason", "stolen", "--yes")


def goes_on(ready: Environment, bank: Bank, said: str, card_ids: list[UUID]) -> None:
    """The command that was said does what is left, and nothing twice."""
    again = re.search(r"go on with: wallet (.*)$", said, re.MULTILINE)
    assert again is not None
    assert [len(bank.plastics(card_id)) for card_id in card_ids] == [2, 2, 1, 1, 1]
    assert done(wallet(ready, *shlex.split(again[1]))).endswith("replaced: 3")
    assert [bank.plastics(card_id) for card_id in card_ids] == [["replaced", "inactive"]] * 5


def test_a_run_that_was_killed_goes_on_and_replaces_each_card_once(ready: Environment, bank: Bank) -> None:
    card_ids = sorted(bank.issue(5))
    with stuck(bank, card_ids[2]) as wait:
        command, environment = [*WALLET, *STOLEN], ENVIRONMENT | ready | PATIENT
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
            wait()
            running.kill()
            _, said = running.communicate()
    goes_on(ready, bank, said, card_ids)


def test_a_run_that_is_asked_to_stop_says_what_it_did(ready: Environment, bank: Bank) -> None:
    card_ids = sorted(bank.issue(5))
    before = signal.getsignal(signal.SIGTERM)
    with stuck(bank, card_ids[2]) as wait:

        def stop() -> None:
            wait()
            os.kill(os.getpid(), signal.SIGTERM)

        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(stop)
            said = refused(wallet(ready | PATIENT, *STOLEN))
            stopping.result()
    assert signal.getsignal(signal.SIGTERM) == before
    assert "broken off. replaced: 2; go on with: " in said
    goes_on(ready, bank, said, card_ids)


def test_two_at_once_renew_each_card_once(ready: Environment, bank: Bank) -> None:
    ending, _ = soon(bank)
    card_ids = bank.issue(12, ending)
    today = local_date(bank.parts.clock.now())
    begin = Barrier(2)

    def renew(_: int) -> int:
        begin.wait()
        run = due.Renewal(today, ending)
        return sum(outcome.what == "replaced" for outcome in replacing.outcomes(bank.parts, run, "test"))

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(renew, range(2))) == 12
    assert [bank.plastics(card_id) for card_id in card_ids] == [["active", "inactive"]] * 12


def test_when_it_is_not_the_cards_fault_nothing_more_is_tried(
    ready: Environment, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "MOST_FAILURES", 2)
    card_ids = bank.issue(3)
    with bank.parts.database.transaction("test") as session:
        session.execute(update(CardKey).values(wrapped=b"broken"))
    said = refused(wallet(ready, "cards", "replace", "--bin", "920890", "--reason", "bank", "--yes"))
    assert "it is not the cards: nothing more was tried. replaced: 0; go on with: wallet cards replace" in said
    assert [id_of(card_id) in said for card_id in sorted(card_ids)] == [True, True, False]
