"""What is there before each test of a payment: Anna with a phone, Emil with a child card, a second acquirer."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from joserfc.jwk import ECKey
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mobile_mock.phone_token import PhoneToken
from notifications.addresses import Guard
from tests.world import Machine, Phone, World
from tokenization.clock import SetClock
from tokenization.keys.folder import FileKeyRing
from tokenization.vault import Vault
from wallet.access.keys import AccessKeys
from wallet.access.models import OAuthClient
from wallet.access.oauth import clients
from wallet.database import Database
from wallet.payments.models import Account
from wallet.payments.rate_file import RateFile
from wallet.services import Services
from wallet.settings import Settings

EMILS = {"per_payment": 20_000, "per_day": 50_000}


def parts_over(
    sessions: sessionmaker[Session],
    redis: Redis,
    key_ring: FileKeyRing,
    vault: Vault,
    clock: SetClock,
    *,
    rates_file: Path | None = None,
) -> Services:
    """The parts of an app over a test's own sessions."""
    unused, ring = SecretStr("unused"), Path("unused")
    settings = Settings(database_url=unused, redis_url=unused, key_ring=ring, rates=rates_file, loopback_allowed=True)
    database = Database(sessions, key_ring, announce=lambda: None)
    guard, rates = Guard(loopback_allowed=True), RateFile(settings.rates, clock)
    return Services(settings, database, redis, vault, clock, AccessKeys(key_ring), guard, rates)


@dataclass
class Town:
    """What is there before each test, made once: provisioning takes a second."""

    world: World
    anna: Phone = field(init=False)
    emil: Phone = field(init=False)
    right_id: str = field(init=False)
    tokens: dict[str, PhoneToken] = field(init=False)
    other_acquirer: Machine = field(init=False)
    opened_with: dict[UUID, int] = field(init=False)

    def __post_init__(self) -> None:
        self.anna = self.world.phone()
        self.right_id = self.world.grant(self.anna, limits=EMILS)["id"]
        self.emil = self.world.child(self.right_id)
        own = self.anna.provision(self.world.person("anna")["card"])
        child = self.emil.provision(right_id=self.right_id)
        self.tokens = {"anna": self._ready(self.anna, own), "emil": self._ready(self.emil, child)}
        self.other_acquirer = self._acquirer()
        with self.world.parts.database.reading() as session:
            self.opened_with = {row.account_id: row.balance_minor for row in session.scalars(select(Account))}

    def _ready(self, phone: Phone, provisioned: httpx.Response) -> PhoneToken:
        assert provisioned.status_code == 201, provisioned.text
        today = lambda: self.world.clock.now().date()  # noqa: E731 - one use, one line
        token = PhoneToken(phone.request, provisioned.json(), phone.encryption_key, today)
        token.choose_pin("1234", biometric=True)
        token.fetch_keys()
        return token

    def _acquirer(self) -> Machine:
        with self.world.parts.database.transaction("test") as session:
            jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
            now = self.world.clock.now()
            made: OAuthClient = clients.register_client(session, scope="network", name="Andetnet", jwks=jwks, now=now)
            return Machine(self.world, "network", made.client_id)
