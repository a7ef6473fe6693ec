"""`wallet relay` and `wallet serve --relay` as processes: they tell and are counted, come again, and stop in order."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from notifications import webhooks
from notifications.addresses import Guard
from notifications.models import Delivery, Message
from tests.crashes.installation import until
from tests.integration.cli.bank import Bank, opened
from tests.integration.cli.commands import done, found, wallet
from tests.integration.notifications.receiver import Receiver
from tests.integration.test_demo import ENVIRONMENT, SECONDS, WALLET, ended, free_port, is_free, started_by
from tokenization import requestors
from wallet import embedded

STOPS_WITHIN = 15  # the service first, then its relay, on a busy machine


@dataclass
class Running:
    """A command that runs, and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it has said of that."""
        said = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        return [line for line in said if line["event"] == event]

    def says(self, event: str, times: int = 1) -> None:
        """Wait until it has said so."""
        until(lambda: self.process.poll() is not None or len(self.lines(event)) >= times)
        assert len(self.lines(event)) >= times, self.log.read_text()

    def stop(self) -> int:
        """End it as an operator does; its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPS_WITHIN)


@contextmanager
def running(folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Running]:
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as out:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
        process = subprocess.Popen([*WALLET, *arguments], env=ENVIRONMENT | dict(environment), **pipes)  # type: ignore[call-overload]  # pipes are what it takes
    with process:
        try:
            yield Running(process, log)
        finally:
            process.kill()


def is_told(environment: Mapping[str, str], messages: int = 1) -> bool:
    return len(found(environment["TEGNEBOG_DATABASE_URL"], select(Message.kind))) >= messages


