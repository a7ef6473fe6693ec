"""`kill -9` under load: what was acknowledged is kept, what was not is asked for again, and nothing is there twice."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from json import dumps
from typing import Any, Final

import pytest

from tests.crashes.customers import AT_ONCE, PATH, Customers, assert_kept
from tests.crashes.installation import Installation

KILLS: Final = int(os.environ.get("KILLS", "4"))  # `make races`: 24
STRIKES: Final = (
    Installation.kill_postmaster,
    Installation.kill_worker,
    Installation.kill_backend,
    Installation.kill_master,
)


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice_whatever_is_killed(installation: Installation) -> None:
    customers = Customers(installation, "killed")
    for strike in islice(cycle(STRIKES), KILLS):
        customers.pay_while(partial(strike, installation))
    customers.ask_again()
    customers.check()


def test_who_hangs_up_before_he_is_answered_asks_again_and_has_paid_once(installation: Installation) -> None:
    customers = Customers(installation, "hung-up")
    bodies = [customers.payment(f"hung-up-{number}") for number in range(AT_ONCE)]
    for body in bodies:
        hang_up(customers, body)
    with customers.connection() as http:
        for body in bodies:
            customers.settle(http, PATH, body)
    customers.ask_again()
    customers.check()


def hang_up(customers: Customers, body: dict[str, Any]) -> None:
    """Send a request, and close the connection without reading what comes."""
    sent = dumps(body).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {customers.access_token()}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", customers.at.port)) as line:
        line.sendall(head.encode() + sent)


@contextmanager
def lazy(installation: Installation) -> Iterator[None]:
    """PostgreSQL that answers a COMMIT first, and writes it down when it finds the time."""
    installation.set_up({"synchronous_commit": "off", "wal_writer_delay": "10s"})
    yield
    installation.set_up({})


def test_control_a_postgresql_that_acknowledges_before_it_has_written_loses_payments(
    installation: Installation,
) -> None:
    """A commit that waits for no disk is just what would be lost: if the check finds that, it would find others."""
    customers = Customers(installation, "lazy", steps=False)
    with lazy(installation):
        customers.pay_while(installation.kill_postmaster)
    with pytest.raises(AssertionError):
        customers.ask_again()
    with installation.world.parts.database.reading() as session, pytest.raises(AssertionError):
        assert_kept(session, customers.name, customers.answers())
