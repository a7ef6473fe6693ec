"""How machines say who they are: a JWT signed with their own key (RFC 7523), for us alone, for minutes, once."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc.jwk import KeySet
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wallet.access.models import AssertionJti
from wallet.access.oauth.clients import PRIVATE_KEY_JWT, Client, signed
from wallet.access.oauth.oauth_request import OAuthRequest
from wallet.services import services

LIFETIME_MAX: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=60)
_JTI: Final = re.compile(r"[!-~]{1,256}", re.ASCII)
# No other kind of JWT passes for an assertion (RFC 8725 section 3.11).
_TYPES: Final = (None, "JWT", "client-authentication+jwt")
# We never look there; who sends one expects us to (RFC 8725 section 3.10).
_KEY_SOURCES: Final = frozenset({"jwk", "jku", "x5c", "x5u"})


class MachineAssertion(JWTBearerClientAssertion):
    """Authlib finds the client and its keys; what it leaves open is decided here: algorithm, `aud`, `exp`, `jti`."""

    CLIENT_AUTH_METHOD = PRIVATE_KEY_JWT

    def __call__(self, query_client: Callable[[str], Client | None], request: OAuthRequest) -> Client | None:
        """The machine that signed. A `client_id` beside the assertion must be the same (RFC 7521 section 4.2)."""
        client: Client | None = super().__call__(query_client, request)
        if client is not None and request.parameters.get("client_id") not in (None, client.client_id):
            raise InvalidClientError(description="client_id is not that of the assertion")
        return client

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it says, unchecked. One that is nested without end says nothing."""
        try:
            return super().extract_assertion(assertion)
        except RecursionError as error:
            raise InvalidClientError(description="Invalid JWT payload.") from error

    def resolve_client_public_key(self, client: Client) -> KeySet:
        """The machine's keys; a phone has none and is refused."""
        if not client.is_machine:
            raise InvalidClientError(description="this client has no keys")
        return client.keys

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, Any]:
        """Check signature and claims, then use the assertion up. Raises InvalidClientError."""
        settings, now = services().settings, services().clock.now()
        token = signed(assertion, resolve_key)
        if token is None:
            raise InvalidClientError(description="the assertion is not signed by this client")
        reason = problem(token.header, token.claims, issuer=settings.public_url, now=now)
        if reason:
            raise InvalidClientError(description=f"client_assertion: {reason}")
        client_id, jti = token.claims["sub"], token.claims["jti"]
        expires_at = datetime.fromtimestamp(token.claims["exp"], UTC)
        with services().database.transaction(f"client:{client_id}") as session:
            is_first = spend(session, client_id, jti, expires_at, now)
        if not is_first:
            raise InvalidClientError(description="client_assertion: jti was used before")
        return token.claims


def problem(header: Mapping[str, Any], claims: Mapping[str, Any], *, issuer: str, now: datetime) -> str | None:
    """What is wrong with an assertion whose signature holds; None if nothing is. Pure."""
    expires, jti = claims.get("exp"), claims.get("jti")
    at, skew = now.timestamp(), _SKEW.total_seconds()
    checks = (
        (header.get("typ") in _TYPES, "typ is of another kind of token"),
        (not _KEY_SOURCES & header.keys(), "its header must not say where a key is found: your keys are registered"),
        (claims.get("iss") == claims.get("sub"), "iss and sub must both be the client_id"),
        # Our issuer and nothing else: an assertion for two could be used at one by the other.
        (claims.get("aud") in (issuer, [issuer]), "aud must be our issuer, alone"),
        (_is_within(expires, at, at + LIFETIME_MAX.total_seconds()), "exp must be within 5 minutes"),
        (_is_within(claims.get("iat", at), 0, at + skew), "iat is in the future"),
        (_is_within(claims.get("nbf", at), 0, at + skew), "nbf is in the future"),
        (isinstance(jti, str) and _JTI.fullmatch(jti), "jti must be 1 to 256 printable characters"),
    )
    return next((reason for holds, reason in checks if not holds), None)


def spend(session: Session, client_id: str, jti: str, expires_at: datetime, now: datetime) -> bool:
    """Whether this assertion was not used before. In PostgreSQL, so that machines work while Redis is away."""
    expired = delete(AssertionJti).where(AssertionJti.client_id == client_id, AssertionJti.expires_at < now)
    session.execute(expired)
    new = insert(AssertionJti).values(client_id=client_id, jti=jti, expires_at=expires_at).on_conflict_do_nothing()
    return session.scalar(new.returning(AssertionJti.jti)) is not None


def _is_within(value: object, after: float, until: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and after < value <= until
