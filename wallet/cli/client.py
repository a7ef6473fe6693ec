"""`wallet client`: OAuth clients are registered, listed, rotated, suspended and revoked."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID

import click
from joserfc.jwk import ECKey
from sqlalchemy.orm import Session

from tokenization import ids
from wallet import demo
from wallet.access import sessions
from wallet.access.models import OAuthClient
from wallet.access.oauth import client_changes, clients
from wallet.cli import environment
from wallet.cli.shown import as_json, show

SCOPES: Final = tuple(clients.GRANTS)
COLUMNS: Final = ("client_id", "scope", "name", "requestor", "status", "key_ids", "redirect_uris", "created")
a_key: Final = click.option("--key", type=click.Path(path_type=Path), help="where to write a new private key (a JWK)")
a_public_key: Final = click.option(
    "--public", type=click.File(), help="the public key (a JWK) that the machine's owner made; - reads it from the pipe"
)
yes_: Final = click.option("--yes", is_flag=True, help="do not ask")


@click.group()
def client() -> None:
    """OAuth clients."""


@dataclass(frozen=True)
class NewKey:
    """A machine's new key: the public half, and the private one if it was made here, for the file at `path`."""

    public: Any
    private: dict[str, Any] | None = None
    path: Path | None = None

    def write(self) -> None:
        """Write the private half, in the transaction that registers the key: without the one, not the other."""
        if self.path is None or self.private is None:
            return
        try:
            demo.write_json(self.path, self.private)
        except OSError as error:
            raise click.ClickException(f"{self.path} cannot be written: {error.strerror}") from None


@client.command(name="list")
@click.option("--scope", type=click.Choice(SCOPES), help="those of this scope only")
@as_json
def list_(scope: str | None, *, as_json: bool) -> None:
    """List the clients, also those that are suspended or revoked."""
    with environment.opened() as parts, parts.database.reading() as session:
        rows = [_row(each) for each in client_changes.registered(session, scope)]
    show(rows, COLUMNS, as_json=as_json)


def _row(client: OAuthClient) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "scope": client.scope,
        "name": client.name,
        "requestor": client.requestor_id and ids.to_text("reqr", client.requestor_id),
        "status": client.status,
        "key_ids": client_changes.key_ids(client),
        "redirect_uris": list(client.redirect_uris),
        "created": client.created_at,
    }


@client.command()
@click.argument("scope", type=click.Choice(SCOPES))
@click.argument("name")
@click.option("--requestor", help="the requestor that it speaks for: reqr_…; the bank itself has none")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="of a wallet app")
@a_key
@a_public_key
def add(
    scope: str,
    name: str,
    requestor: str | None,
    redirect_uris: tuple[str, ...],
    key: Path | None,
    public: TextIO | None,
) -> None:
    """Register a client and print its id.

    A machine has a key, of which the service keeps only the public half. Best, its owner makes it and gives you that
    half (--public); else it is made here (--key). Wallets, merchants and acquirers get their clients over HTTP, when
    the bank approves them: POST /v1/issuer/requestors.
    """
    new = _new_key(key, public)
    if (scope in clients.PHONES) == (new is not None):
        raise click.UsageError("a machine needs --key or --public, a phone has its own")
    with environment.transaction() as (session, now, parts):
        registered = clients.register_client(
            session,
            scope=scope,
            name=name,
            requestor_id=_requestor_id(requestor),
            redirect_uris=redirect_uris,
            jwks={"keys": [new.public]} if new else None,
            loopback_allowed=parts.settings.loopback_allowed,
            now=now,
        )
        if new:
            new.write()
    click.echo(registered.client_id)


@client.command()
@click.argument("client_id")
@a_key
@a_public_key
@click.option("--drop", metavar="KID", help="the key to take away")
def rotate(client_id: str, key: Path | None, public: TextIO | None, drop: str | None) -> None:
    """Give a machine a new key beside the old ones, or take an old one away, at once.

    Add the new one, let the machine use it, then drop the old one: so it is never out. The last key stays.
    """
    new = _new_key(key, public)
    if (drop is None) == (new is None):
        raise click.UsageError("either --key or --public, or --drop")
    with environment.transaction() as (session, now, _):
        found = client_changes.locked(session, client_id)
        said = _add_key(session, found, new, now) if new else _drop_key(session, found, str(drop), now)
    click.echo(said)


def _add_key(session: Session, found: OAuthClient, new: NewKey, now: datetime) -> str:
    kid = client_changes.add_key(session, found, new.public, now)
    new.write()
    return f"key {kid} is good from now on"


def _drop_key(session: Session, found: OAuthClient, kid: str, now: datetime) -> str:
    client_changes.drop_key(session, found, kid, now)
    return f"key {kid} is refused from now on"


@client.command()
@click.argument("client_id")
def suspend(client_id: str) -> None:
    """Let a client in no more, nor whoever came by it, until it is resumed."""
    _become(client_id, "suspended")
    click.echo(f"{client_id} is suspended")


@client.command()
@click.argument("client_id")
def resume(client_id: str) -> None:
    """Let a suspended client in again; its sessions go on."""
    _become(client_id, "active")
    click.echo(f"{client_id} is active")


@client.command()
@click.argument("client_id")
@yes_
def revoke(client_id: str, *, yes: bool) -> None:
    """Let a client in never again, and end its sessions. This cannot be undone."""
    with environment.opened() as parts, parts.database.reading() as session:
        name = client_changes.locked(session, client_id).name
    if not yes:
        click.confirm(f"Revoke {client_id} ({name}) for good?", abort=True)
    with environment.transaction() as (session, now, _):
        found = client_changes.locked(session, client_id)
        if found.status != "revoked":
            client_changes.become(session, found, "revoked", now)
    # Apart: the client is out at once, however many sessions there are to end. Asked again, it ends what is left.
    with environment.transaction() as (session, now, _):
        ended = sessions.end_for_client(session, client_id, now=now)
    click.echo(f"{client_id} is revoked; sessions ended: {ended}")


def _become(client_id: str, status: str) -> None:
    with environment.transaction() as (session, now, _):
        client_changes.become(session, client_changes.locked(session, client_id), status, now)


def _new_key(path: Path | None, public: TextIO | None) -> NewKey | None:
    if path is not None and public is not None:
        raise click.UsageError("either --key or --public")
    if path is None and public is None:
        return None
    if public is not None:
        return NewKey(_json_in(public))
    if path is not None and path.exists():
        raise click.UsageError(f"{path} is there already")
    made = ECKey.generate_key("P-256", auto_kid=True)
    return NewKey(made.as_dict(private=False), made.as_dict(private=True), path)


def _json_in(file: TextIO) -> Any:
    try:
        return json.load(file)
    except (ValueError, RecursionError):
        raise click.UsageError(f"{file.name} holds no JSON") from None


def _requestor_id(text: str | None) -> UUID | None:
    try:
        return ids.parse("reqr", text) if text else None
    except ids.InvalidId as error:
        raise click.BadParameter(str(error)) from None
