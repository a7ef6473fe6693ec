"""App attestation: a wallet provider says which phones run its app, since anybody can copy a public `client_id`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization.errors import Invalid
from tokenization.models import Requestor
from tokenization.tokens import Device
from wallet.access.models import OAuthClient
from wallet.access.oauth import clients

FIELD: Final = "device.provider_assertion"
LIFETIME: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=60)
# No other kind of JWT passes for one (RFC 8725 section 3.11).
TYPE: Final = "provider-assertion+jwt"


def check(session: Session, requestor: Requestor, device: Device, assertion: str | None, now: datetime) -> None:
    """Hold the provider's assertion to what it must say, where the bank requires one. Raises Invalid.

    A JWS (ES256) with a key of the provider's own machine client, over `signing_key` and `encryption_key`, the
    thumbprints of the phone's two keys (RFC 7638), and `iat`.
    """
    if requestor.app_attestation != "required":
        return
    if assertion is None:
        raise Invalid(FIELD, "is needed: the bank asks this wallet to vouch for its phones")
    if not any(_holds(client, device, assertion, now) for client in _provider(session, requestor)):
        raise Invalid(FIELD, "does not vouch for this phone's keys, now")


def _provider(session: Session, requestor: Requestor) -> list[clients.Client]:
    own = select(OAuthClient.client_id).where(
        OAuthClient.requestor_id == requestor.requestor_id, OAuthClient.scope == "provider"
    )
    found = (clients.find(session, client_id) for client_id in session.scalars(own).all())
    return [client for client in found if client is not None]


def _holds(client: clients.Client, device: Device, assertion: str, now: datetime) -> bool:
    token = clients.signed(assertion, client.keys)
    return token is not None and token.header.get("typ") == TYPE and _says(token.claims, device, now)


def _says(claims: Mapping[str, Any], device: Device, now: datetime) -> bool:
    issued_at = claims.get("iat")
    if not isinstance(issued_at, int | float) or isinstance(issued_at, bool):
        return False
    age_seconds = now.timestamp() - issued_at
    thumbprints = (device.thumbprint, ECKey.import_key({**device.encryption_key}).thumbprint())
    is_fresh = -SKEW.total_seconds() <= age_seconds <= LIFETIME.total_seconds()
    return is_fresh and (claims.get("signing_key"), claims.get("encryption_key")) == thumbprints
