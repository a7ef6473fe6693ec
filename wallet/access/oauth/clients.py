"""Apps and machines that may ask for access tokens. A client has one scope; what it may do follows from it."""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from authlib.oauth2.rfc6749 import ClientMixin
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import events
from tokenization.errors import Invalid
from tokenization.models import Requestor
from wallet.access.events import ClientChanged, ClientRegistered, client_subject, is_client_id
from wallet.access.models import OAuthClient
from wallet.access.public_keys import InvalidKey, public_key

PRIVATE_KEY_JWT: Final = "private_key_jwt"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_MACHINE: Final = frozenset({"client_credentials"})
GRANTS: Final = {
    "wallet": frozenset({"authorization_code", "refresh_token"}),
    "child": frozenset({DEVICE_GRANT, "refresh_token"}),
    "network": _MACHINE,
    "merchant": _MACHINE,
    "provider": _MACHINE,
    "issuer": _MACHINE,
}
PHONES: Final = frozenset({"wallet", "child"})
# The bank itself, and the network where the bank runs it, are no requestors.
_WITHOUT_REQUESTOR: Final = frozenset({"issuer", "network"})
ALGORITHM: Final = "ES256"
_KEYS_MAX: Final = 10
_NAME_CHARACTERS_MAX: Final = 200
_KID: Final = re.compile(r"[ -~]{1,256}", re.ASCII)
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_DANISH: Final = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa"})


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A registered client that may be let in now, as Authlib asks about it."""

    client_id: str
    scope: str
    redirect_uris: tuple[str, ...]
    jwks: dict[str, Any] | None

    @property
    def is_machine(self) -> bool:
        """Whether it authenticates with a key of its own, rather than being a phone."""
        return self.scope not in PHONES

    @property
    def keys(self) -> KeySet:
        """The public keys of a machine."""
        return KeySet([ECKey.import_key(key) for key in (self.jwks or {"keys": []})["keys"]])

    def get_client_id(self) -> str:
        """Its id."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: every request names its redirect URI (RFC 9700 section 4.1.3)."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The client's one scope, asked for or not; None for any other, as an empty one would be issued."""
        return self.scope if scope in (None, "", self.scope) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it is registered, character by character."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """No: nobody has a secret here."""
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Phones are public clients; machines sign."""
        return method == (PRIVATE_KEY_JWT if self.is_machine else "none")

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may begin the authorization code flow."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """What a client may do follows from its scope."""
        return grant_type in GRANTS[self.scope]


def signed(text: str, keys: KeySet) -> jwt.Token | None:
    """A JWT that one of these keys signed, ES256; None if none did.

    `kid` says which; without one, which RFC 7515 section 4.1.4 allows, any may be it: so the old and the new key both
    work while a machine rotates, also for one that never named its key.
    """
    for key in keys:
        with suppress(JoseError, ValueError, RecursionError):  # the last by claims that are nested without end
            return jwt.decode(text, KeySet([key]), algorithms=[ALGORITHM])
    return None


def register_client(
    session: Session,
    *,
    scope: str,
    name: str,
    requestor_id: UUID | None = None,
    redirect_uris: Iterable[str] = (),
    jwks: object = None,
    loopback_allowed: bool = False,
    now: datetime,
) -> OAuthClient:
    """A new client; its id is made of its name. Raises Invalid, which names the field.

    `jwks` is for machines, `redirect_uris` for the app of scope `wallet`. `loopback_allowed` (the demo) lets redirects
    go to plain HTTP on loopback.
    """
    uris = list(redirect_uris)
    _check_shape(scope, requestor_id, uris, jwks)
    if not (name.strip() and name.isprintable() and len(name) <= _NAME_CHARACTERS_MAX):
        raise Invalid("name", f"must be 1 to {_NAME_CHARACTERS_MAX} printable characters")
    for uri in uris:
        _check_redirect_uri(uri, loopback_allowed)
    client = OAuthClient(
        client_id=f"{_slug(name) or scope}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}",
        requestor_id=requestor_id,
        name=name,
        scope=scope,
        redirect_uris=uris,
        jwks=None if jwks is None else checked_jwks(jwks),
        status="active",
        created_at=now,
    )
    session.add(client)
    session.flush()
    subject = client_subject(client.client_id)
    event = ClientRegistered(at=now, subject_id=subject, client=client.client_id, scope=scope, name=name)
    events.emit(session, event)
    return client


def change_client(
    session: Session,
    client: OAuthClient,
    *,
    redirect_uris: Iterable[str] | None = None,
    jwks: object = None,
    loopback_allowed: bool = False,
    now: datetime,
) -> None:
    """Give an app other addresses, or a machine other keys, from now on. Raises Invalid, which names the field."""
    uris = client.redirect_uris if redirect_uris is None else list(redirect_uris)
    keys = client.jwks if jwks is None else checked_jwks(jwks)
    _check_shape(client.scope, client.requestor_id, uris, keys)
    for uri in uris:
        _check_redirect_uri(uri, loopback_allowed)
    client.redirect_uris, client.jwks = uris, keys
    key_ids = [key["kid"] for key in keys["keys"]] if keys else []
    subject = client_subject(client.client_id)
    event = ClientChanged(
        at=now, subject_id=subject, client=client.client_id, redirect_uris=list(uris), key_ids=key_ids
    )
    events.emit(session, event)


def find(session: Session, client_id: str) -> Client | None:
    """The client, if it is active and so is its requestor."""
    if not is_client_id(client_id):
        return None
    wanted = (
        select(OAuthClient, Requestor.status)
        .outerjoin(Requestor, Requestor.requestor_id == OAuthClient.requestor_id)
        .where(OAuthClient.client_id == client_id)
    )
    row = session.execute(wanted).one_or_none()
    if row is None or row[0].status != "active" or row[1] not in (None, "active"):
        return None
    found = row[0]
    return Client(found.client_id, found.scope, tuple(found.redirect_uris), found.jwks)


def checked_jwks(jwks: object) -> dict[str, Any]:
    """A machine's key set as it is kept: public P-256 keys for ES256, each with a `kid`. Raises Invalid."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _KEYS_MAX:
        raise Invalid("jwks", f'a key set is {{"keys": […]}} with 1 to {_KEYS_MAX} keys')
    checked = [_checked_key(f"jwks.keys[{index}]", key) for index, key in enumerate(keys)]
    if len({key["kid"] for key in checked}) != len(checked):
        raise Invalid("jwks", "two keys have the same kid")
    if len({key["x"] for key in checked}) != len(checked):
        raise Invalid("jwks", "two keys are the same")
    return {"keys": checked}


