"""A small app with the authorisation server and a few guarded routes, over real servers and the mock MitID broker."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from joserfc.jwk import ECKey
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from mobile_mock.broker import Broker, BrokerConfig, Client, running
from notifications.addresses import Guard
from tests.integration.access.acting import ANNA, BO, PUBLIC_URL, REDIRECT_URI, STRANGER, Machine, Phone
from tests.integration.access.lying import LyingBroker
from tests.world import World
from tokenization import cardholders, requestors
from tokenization.clock import SetClock
from tokenization.keys.ring import KeyRing
from tokenization.vault import Vault
from wallet import errors
from wallet.access.guard import caller, requires
from wallet.access.keys import AccessKeys
from wallet.access.mitid.broker import CALLBACK_PATH
from wallet.access.oauth import clients
from wallet.access.wiring import init
from wallet.database import Database
from wallet.payments.rate_file import RateFile
from wallet.services import Services
from wallet.settings import Settings


class BrokerClock:
    """The broker lives longer than one test: it follows the clock of whichever runs."""

    clock: SetClock

    def __call__(self) -> float:
        return self.clock.now().timestamp()


@pytest.fixture(scope="session")
def running_broker(key_ring: KeyRing) -> Iterator[tuple[Broker, BrokerClock]]:
    """One broker for all: its RSA key takes a while."""
    clock = BrokerClock()
    keys = AccessKeys(key_ring).broker_client_published
    known = {"client_id": "tegnebog", "redirect_uris": [PUBLIC_URL + CALLBACK_PATH], "jwks": keys}
    bank = Client.from_json(known)
    with running(BrokerConfig("", (ANNA, BO, STRANGER), (bank,)), now=clock) as broker:
        yield broker, clock


@pytest.fixture
def lying(clock: SetClock) -> LyingBroker:
    return LyingBroker(clock)


@pytest.fixture
def broker(running_broker: tuple[Broker, BrokerClock], clock: SetClock) -> Broker:
    running_broker[1].clock = clock
    return running_broker[0]


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def database(engine: Engine, key_ring: KeyRing) -> Iterator[Database]:
    """What the service commits here is rolled back after the test."""
    with engine.connect() as connection, connection.begin() as outer:
        made = sessionmaker(connection, join_transaction_mode="create_savepoint")
        yield Database(made, key_ring, announce=lambda: None)
        outer.rollback()


@pytest.fixture
def services(database: Database, redis: Redis, vault: Vault, clock: SetClock, broker: Broker) -> Services:
    unused = SecretStr("unused")
    settings = Settings(
        database_url=unused,
        redis_url=unused,
        key_ring=Path("unused"),
        public_url=PUBLIC_URL,
        broker_url=broker.issuer,
    )
    return Services(settings, database, redis, vault, clock, AccessKeys(vault.ring), Guard(), RateFile(None, clock))


@pytest.fixture
def world(services: Services, clock: SetClock) -> World:
    """Everybody, over these parts."""
    return World(services, clock)


@pytest.fixture
def app(services: Services) -> Iterator[Flask]:
    app = Flask("access")
    app.extensions["tegnebog"] = services
    broker = init(app)
    errors.register(app)
    app.add_url_rule("/v1/me", view_func=requires("wallet", "child")(me))
    app.add_url_rule(
        "/v1/tokens", view_func=requires("wallet", "child", step_up="provision")(provision), methods=["POST"]
    )
    app.add_url_rule("/v1/block", view_func=requires("wallet", without_redis=True)(block), methods=["POST"])
    app.add_url_rule("/v1/network", view_func=requires("network")(network))
    app.add_url_rule("/v1/issuer", view_func=requires("issuer")(issuer))
    yield app
    broker.close()


def me() -> ResponseReturnValue:
    return jsonify(actor=caller().actor, client=caller().client_id)


def provision() -> ResponseReturnValue:
    return jsonify(purpose=caller().purpose)


def block() -> ResponseReturnValue:
    return jsonify(blocked=True)


def network() -> ResponseReturnValue:
    return jsonify(actor=caller().actor, requestor=str(caller().requestor_id))


def issuer() -> ResponseReturnValue:
    return jsonify(actor=caller().actor)


@pytest.fixture
def requestor(database: Database, clock: SetClock) -> UUID:
    """An approved wallet."""
    with database.transaction("test") as session:
        made = requestors.register(
            session, kind="wallet", name="Prøve Wallet", merchant_ids=[], schemes=["dankort"], now=clock.now()
        )
        return made.requestor_id


@pytest.fixture
def register(database: Database, clock: SetClock, requestor: UUID) -> Callable[..., str]:
    """Registers a client of that wallet; the answer is its id."""

    def register(scope: str, **details: Any) -> str:
        with database.transaction("test") as session:
            made = clients.register_client(
                session, scope=scope, name=f"Prøve {scope}", requestor_id=requestor, now=clock.now(), **details
            )
            return made.client_id

    return register


@pytest.fixture
def anna(database: Database, vault: Vault, clock: SetClock) -> UUID:
    """A cardholder whom the bank knows by CPR number only."""
    with database.transaction("test") as session:
        made = cardholders.register(session, vault, name="Anna Eksempel", cpr=ANNA.cpr, mobile=None, now=clock.now())
        return made.holder_id


@pytest.fixture
def phone(app: Flask, browser: httpx.Client, clock: SetClock, register: Callable[..., str], anna: UUID) -> Phone:
    """Anna's phone, with the wallet's app."""
    return Phone(app.test_client(), browser, clock, register("wallet", redirect_uris=[REDIRECT_URI]))


@pytest.fixture
def child_phone(app: Flask, browser: httpx.Client, clock: SetClock, register: Callable[..., str]) -> Phone:
    """Emil's phone, with the wallet's app for children."""
    return Phone(app.test_client(), browser, clock, register("child"))


@pytest.fixture
def machine(app: Flask, clock: SetClock, register: Callable[..., str]) -> Callable[[str], Machine]:
    """Makes a machine of a scope."""

    def make(scope: str) -> Machine:
        key = ECKey.generate_key("P-256")
        client_id = register(scope, jwks={"keys": [key.as_dict(private=False)]})
        return Machine(app.test_client(), clock, client_id, key)

    return make


@pytest.fixture
def redis_away(app: Flask, services: Services) -> Iterator[None]:
    """From here on Redis cannot be reached."""
    away = Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    app.extensions["tegnebog"] = replace(services, redis=away)
    yield
    away.close()


@pytest.fixture
def committed(database: Database) -> Iterator[Session]:
    """Looks at what the service has committed."""
    with database.reading() as session:
        yield session
