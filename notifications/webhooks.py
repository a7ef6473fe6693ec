"""Where a requestor listens: its endpoint, its secrets, and what was sent there."""

import base64
import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from notifications import contacts, replay
from notifications.addresses import AddressRefused, Guard
from notifications.events import EndpointDisabled, EndpointReplayed, EndpointSecretRotated, EndpointSet
from notifications.models import Delivery, Update, WebhookEndpoint, WebhookLane
from tokenization import events, ids, requestors
from tokenization.errors import IllegalMove, Invalid, NotFound
from tokenization.models import Requestor
from tokenization.secret import Secret
from tokenization.vault import DataKey, Place, Vault

FORMATS: Final = ("token", "encrypted_card")
TEST: Final = "webhook.test"
OVERLAP: Final = timedelta(hours=24)
# How many letters may be under way to one endpoint at once.
LANES: Final = 4
# Who fails for so long is disabled; the feed still has all updates.
DISABLED_AFTER: Final = timedelta(days=5)
# And who looks after it hears of it in time.
WARNED_AFTER: Final = timedelta(days=1)
# An endpoint that failed rests as long again as it has been failing, and no longer than that: what is new is tried at
# once after a first failure, and an endpoint that is back is found soon.
LONGEST_REST: Final = timedelta(minutes=5)
# Why it is disabled, by its state.
REASONS: Final = {"disabled": "failed_for_five_days", "gone": "answered_410"}
_SECRET_BYTES: Final = 32


def put_endpoint(
    session: Session,
    vault: Vault,
    guard: Guard,
    requestor: Requestor,
    *,
    url: str,
    update_format: str = "token",
    encryption_key: dict[str, Any] | None = None,
    now: datetime,
) -> tuple[WebhookEndpoint, Secret[str]]:
    """Set where a requestor listens, and answer its secret. Another URL gets a new one, and the one before signs along
    for a day; whoever sets again what stands there keeps the one that its receiver knows (docs/adr/042).

    `encryption_key` is a public key as `schemas.PublicKey` takes it; another one waits for the issuer's yes. Raises
    Invalid, naming the field.
    """
    _check_url(guard, url)
    _check_format(requestor, update_format, encryption_key)
    # Two at once would both make a data key and an endpoint.
    session.get_one(Requestor, requestor.requestor_id, with_for_update={"key_share": True})
    data_key = requestors.data_key(session, vault, requestor.requestor_id)
    endpoint = _locked(session, requestor.requestor_id) or _new_endpoint(session, requestor.requestor_id, now)
    is_another = endpoint.url != url
    if thumbprint(encryption_key) != thumbprint(endpoint.encryption_key):  # what is called otherwise is no other key
        endpoint.encryption_key_approved = False
    endpoint.encryption_key = encryption_key
    endpoint.url, endpoint.update_format = url, update_format
    endpoint.state, endpoint.failing_since, endpoint.changed_at = "enabled", None, now
    endpoint.retry_at = endpoint.disabled_at = endpoint.checked_at = endpoint.check_result = None
    secret = _renew_secret(data_key, endpoint, now) if is_another else _secret(data_key, endpoint)
    session.flush()
    lanes = [{"requestor_id": endpoint.requestor_id, "lane": lane} for lane in range(1, LANES + 1)]
    session.execute(insert(WebhookLane).on_conflict_do_nothing(), lanes)
    which = thumbprint(encryption_key)
    events.emit(session, EndpointSet(at=now, **about(endpoint), update_format=update_format, thumbprint=which))
    return endpoint, secret


def thumbprint(jwk: dict[str, Any] | None) -> str | None:
    """Which key that is (RFC 7638): the same whatever else stands in its JWK."""
    return ECKey.import_key({**jwk}).thumbprint() if jwk else None