def _checked_key(field: str, jwk: object) -> dict[str, Any]:
    try:
        key = public_key(jwk)
    except InvalidKey as error:
        raise Invalid(field, str(error)) from error
    given = jwk if isinstance(jwk, dict) else {}
    if given.get("use", "sig") != "sig" or given.get("alg", ALGORITHM) != ALGORITHM:
        raise Invalid(field, "use must be sig and alg ES256")
    kid = given.get("kid") or key.thumbprint()
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise Invalid(field, "kid must be a text of 1 to 256 printable characters")
    return {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}


def _check_shape(scope: str, requestor_id: UUID | None, redirect_uris: list[str], jwks: object) -> None:
    if scope not in GRANTS:
        raise Invalid("scope", f"must be one of {', '.join(GRANTS)}")
    if requestor_id is None and scope not in _WITHOUT_REQUESTOR:
        raise Invalid("requestor_id", f"a client of scope {scope} belongs to a requestor")
    if (scope in PHONES) == (jwks is not None):
        raise Invalid("jwks", "machines have keys, phones have none: theirs are made on the phone")
    if (scope == "wallet") != bool(redirect_uris):
        raise Invalid("redirect_uris", "a wallet app has at least one, other clients have none")


def _check_redirect_uri(uri: str, loopback_allowed: bool) -> None:
    """Only https, which the phone's system ties to the app (RFC 8252 section 7.2): any app can claim a scheme."""
    if not re.fullmatch(r"[!-~]{1,2000}", uri, re.ASCII) or set(uri) & set('"\\<>^`{|}#'):
        raise Invalid("redirect_uris", "not an address, or one with a fragment")
    try:
        parts = urlsplit(uri)
        is_https = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        is_loopback = parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_https = is_loopback = False
    if not is_https and not (loopback_allowed and is_loopback):
        raise Invalid("redirect_uris", "must be https, without a user name")


def _slug(name: str) -> str:
    plain = name.lower().translate(_DANISH)
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