def told_events(port: int) -> float:
    """How many events were told, as /metrics has it."""
    wanted = 'tegnebog_events_total{outcome="told"} '
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def relays_of(service: Running) -> list[int]:
    """The relays that it has started and that run."""
    return [pid for pid in started_by(service.process.pid) if b"\0relay\0" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def serving(folder: Path, environment: Mapping[str, str], port: int) -> Iterator[Running]:
    with running(folder, environment, "serve", "--relay", "--port", str(port), "--workers", "1") as service:
        service.says("relay_started")
        service.says("Started worker-1")
        yield service


def test_a_relay_beside_the_service_tells_is_counted_comes_again_and_ends_with_it(
    ready: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with opened(ready) as bank, serving(tmp_path, ready, port) as service:
        first, second = bank.issue(2)
        bank.block(first)
        until(lambda: is_told(ready))
        before = told_events(port)
        [relay] = relays_of(service)
        os.kill(relay, signal.SIGKILL)
        service.says("relay_died")
        service.says("relay_started", times=2)
        bank.block(second)
        until(lambda: is_told(ready, messages=2))
        until(lambda: told_events(port) > before >= 1)  # what the dead one counted stays
        left = started_by(service.process.pid)
        assert service.stop() == 0
        assert ended(left)
    assert len(service.lines("relay_stopped")) == 1
    assert len(service.lines("relay_died")) == 1
    assert is_free(port)


def test_a_relay_ends_where_the_service_beside_it_is_killed(ready: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, ready, port) as service:
        left = started_by(service.process.pid)
        assert relays_of(service)
        service.process.kill()
        assert ended(left)
    assert is_free(port)


def test_without_being_asked_the_service_has_no_relay(ready: dict[str, str], tmp_path: Path) -> None:
    with running(tmp_path, ready, "serve", "--port", str(free_port()), "--workers", "1") as service:
        service.says("Started worker-1")
        assert relays_of(service) == []
        assert service.stop() == 0


def test_a_relay_alone_lets_prometheus_read_what_it_counts_and_nothing_that_is_the_services(
    ready: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with opened(ready) as bank, running(tmp_path, ready, "relay", "--metrics-port", str(port)) as relay:
        relay.says("relay_started")
        [card_id] = bank.issue(1)
        bank.block(card_id)
        until(lambda: told_events(port) >= 1)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert "tegnebog_event_to_told_seconds_count" in text
        assert "tegnebog_outbox_waiting" not in text
        again = subprocess.run(
            [*WALLET, "relay", "--metrics-port", str(port)],
            env=ENVIRONMENT | ready,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (again.returncode, f"port {port} cannot be used" in again.stderr) == (1, True)
        assert "Traceback" not in again.stderr
        assert relay.stop() == 0
    [started], [stopped] = relay.lines("relay_started"), relay.lines("relay_stopped")
    assert started["threads"] > 1
    assert "under_way" not in stopped


def is_said_once(relay: Running, event: str) -> bool:
    """By each stage, and by each chore."""
    said = [line["stage"] for line in relay.lines(event)]
    return len(set(said)) == len(said)


def test_a_relay_waits_for_a_schema_and_says_once_what_is_to_be_done(empty: dict[str, str], tmp_path: Path) -> None:
    done(wallet(empty, "keys", "create"))
    with running(tmp_path, empty, "relay") as relay:
        relay.says("relay_without_database")
        assert "wallet db upgrade" in relay.lines("relay_without_database")[0]["why"]
        done(wallet(empty, "db", "upgrade"))
        relay.says("relay_has_database_again")
        with opened(empty) as bank:
            [card_id] = bank.issue(1)
            bank.block(card_id)
            until(lambda: is_told(empty))
        assert relay.stop() == 0
    assert is_said_once(relay, "relay_without_database")


def test_a_relay_says_once_that_postgresql_is_away_and_goes_on_when_it_is_back(
    servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    data = tmp_path_factory.mktemp("pg")
    postgres = embedded.start_postgres(data, fast=True)
    environment = {
        "TEGNEBOG_DATABASE_URL": postgres.url,
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(data / "keys"),
    }
    try:
        done(wallet(environment, "keys", "create"))
        done(wallet(environment, "db", "upgrade"))
        with running(tmp_path, environment, "relay") as relay:
            relay.says("relay_started")
            postgres.stop()
            relay.says("relay_without_database", times=3)
            postgres = embedded.start_postgres(data, fast=True)
            assert postgres.url == environment["TEGNEBOG_DATABASE_URL"]
            relay.says("relay_has_database_again", times=3)
            with opened(environment) as bank:
                [card_id] = bank.issue(1)
                bank.block(card_id)
                until(lambda: is_told(environment))
            assert relay.stop() == 0
        assert is_said_once(relay, "relay_without_database")
    finally:
        postgres.stop()


def listens(bank: Bank, url: str) -> None:
    """A shop that is sent a test."""
    now, guard = bank.parts.clock.now(), Guard(loopback_allowed=True)
    with bank.parts.database.transaction("test") as session:
        shop = requestors.register(
            session, kind="merchant", name="Filmfloden", merchant_ids=[], schemes=["dankort"], now=now
        )
        session.flush()
        webhooks.put_endpoint(session, bank.parts.vault, guard, shop, url=url, now=now)
        webhooks.send_test(session, shop.requestor_id, now)


def test_a_relay_stops_within_seconds_though_an_endpoint_hangs_and_its_letter_comes_again(
    ready: dict[str, str], tmp_path: Path
) -> None:
    loopback = ready | {"TEGNEBOG_LOOPBACK_ALLOWED": "true"}
    with Receiver() as receiver, opened(ready) as bank, running(tmp_path, loopback, "relay") as relay:
        receiver.hold.clear()
        listens(bank, receiver.url)
        until(receiver.arrived.is_set)
        began = monotonic()
        assert relay.stop() == 0
        assert monotonic() - began < STOPS_WITHIN
    assert relay.lines("relay_stopped")[0]["under_way"] == "comes again within a minute"
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(Delivery.state)) == ["pending"]
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(Delivery.leased_until)) != [None]