def get_endpoint(session: Session, requestor_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """The endpoint of a requestor; locked where it is about to change. Raises NotFound."""
    endpoint = _locked(session, requestor_id) if lock else session.get(WebhookEndpoint, requestor_id)
    if endpoint is None:
        raise NotFound
    return endpoint


def enabled(session: Session, requestor_id: UUID) -> WebhookEndpoint:
    """The endpoint, which listens. Raises NotFound, IllegalMove: what is queued for another would lie there."""
    endpoint = get_endpoint(session, requestor_id)
    if endpoint.state != "enabled":
        raise IllegalMove("the endpoint is disabled: set it again first")
    return endpoint


def about(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What every event of an endpoint says of it."""
    subject, host = endpoint.requestor_id, urlsplit(endpoint.url).hostname or ""
    return {"subject_id": subject, "requestor_id": subject, "host": host}


def approve_encryption_key(session: Session, requestor_id: UUID) -> WebhookEndpoint:
    """The issuer's yes to the key that stands there now. Raises NotFound, IllegalMove where there is none."""
    endpoint = get_endpoint(session, requestor_id)
    if endpoint.encryption_key is None:
        raise IllegalMove("the endpoint has no encryption key")
    endpoint.encryption_key_approved = True
    return endpoint


def rotate_secret(session: Session, vault: Vault, requestor_id: UUID, now: datetime) -> Secret[str]:
    """A new secret, shown once; the one before signs along for a day. Raises NotFound."""
    endpoint = get_endpoint(session, requestor_id, lock=True)
    events.emit(session, EndpointSecretRotated(at=now, **about(endpoint)))
    return _renew_secret(vault.party_key(session, requestor_id), endpoint, now)


def valid_secrets(session: Session, vault: Vault, endpoint: WebhookEndpoint, now: datetime) -> list[Secret[str]]:
    """What a webhook is signed with now, the newest first."""
    data_key = vault.party_key(session, endpoint.requestor_id)
    secrets = [_secret(data_key, endpoint)]
    if endpoint.previous_secret_sealed and previous_secret_until(endpoint, now):
        before = data_key.open(_place(endpoint, "previous_secret_sealed"), endpoint.previous_secret_sealed)
        secrets.append(Secret(before.decode()))
    return secrets


def previous_secret_until(endpoint: WebhookEndpoint, now: datetime) -> datetime | None:
    """Until when the secret before signs along; None where it does no more."""
    until = endpoint.previous_secret_until
    return until if until is not None and now < until else None


def answered(session: Session, requestor_id: UUID) -> datetime | None:
    """It took a letter: if it failed before, it does so no more. Answers since when it did."""
    endpoint = get_endpoint(session, requestor_id, lock=True)
    failing_since, endpoint.failing_since, endpoint.retry_at = endpoint.failing_since, None, None
    return failing_since


def failed(session: Session, requestor_id: UUID, now: datetime, *, gone: bool) -> bool:
    """It did not take a letter, and rests. Whether it is disabled now: it said that it wants no more (410), or has
    failed for too long. Who looks after it is told so.
    """
    endpoint = get_endpoint(session, requestor_id, lock=True)
    if endpoint.state != "enabled":
        return False
    endpoint.failing_since = endpoint.failing_since or now
    failing_for = now - endpoint.failing_since
    if gone or failing_for >= DISABLED_AFTER:
        _disable(session, endpoint, "gone" if gone else "disabled", now)
        return True
    endpoint.retry_at = now + min(failing_for, LONGEST_REST)
    if failing_for >= WARNED_AFTER:
        contacts.tell(session, endpoint, contacts.FAILING, endpoint.failing_since + DISABLED_AFTER, now)
    return False


def _disable(session: Session, endpoint: WebhookEndpoint, state: str, now: datetime) -> None:
    endpoint.state, endpoint.disabled_at = state, now
    events.emit(session, EndpointDisabled(at=now, **about(endpoint), reason=REASONS[state]))
    contacts.tell(session, endpoint, f"endpoint.{state}", now, now)


def to_check(session: Session, requestor_id: UUID) -> str | None:
    """The URL of an endpoint that nobody has looked at since it was set."""
    of_requestor = (WebhookEndpoint.requestor_id == requestor_id, WebhookEndpoint.checked_at.is_(None))
    return session.scalar(select(WebhookEndpoint.url).where(*of_requestor))


def checked(session: Session, requestor_id: UUID, url: str, error: str | None, now: datetime) -> None:
    """Write down what a look at an endpoint found, unless it has been set anew since."""
    looked_at = (WebhookEndpoint.requestor_id == requestor_id, WebhookEndpoint.url == url)
    session.execute(update(WebhookEndpoint).where(*looked_at).values(checked_at=now, check_result=error or "ok"))


def send_test(session: Session, requestor_id: UUID, now: datetime) -> Delivery:
    """Queue a `webhook.test`. Raises NotFound without an endpoint, IllegalMove where it is disabled."""
    endpoint = enabled(session, requestor_id)
    delivery = Delivery(
        requestor_id=endpoint.requestor_id,
        delivery_id=ids.new_id(),
        kind=TEST,
        state="pending",
        attempts=0,
        next_attempt_at=now,
        created_at=now,
    )
    session.add(delivery)
    return delivery


def retry(session: Session, requestor_id: UUID, delivery_id: UUID, now: datetime) -> Delivery:
    """Send it again, from the start of the schedule, under the same `webhook-id`. Raises NotFound, IllegalMove."""
    delivery = session.get(Delivery, (requestor_id, delivery_id), with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound
    enabled(session, requestor_id)
    if delivery.state == "superseded" or _is_outdated(session, delivery):
        raise IllegalMove("a newer update has replaced this one")
    delivery.state, delivery.attempts, delivery.next_attempt_at, delivery.finished_at = "pending", 0, now, None
    return delivery


def replay_since(session: Session, requestor_id: UUID, since: datetime, now: datetime) -> int:
    """Queue again all that was told since then; how much that is. Raises NotFound, IllegalMove, Invalid."""
    endpoint = enabled(session, requestor_id)
    queued = replay.since(session, requestor_id, since, now)
    events.emit(session, EndpointReplayed(at=now, **about(endpoint), since=since, queued=queued))
    return queued


def _is_outdated(session: Session, delivery: Delivery) -> bool:
    """Whether a newer update of the same credential or token stands in the feed. One that comes this very moment finds
    the delivery where it waits, or the delivery finds it when its turn comes.
    """
    if delivery.seq is None:
        return False
    of_subject = (Update.requestor_id == delivery.requestor_id, Update.subject_id == delivery.subject_id)
    return session.scalar(select(Update.seq).where(*of_subject, Update.seq > delivery.seq).limit(1)) is not None


def _check_url(guard: Guard, url: str) -> None:
    try:
        guard.check(url)
    except AddressRefused as error:
        raise Invalid("url", str(error)) from error


def _check_format(requestor: Requestor, update_format: str, key: dict[str, Any] | None) -> None:
    if update_format == "encrypted_card" and not requestor.may_hold_numbers:
        raise Invalid("update_format", "the issuer has not allowed you to hold card numbers")
    if update_format == "encrypted_card" and key is None:
        raise Invalid("encryption_key", "is needed for encrypted_card")


def _locked(session: Session, requestor_id: UUID) -> WebhookEndpoint | None:
    # As it is now: a relay may have disabled it since it was read, and what seems unchanged would not be written.
    return session.get(WebhookEndpoint, requestor_id, with_for_update=True, populate_existing=True)


def _new_endpoint(session: Session, requestor_id: UUID, now: datetime) -> WebhookEndpoint:
    endpoint = WebhookEndpoint(
        requestor_id=requestor_id, endpoint_id=ids.new_id(), encryption_key_approved=False, created_at=now
    )
    session.add(endpoint)
    return endpoint


def _secret(data_key: DataKey, endpoint: WebhookEndpoint) -> Secret[str]:
    return Secret(data_key.open(_place(endpoint, "secret_sealed"), endpoint.secret_sealed).decode())


def _renew_secret(data_key: DataKey, endpoint: WebhookEndpoint, now: datetime) -> Secret[str]:
    if endpoint.secret_sealed is not None:
        before = _secret(data_key, endpoint).reveal().encode()
        endpoint.previous_secret_sealed = data_key.seal(_place(endpoint, "previous_secret_sealed"), before)
        endpoint.previous_secret_until = now + OVERLAP
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    endpoint.secret_sealed = data_key.seal(_place(endpoint, "secret_sealed"), secret.encode())
    return Secret(secret)


def _place(endpoint: WebhookEndpoint, column: str) -> Place:
    return Place("webhook_endpoints", endpoint.endpoint_id, column)
