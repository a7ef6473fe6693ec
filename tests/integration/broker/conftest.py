"""One running broker for the tests here, and a fresh browser for each."""

from collections.abc import Iterator

import httpx
import pytest

from mobile_mock.broker import Broker, BrokerConfig, Quirks, running
from tests.integration.broker.asking import BANK, IDA, OLE, SHOP, STARTED, Clock


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Broker, Clock]]:
    """One broker for all tests: its RSA key takes a while, and each test has a browser of its own."""
    clock = Clock()
    with running(BrokerConfig("", (IDA, OLE), (BANK, SHOP)), now=clock) as broker:
        yield broker, clock


@pytest.fixture
def broker(shared: tuple[Broker, Clock]) -> Broker:
    return shared[0]


@pytest.fixture
def clock(shared: tuple[Broker, Clock]) -> Iterator[Clock]:
    yield shared[1]
    shared[1].seconds = STARTED


@pytest.fixture
def browser(broker: Broker) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=broker.issuer) as client:
        yield client


@pytest.fixture
def quirks(broker: Broker) -> Iterator[Quirks]:
    """What this broker does, until the test is over."""
    broker.quirks = Quirks()
    yield broker.quirks
    broker.quirks = Quirks()
