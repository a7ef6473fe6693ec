"""Deciding many requests in one go, below HTTP."""

from hashlib import sha256
from typing import Any

from tests.integration.payments.scene import Scene
from wallet.payments import authorization
from wallet.payments.references import Answer
from wallet.payments.requests import (
    Authorization,
    Cryptogram,
    Instrument,
    Merchant,
    PlasticInstrument,
    Reference,
    TokenInstrument,
)
from wallet.schemas.network import AuthorizationInput

SCHEMA = AuthorizationInput()


def value(request: dict[str, Any], client_id: str) -> Authorization:
    """The request as the resource would read it."""
    body = SCHEMA.load(request)
    instrument: Instrument
    if "token" in body:
        instrument = TokenInstrument(body["token"], Cryptogram(**body["cryptogram"]))
    else:
        instrument = PlasticInstrument(cvm=body["cvm"], **body["card"])
    return Authorization(
        reference=Reference(client_id, body["network_reference"], sha256(repr(request).encode()).digest()),
        instrument=instrument,
        merchant=Merchant(**body["merchant"]),
        amount_minor=body["amount"],
        authentication="none",
        initiated_by="cardholder",
        **{name: body[name] for name in ("entry_mode", "kind", "currency", "estimated", "scheme", "terminal")},
    )


def decide(scene: Scene, *requests: dict[str, Any]) -> list[str]:
    """The reasons that the answers give."""
    client_id = scene.network.client_id
    asked = [value(request, client_id) for request in requests]
    parts = scene.world.parts
    with parts.database.transaction("network:test") as session:
        answers = authorization.authorize(session, parts.vault, asked, parts.clock.now())
    return [answer.body["reason"] if isinstance(answer, Answer) else "reused" for answer in answers]
