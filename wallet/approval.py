"""Approving a requestor: the requestor itself, and the OAuth clients that speak for it (R-3.3b)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifications import webhooks
from notifications.events import EndpointKeyApproved
from notifications.models import WebhookEndpoint
from tokenization import events, requestors
from tokenization.errors import IllegalMove, Invalid
from tokenization.models import Requestor
from tokenization.vault import Vault
from wallet.access.models import OAuthClient
from wallet.access.oauth import clients
from wallet.settings import Settings

MACHINE_SCOPE: Final = {"wallet": "provider", "merchant": "merchant", "acquirer": "network"}
TERMS: Final = ("kind", "name", "merchant_ids", "schemes", "may_hold_numbers", "app_attestation", "status")


def approve(session: Session, vault: Vault, asked: dict[str, Any], settings: Settings, now: datetime) -> Requestor:
    """A wallet gets an app, a child's app and a server; a merchant and an acquirer a machine. Raises Invalid."""
    _check(asked["kind"], asked)
    if asked["kind"] != "wallet" and asked["jwks"] is None:
        raise Invalid("jwks", "a machine signs in with a key of its own")
    requestor = requestors.register(session, **{name: asked[name] for name in TERMS}, now=now)
    requestors.set_contact(session, vault, requestor, asked["contact"], now)
    around = _around(settings, now)
    for wanted in _clients(asked):
        clients.register_client(session, **wanted, requestor_id=requestor.requestor_id, **around)
    return requestor


def change(
    session: Session, vault: Vault, requestor: Requestor, asked: dict[str, Any], settings: Settings, now: datetime
) -> Requestor:
    """Change what a requestor may do, who looks after it, where its app is reached, and its machine's keys. Raises
    Invalid.
    """
    _check(requestor.kind, asked)
    requestors.change(session, requestor, {name: asked[name] for name in TERMS if name in asked}, now)
    if "contact" in asked:
        requestors.set_contact(session, vault, requestor, asked["contact"], now)
    for field, scope in (("redirect_uris", "wallet"), ("jwks", MACHINE_SCOPE[requestor.kind])):
        if asked.get(field, []) != []:
            _set_client(session, requestor, scope, {field: asked[field], **_around(settings, now)})
    return requestor


def _set_client(session: Session, requestor: Requestor, scope: str, wanted: dict[str, Any]) -> None:
    """Change the requestor's client of that scope. One may only come now: a wallet's server, or after a revoked one."""
    found = _client(session, requestor, scope)
    if found is not None:
        clients.change_client(session, found, **wanted)
    else:
        name = requestor.name if scope == "wallet" else f"{requestor.name} server"
        clients.register_client(session, scope=scope, name=name, requestor_id=requestor.requestor_id, **wanted)


def _around(settings: Settings, now: datetime) -> dict[str, Any]:
    return {"loopback_allowed": settings.loopback_allowed, "now": now}


def _client(session: Session, requestor: Requestor, scope: str) -> OAuthClient | None:
    of_requestor = (OAuthClient.requestor_id == requestor.requestor_id, OAuthClient.scope == scope)
    own = select(OAuthClient).where(*of_requestor, OAuthClient.status != "revoked").order_by(OAuthClient.client_id)
    found = session.scalars(own.limit(2).with_for_update(key_share=True)).all()
    if len(found) > 1:
        raise IllegalMove(f"it has several clients of scope {scope}: change the one that you mean by its client id")
    return found[0] if found else None


def _check(kind: str, asked: dict[str, Any]) -> None:
    if kind == "merchant" and not asked.get("merchant_ids", True):
        raise Invalid("merchant_ids", "a merchant has at least one")
    if "redirect_uris" in asked and (kind == "wallet") != bool(asked["redirect_uris"]):
        raise Invalid("redirect_uris", "a wallet has at least one, others have none")


def _clients(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = asked["name"]
    if asked["kind"] == "wallet":
        yield {"scope": "wallet", "name": name, "redirect_uris": asked["redirect_uris"]}
        yield {"scope": "child", "name": f"{name} child"}
    if asked["jwks"] is not None:
        yield {"scope": MACHINE_SCOPE[asked["kind"]], "name": f"{name} server", "jwks": asked["jwks"]}


def approve_key(session: Session, requestor: Requestor, thumbprint: str, now: datetime) -> WebhookEndpoint:
    """The bank's yes to the key that card numbers will be encrypted to (R-S1): to that one, whatever came since.

    `thumbprint` is RFC 7638's; the requestor is locked, so no other key comes now. Raises NotFound without an endpoint,
    IllegalMove where another key stands there.
    """
    endpoint = webhooks.get_endpoint(session, requestor.requestor_id, lock=True)
    key = endpoint.encryption_key
    if key is None or ECKey.import_key({**key}).thumbprint() != thumbprint:
        raise IllegalMove("the endpoint has no encryption key with this thumbprint")
    events.emit(session, EndpointKeyApproved(at=now, **webhooks.about(endpoint), thumbprint=thumbprint))
    return webhooks.approve_encryption_key(session, requestor.requestor_id)


def clients_of(session: Session, requestor: Requestor) -> list[dict[str, Any]]:
    """The clients of a requestor, as the bank sees them: with their public keys, which it may add to (rotation)."""
    own = select(OAuthClient).where(OAuthClient.requestor_id == requestor.requestor_id)
    rows = session.scalars(own.order_by(OAuthClient.client_id))
    return [{name: getattr(row, name) for name in ("client_id", "scope", "status", "jwks")} for row in rows]
