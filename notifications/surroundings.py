"""What a relay and each of its stages work with."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from redis import Redis
from sqlalchemy.orm import Session

from notifications.addresses import Guard
from notifications.sms import SmsSender
from tokenization.chores import Chore
from tokenization.clock import Clock
from tokenization.vault import Vault


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`transaction` commits at its end; each of the chores is done once a minute."""

    transaction: Callable[[], AbstractContextManager[Session]]
    redis: Redis
    vault: Vault
    clock: Clock
    sms_sender: SmsSender
    guard: Guard
    chores: Sequence[Chore] = ()
