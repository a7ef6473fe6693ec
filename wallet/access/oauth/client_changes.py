"""Clients once they are registered: their keys rotate without a pause; they are shut out, for now or for good."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import events
from tokenization.errors import IllegalMove, Invalid, NotFound
from wallet.access.events import ClientResumed, ClientRevoked, ClientSuspended, client_subject
from wallet.access.models import OAuthClient
from wallet.access.oauth import clients

# status -> what it may become, and the event that says so
_MOVES: Final[dict[str, dict[str, type[ClientSuspended | ClientResumed | ClientRevoked]]]] = {
    "active": {"suspended": ClientSuspended, "revoked": ClientRevoked},
    "suspended": {"active": ClientResumed, "revoked": ClientRevoked},
    "revoked": {},
}


def registered(session: Session, scope: str | None = None) -> Sequence[OAuthClient]:
    """Every client, whatever its status, or those of one scope; the oldest first."""
    everyone = select(OAuthClient).order_by(OAuthClient.created_at, OAuthClient.client_id)
    return session.scalars(everyone if scope is None else everyone.where(OAuthClient.scope == scope)).all()


def locked(session: Session, client_id: str) -> OAuthClient:
    """The client, which is about to change; sessions may begin meanwhile. Raises NotFound."""
    found = session.get(OAuthClient, client_id, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise NotFound("there is no such client")
    return found


def key_ids(client: OAuthClient) -> list[str]:
    """The `kid` of each key of a machine; a phone has none."""
    return [key["kid"] for key in _keys(client)]


def add_key(session: Session, client: OAuthClient, jwk: object, now: datetime) -> str:
    """Give a machine one more public key, good at once beside the others; answers its `kid`. Raises Invalid."""
    _check_machine(client)
    _set_keys(session, client, [*_keys(client), jwk], now)
    return key_ids(client)[-1]


def drop_key(session: Session, client: OAuthClient, kid: str, now: datetime) -> None:
    """Take a key away from a machine: what it signs is refused at once. Never the last one. Raises Invalid."""
    _check_machine(client)
    left = [key for key in _keys(client) if key["kid"] != kid]
    if len(left) == len(_keys(client)):
        raise Invalid("kid", "this client has no such key")
    if not left:
        raise Invalid("kid", "this is its last key: add the new one first, or revoke the client")
    _set_keys(session, client, left, now)


def become(session: Session, client: OAuthClient, status: str, now: datetime) -> None:
    """Suspend a client, let it in again, or revoke it for good; at once. Raises IllegalMove."""
    event = _MOVES[client.status].get(status)
    if event is None:
        raise IllegalMove(f"this client is {client.status} {'for good' if client.status == 'revoked' else 'already'}")
    client.status = status
    events.emit(session, event(at=now, subject_id=client_subject(client.client_id), client=client.client_id))


def _keys(client: OAuthClient) -> list[dict[str, Any]]:
    return client.jwks["keys"] if client.jwks else []


def _set_keys(session: Session, client: OAuthClient, keys: list[Any], now: datetime) -> None:
    if client.status == "revoked":
        raise IllegalMove("this client is revoked for good")
    clients.change_client(session, client, jwks={"keys": keys}, now=now)


def _check_machine(client: OAuthClient) -> None:
    if client.jwks is None:
        raise Invalid("client", "an app has no keys of its own: its phones have")
