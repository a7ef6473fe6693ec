"""What a request needs from the process it runs in. Made once, in `wallet/app.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app
from joserfc.jwk import KeySet
from redis import Redis

from notifications.addresses import Guard
from tokenization.clock import Clock
from tokenization.vault import Vault
from wallet.access.keys import AccessKeys
from wallet.database import Database
from wallet.payments.rate_file import RateFile
from wallet.settings import Settings
from wallet.streams import Places


@dataclass(frozen=True, slots=True)
class Services:
    """The parts, wired."""

    settings: Settings
    database: Database
    redis: Redis
    vault: Vault
    clock: Clock
    keys: AccessKeys
    webhook_guard: Guard
    rates: RateFile
    places: Places = field(default_factory=Places)

    @property
    def transport_keys(self) -> KeySet:
        """What opens `encrypted_card`."""
        return self.keys.card_transport


def services() -> Services:
    """The parts of the running app."""
    wired: Services = current_app.extensions["tegnebog"]
    return wired


def current_time() -> datetime:
    """What the clock of the running app says."""
    return services().clock.now()
