"""Approving a requestor: the requestor itself, and the OAuth clients that speak for it (R-3.3b)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import requestors
from tokenization.errors import Invalid
from tokenization.models import Requestor
from wallet.access import clients
from wallet.access.models import OAuthClient
from wallet.settings import Settings

MACHINE_SCOPE: Final = {"wallet": "provider", "merchant": "merchant", "acquirer": "network"}


def approve(session: Session, asked: dict[str, Any], settings: Settings, now: datetime) -> Requestor:
    """A wallet gets an app, a child's app and a server; a merchant and an acquirer a machine. Raises Invalid."""
    if asked["kind"] == "merchant" and not asked["merchant_ids"]:
        raise Invalid("merchant_ids", "a merchant has at least one")
    if asked["kind"] != "wallet" and asked["jwks"] is None:
        raise Invalid("jwks", "a machine signs in with a key of its own")
    if (asked["kind"] == "wallet") != bool(asked["redirect_uris"]):
        raise Invalid("redirect_uris", "a wallet has at least one, others have none")
    terms = ("kind", "name", "merchant_ids", "schemes", "may_hold_numbers", "app_attestation")
    requestor = requestors.register(session, **{name: asked[name] for name in terms}, now=now)
    requestor.status = asked["status"]
    for wanted in _clients(asked):
        clients.register_client(
            session,
            **wanted,
            requestor_id=requestor.requestor_id,
            loopback_allowed=settings.loopback_allowed,
            now=now,
        )
    return requestor


def _clients(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = asked["name"]
    if asked["kind"] == "wallet":
        yield {"scope": "wallet", "name": name, "redirect_uris": asked["redirect_uris"]}
        yield {"scope": "child", "name": f"{name} child"}
    if asked["jwks"] is not None:
        yield {"scope": MACHINE_SCOPE[asked["kind"]], "name": f"{name} server", "jwks": asked["jwks"]}


def clients_of(session: Session, requestor: Requestor) -> list[dict[str, str]]:
    """The clients of a requestor, as the bank sees them."""
    own = select(OAuthClient).where(OAuthClient.requestor_id == requestor.requestor_id)
    rows = session.scalars(own.order_by(OAuthClient.client_id))
    return [{"client_id": row.client_id, "scope": row.scope, "status": row.status} for row in rows]
