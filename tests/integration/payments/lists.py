"""Deciding many requests in one go, below HTTP."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from tests.integration.payments.scene import Scene
from tokenization.vault import Vault
from wallet.payments import authorization
from wallet.payments.rates import Rates, RateTable
from wallet.payments.references import Answer, ReferenceReused
from wallet.payments.requests import Authorization, Reference
from wallet.resources import network
from wallet.schemas.network import AuthorizationInput
from wallet.services import Services

SCHEMA = AuthorizationInput()
NO_RATES = RateTable()


def value(request: dict[str, Any], client_id: str) -> Authorization:
    """The request as the resource would read it."""
    body = SCHEMA.load(request)
    return network.read(body, Reference(client_id, body["network_reference"], sha256(repr(request).encode()).digest()))


def decided(
    session: Session, vault: Vault, asked: Sequence[Authorization], now: datetime, rates: Rates = NO_RATES
) -> list[Answer | ReferenceReused]:
    """What is answered to them in that transaction: wherever tests call the path below HTTP, they call it here."""
    return authorization.authorize(session, vault, rates, asked, now)


def authorize(parts: Services, asked: Sequence[Authorization]) -> list[Answer | ReferenceReused]:
    """Decide them together, in a transaction of their own."""
    with parts.database.transaction("network:test") as session:
        return decided(session, parts.vault, asked, parts.clock.now(), parts.rates)


def decide(scene: Scene, *requests: dict[str, Any]) -> list[str]:
    """The reasons that the answers give."""
    answers = authorize(scene.world.parts, [value(request, scene.network.client_id) for request in requests])
    return [answer.body["reason"] if isinstance(answer, Answer) else "reused" for answer in answers]
