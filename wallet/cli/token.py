"""`wallet token`: an access token for curl."""

import json
from pathlib import Path
from typing import Any, Final

import click
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tokenization import ids
from tokenization.clock import SystemClock
from wallet import demo
from wallet.access.mitid.broker import ASSERTION_TYPE

MACHINES: Final = ("issuer", "network", "merchant", "provider")
ASSERTION_SECONDS: Final = 60


@click.command()
@click.argument("machine", type=click.Choice(MACHINES), required=False)
@click.option("--data", default=demo.DATA, show_default=True, type=click.Path(path_type=Path), help="the demo's folder")
@click.option("--url", help="public origin of an installation: https://wallet.bank.example")
@click.option("--client", "client_id", help="id of a machine there")
@click.option("--key", type=click.Path(path_type=Path), help="its private key (a JWK), as `client add` writes it")
def token(machine: str | None, data: Path, url: str | None, client_id: str | None, key: Path | None) -> None:
    """Print a machine's access token, good for five minutes, for curl.

    Of the demo's MACHINE, or of any installation's with --url, --client and --key.
    """
    if machine and not (url or client_id or key):
        click.echo(_of_demo(machine, data))
    elif url and client_id and key and not machine:
        click.echo(_of_installation(url.rstrip("/"), client_id, key))
    else:
        raise click.UsageError("either one of the demo's machines, or --url, --client and --key")


def _of_demo(machine: str, data: Path) -> str:
    path = data / "access.json"
    try:
        access = json.loads(path.read_text())
        url, who = access["base_url"], access["machines"][machine]
        client_id, key = who["client_id"], ECKey.import_key(who["private_jwk"])
    except FileNotFoundError:
        raise click.ClickException(f"{path} is not there: start the demo first") from None
    except (LookupError, TypeError, ValueError, JoseError):
        raise click.ClickException(f"{path} is not what the demo writes") from None
    return fetch_token(url, client_id, key)


def _of_installation(url: str, client_id: str, path: Path) -> str:
    try:
        key = ECKey.import_key(json.loads(path.read_text()))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None
    except (LookupError, TypeError, ValueError, JoseError):
        raise click.ClickException(f"{path} holds no private P-256 key (a JWK)") from None
    if not key.is_private or key.curve_name != "P-256":
        raise click.ClickException(f"{path} holds no private P-256 key (a JWK)")
    return fetch_token(url, client_id, key)


def fetch_token(url: str, client_id: str, key: ECKey) -> str:
    """An access token by client credentials with `private_key_jwt` (RFC 7523). Raises ClickException."""
    key.ensure_kid()
    now = int(SystemClock().now().timestamp())
    claims: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": url, "jti": str(ids.new_id())}
    lifetime = {"iat": now, "exp": now + ASSERTION_SECONDS}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jwt.encode({"alg": "ES256", "kid": key.kid}, claims | lifetime, key, algorithms=["ES256"]),
    }
    try:
        answer = httpx.post(f"{url}/oauth/token", data=form, trust_env=False)
        found = answer.json()
        if "error" in found:
            raise click.ClickException(
                f"no token: {found['error']}: {found.get('error_description', 'no reason given')}"
            )
        return str(found["access_token"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise click.ClickException(f"the service did not give a token: {error}") from None
    except (LookupError, TypeError, ValueError):
        raise click.ClickException(f"what answers at {url} is not Tegnebog") from None
