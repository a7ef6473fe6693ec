"""One sign-in from the app's request to its answer: to the MitID broker, back, and to a cardholder."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from authlib.oauth2 import OAuth2Error
from sqlalchemy.orm import Session

from tokenization import events
from wallet.access import rate_limits, refusals, shelf
from wallet.access.events import SignInSucceeded, SteppedUp
from wallet.access.mitid import linking, reference_texts
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.identity import Identity, SignInFailed
from wallet.access.oauth.codes import SignedIn
from wallet.access.oauth.consents import Consent
from wallet.access.oauth.oauth_request import OAuthRequest
from wallet.access.oauth.parameters import to_keep
from wallet.services import services

LIFETIME: Final = timedelta(minutes=10)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the secret that its cookie keeps."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An app's request, while its person is at the broker."""

    parameters: dict[str, str]
    begun_at: datetime


def begin(broker: Broker, request: OAuthRequest) -> Begun:
    """Remember a valid request of an app, and send the browser to the broker. Raises SignInFailed, RedisError."""
    state, secret, parameters = secrets.token_urlsafe(32), secrets.token_urlsafe(32), request.parameters
    now = services().clock.now()
    shown = request.consent.shown if request.consent else reference_texts.of_purpose(parameters.get("purpose"))
    url = broker.authorization_url(state=state, secret=secret, shown=shown, hint=parameters.get("login_hint"), now=now)
    kept = {"parameters": to_keep(parameters), "begun_at": now.timestamp()}
    shelf.put(services().redis, "sign-in", f"{state} {secret}", kept, LIFETIME)
    return Begun(url, secret)


def resume(state: str, secret: str) -> Waiting | None:
    """The app's request again, once, and only for a browser whose cookie and whose answer belong together."""
    kept = shelf.take(services().redis, "sign-in", f"{state} {secret}")
    waiting = Waiting(kept["parameters"], datetime.fromtimestamp(kept["begun_at"], UTC)) if kept else None
    return waiting if waiting and services().clock.now() < waiting.begun_at + LIFETIME else None


def finish(
    broker: Broker, answer: Mapping[str, str], secret: str, waiting: Waiting, consent: Consent | None
) -> SignedIn:
    """The cardholder whom the broker's answer is about. Raises SignInFailed; `access_denied` for a stranger, and for
    whoever cannot consent to what was asked.
    """
    now = services().clock.now()
    identity = broker.identity(broker.code_in(answer, now), secret, begun_at=waiting.begun_at, now=now)
    rate_limits.sign_in_of(identity.mitid_uuid)
    with services().database.transaction("mitid") as session:
        holder_id = linking.cardholder_of(session, services().vault, identity, now)
        if consent and holder_id not in (None, consent.holder_id):
            raise SignInFailed("access_denied", "what was to be confirmed is another cardholder's")
        if holder_id is not None:
            _note(session, holder_id, identity, waiting.parameters)
    if holder_id is None:
        raise SignInFailed("access_denied", "this person is no cardholder")
    return SignedIn(holder_id, identity.mitid_uuid, identity.acr, identity.auth_time)


def _note(session: Session, holder_id: UUID, identity: Identity, parameters: Mapping[str, str]) -> None:
    purpose, client, acr = parameters.get("purpose"), parameters["client_id"], identity.acr
    who: dict[str, Any] = {"subject_id": holder_id, "holder_id": holder_id, "client": client, "acr": acr}
    who["at"] = services().clock.now()
    events.emit(session, SteppedUp(**who, purpose=purpose) if purpose else SignInSucceeded(**who))


def as_oauth(failed: SignInFailed, parameters: Mapping[str, str]) -> OAuth2Error:
    """A failed sign-in as the app hears of it."""
    log.warning("sign_in_failed", error=failed.error, reason=str(failed), client=parameters["client_id"])
    refusals.of_sign_in(parameters["client_id"], failed.error, str(failed))
    return OAuth2Error(error=failed.error, redirect_uri=parameters["redirect_uri"], state=parameters.get("state"))
