"""`wallet`: the demo, the service, the relay, the database, clients, and a token for curl."""

import json
import re
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from tokenization import ceremonies, ids, keys
from tokenization.clock import SystemClock
from tokenization.errors import Invalid
from tokenization.keys import KeyRingError
from wallet import app, database, demo, lifeline, logs, serving
from wallet.access import clients
from wallet.processes import PortTaken, check_free
from wallet.services import Services
from wallet.settings import Settings

MACHINES: Final = ("issuer", "network", "merchant", "provider")
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 60
NOT_MIGRATED: Final = frozenset({"42P01", "3F000"})  # no such table, no such schema


class Cli(click.Group):
    """Commands that say in a line what is wrong with the database: which variable, never its value."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OperationalError:
            raise click.ClickException("TEGNEBOG_DATABASE_URL: no PostgreSQL lets us in there") from None
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) not in NOT_MIGRATED:
                raise
            raise click.ClickException("the database is not up to date: `wallet db upgrade` first") from None


@click.group(cls=Cli)
@click.version_option(package_name="tegnebog")
def main() -> None:
    """Tegnebog, a mobile wallet backend with tokenization and delegated cards."""


def _settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as error:
        raise click.ClickException("\n".join(_wrong(each) for each in error.errors())) from None
    except SettingsError as error:
        field = re.findall(r'field "(\w+)"', str(error))
        raise click.ClickException(f"TEGNEBOG_{''.join(field).upper()}: must be JSON") from None
    if not _is_postgresql(settings.database_url.get_secret_value()):
        raise click.ClickException("TEGNEBOG_DATABASE_URL: must be like postgresql+psycopg://user:password@host/name")
    return settings


def _wrong(error: ErrorDetails) -> str:
    """One of pydantic's errors, by the variable's name, if it is about one; never its value."""
    name = "__".join(map(str, error["loc"])).upper()
    return f"TEGNEBOG_{name}: {error['msg']}" if name else error["msg"].removeprefix("Value error, ")


def _is_postgresql(url: str) -> bool:
    try:
        return make_url(url).drivername == "postgresql+psycopg"
    except (ArgumentError, ValueError):
        return False


def _parts() -> Services:
    settings = _settings()
    logs.configure(settings.log_level)
    try:
        return app.wire(settings)
    except ValueError:
        raise click.ClickException("TEGNEBOG_REDIS_URL: must be like redis://host:6379/0, or unix://…") from None
    except KeyRingError as error:
        wrong = str(error) if settings.key_ring.exists() else "there is none there: make one with `wallet keys create`"
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {wrong}") from None
    except OSError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error.strerror}") from None


def _end_with(_: click.Context, __: click.Parameter, parent: int | None) -> None:
    if parent is not None:
        lifeline.end_with(parent)


of_parent: Final = click.option(
    "--parent",
    type=int,
    expose_value=False,
    callback=_end_with,
    hidden=True,
    help="end when this process, our parent, does",
)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--threads",
    default=512,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="most of each worker; a stream holds one",
)
@of_parent
def serve(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the API."""
    _parts()
    try:
        check_free(host, port)
    except (PortTaken, OSError) as error:
        raise click.ClickException(str(error)) from None
    serving.serve(serving.Serving(host, port, workers, threads))


@main.command()
@of_parent
def relay() -> None:
    """Tell people and merchants what happened. Any number may run."""
    serving.relay(_parts())


@main.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the schema up to this version of Tegnebog."""
    database.migrate(_settings())
    click.echo("the database is up to date")


@main.group(name="keys")
def keys_() -> None:
    """The key ring."""


@keys_.command()
def create() -> None:
    """Make the key ring: version 1 of every key that it doesn't hold.

    Only for a new database. A key that was lost comes from its backup; one made in its place opens nothing.
    """
    folder = _settings().key_ring
    try:
        ceremonies.create(folder, SystemClock().now())
        keys.read(folder)
    except KeyRingError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error}") from None
    except OSError as error:
        raise click.ClickException(f"TEGNEBOG_KEY_RING: {error.strerror}") from None
    click.echo(f"the key ring is in {folder}")


@keys_.command()
def broker() -> None:
    """Print the public keys that the MitID broker must know us by (a JWKS)."""
    click.echo(json.dumps(_parts().keys.broker_client_published))


@main.group()
def client() -> None:
    """OAuth clients."""


@client.command()
@click.argument("scope", type=click.Choice(["wallet", "child", *MACHINES]))
@click.argument("name")
@click.option("--requestor", help="the requestor that it speaks for: reqr_…; the bank itself has none")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="of a wallet app")
@click.option("--key", type=click.Path(path_type=Path), help="where to write a machine's new private key (a JWK)")
def add(scope: str, name: str, requestor: str | None, redirect_uris: tuple[str, ...], key: Path | None) -> None:
    """Register a client and print its id.

    A machine gets a key of its own, of which the service keeps only the public half. Wallets, merchants and acquirers
    get their clients over HTTP, when the bank approves them: POST /v1/issuer/requestors.
    """
    if (scope in MACHINES) != (key is not None):
        raise click.UsageError("a machine needs --key, a phone has its own")
    if key and key.exists():
        raise click.UsageError(f"{key} is there already")
    private = ECKey.generate_key("P-256", auto_kid=True) if key else None
    parts = _parts()
    try:
        with parts.database.transaction("cli") as session:
            registered = clients.register_client(
                session,
                scope=scope,
                name=name,
                requestor_id=_requestor_id(requestor),
                redirect_uris=redirect_uris,
                jwks={"keys": [private.as_dict(private=False)]} if private else None,
                loopback_allowed=parts.settings.loopback_allowed,
                now=parts.clock.now(),
            )
            if key and private:
                demo.write_private(key, private.as_dict(private=True))
    except Invalid as error:
        raise click.ClickException(f"{error.field}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{key} cannot be written: {error.strerror}") from None
    finally:
        parts.database.close()
    click.echo(registered.client_id)


def _requestor_id(text: str | None) -> UUID | None:
    try:
        return ids.parse("reqr", text) if text else None
    except ids.InvalidId as error:
        raise click.BadParameter(str(error)) from None


@main.command()
@click.argument("machine", type=click.Choice(MACHINES))
@click.option("--data", default=demo.DATA, show_default=True, type=click.Path(path_type=Path), help="the demo's folder")
def token(machine: str, data: Path) -> None:
    """Print an access token of one of the demo's machines, good for five minutes, for curl."""
    try:
        access = json.loads((data / "access.json").read_text())
        click.echo(fetch_token(access["base_url"], access["machines"][machine]))
    except FileNotFoundError:
        raise click.ClickException(f"{data / 'access.json'} is not there: start the demo first") from None
    except (KeyError, ValueError):
        raise click.ClickException(f"{data / 'access.json'} is not what the demo writes") from None
    except (httpx.HTTPError, JoseError) as error:
        raise click.ClickException(f"the service did not give a token: {error}") from None


def fetch_token(base_url: str, machine: dict[str, Any]) -> str:
    """An access token by client credentials with `private_key_jwt` (RFC 7523). Raises httpx.HTTPError."""
    key, now = ECKey.import_key(machine["private_jwk"]), int(time.time())
    who = machine["client_id"]
    claims = {"iss": who, "sub": who, "aud": base_url, "iat": now, "exp": now + ASSERTION_SECONDS}
    claims["jti"] = str(ids.new_id())
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"]),
    }
    answer = httpx.post(f"{base_url}/oauth/token", data=form, trust_env=False).raise_for_status()
    return str(answer.json()["access_token"])


main.add_command(demo.demo)
