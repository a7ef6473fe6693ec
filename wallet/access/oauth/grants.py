"""The four ways to an access token, on Authlib's grants; what Authlib leaves open is closed here, by name."""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    ClientCredentialsGrant,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    RefreshTokenGrant,
    TokenMixin,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from authlib.oauth2.rfc8628.errors import ExpiredTokenError

from tokenization import ids
from wallet.access import sessions
from wallet.access.access_tokens import Grant
from wallet.access.mitid import linking
from wallet.access.models import AccessSession
from wallet.access.oauth import codes, consents, devices, refresh_tokens, sweeping
from wallet.access.oauth.clients import PRIVATE_KEY_JWT, Client
from wallet.access.oauth.codes import Code
from wallet.access.oauth.devices import DeviceCode
from wallet.access.oauth.oauth_request import InvalidProofError, OAuthRequest
from wallet.access.oauth.parameters import check_authorization
from wallet.services import services


@dataclass(frozen=True, slots=True)
class Issued:
    """What a grant gives: Authlib carries it as its "user" from the check to the token."""

    grant: Grant
    refresh_token: str | None = None


class OnlyS256(CodeChallenge):
    """PKCE (RFC 7636): Authlib takes `plain`, and a missing challenge; here it is S256 or nothing."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str | None) -> None:
        """Raises InvalidRequestError unless there is an S256 challenge."""
        parameters = grant.request.payload.data
        if not parameters.get("code_challenge") or parameters.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge and code_challenge_method=S256 are needed")
        super().validate_code_challenge(grant, redirect_uri)


def our_parameters(grant: AuthorizationCodeGrant) -> None:
    """The Authlib extension that checks `dpop_jkt` and `purpose`, whose errors go back to the app."""
    grant.register_hook("after_validate_authorization_request_payload", lambda grant, _: _check(grant.request))


def _check(request: OAuthRequest) -> None:
    """When it is pushed, when the browser comes with it, and when it comes back from MitID: what somebody confirms
    must be so all the time.
    """
    check_authorization(request.parameters)
    request.consent = consents.asked_for(request.parameters)


class CodeGrant(AuthorizationCodeGrant):
    """Authorization code: PKCE S256, DPoP, codes used once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    request: OAuthRequest

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        """Keep the code with what the app asked for and who signed in."""
        parameters, now, signed_in = request.parameters, services().clock.now(), request.user
        kept = Code(
            client_id=parameters["client_id"],
            redirect_uri=parameters["redirect_uri"],
            scope=request.scope,
            code_challenge=parameters["code_challenge"],
            thumbprint=parameters.get("dpop_jkt"),
            purpose=parameters.get("purpose"),
            signed_in=signed_in,
            expires_at=now + codes.CODE_LIFETIME,
        )
        codes.keep(services().redis, code, kept)

    def validate_token_request(self) -> None:
        """The proof first: without one the code isn't touched."""
        _thumbprint(self.request)
        super().validate_token_request()

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """The code, once. The second time the session that it gave ends."""
        now = services().clock.now()
        found = codes.take(services().redis, code, now)
        if found is None and codes.was_issued(services().redis, code):
            with services().database.transaction(f"client:{client.client_id}") as session:
                if given := codes.spoil(session, code, now):
                    sessions.end(session, given, reason="code_reuse", now=now)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It is gone since it was looked up (GETDEL)."""

    def authenticate_user(self, authorization_code: Code) -> Issued:
        """Start the session. The key is the one that the app named at the start, if it did."""
        thumbprint, signed_in, now = _thumbprint(self.request), authorization_code.signed_in, services().clock.now()
        if authorization_code.thumbprint not in (None, thumbprint):
            raise InvalidGrantError("the code is bound to another DPoP key")
        actor = f"cardholder:{ids.to_text('holder', signed_in.holder_id)}"
        with services().database.transaction(actor) as session:
            if not linking.still_holds(session, signed_in.holder_id, signed_in.mitid_uuid):
                raise InvalidGrantError("this MitID is not the cardholder's any more")
            started = sessions.start(
                session,
                client_id=authorization_code.client_id,
                holder_id=signed_in.holder_id,
                thumbprint=thumbprint,
                acr=signed_in.acr,
                auth_time=signed_in.auth_time,
                now=now,
            )
            if not codes.redeem(session, self.request.parameters["code"], started.session_id, now):
                raise InvalidGrantError("the code came twice")
            issued = Issued(
                _grant(started, authorization_code.purpose), refresh_tokens.issue(session, started.session_id, now)
            )
        with services().database.transaction("system") as session:
            sweeping.sweep(session, now)
        return issued


@dataclass(frozen=True, slots=True)
class _Refreshed(TokenMixin):
    """A refresh token that was used and replaced."""

    issued: Issued

    def check_client(self, client: Client) -> bool:
        """Yes: `refresh_tokens.rotate` looked at it."""
        return self.issued.grant.client_id == client.client_id

    def get_scope(self) -> str:
        """The scope of the session."""
        return self.issued.grant.scope


class RefreshGrant(RefreshTokenGrant):
    """Refresh: bound to the key, a new token each time. It keeps `auth_time` and drops `purpose`."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True
    request: OAuthRequest

    def authenticate_refresh_token(self, refresh_token: str) -> _Refreshed | None:
        """Use the token. A reuse ends the session, and that is committed: the answer is a value, not an exception."""
        client_id, thumbprint = self.request.parameters["client_id"], _thumbprint(self.request)
        with services().database.transaction(f"client:{client_id}") as session:
            rotated = refresh_tokens.rotate(
                session, refresh_token, client_id=client_id, thumbprint=thumbprint, now=services().clock.now()
            )
            return _Refreshed(Issued(_grant(rotated.session), rotated.refresh_token)) if rotated else None

    def authenticate_user(self, refresh_token: _Refreshed) -> Issued:
        """What comes out of it."""
        return refresh_token.issued

    def revoke_old_credential(self, refresh_token: _Refreshed) -> None:
        """Done already, in one transaction with the new one."""


class ChildGrant(DeviceCodeGrant):
    """Device code: redeemed by the phone's key alone, once the parent has said yes."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    request: OAuthRequest

    def query_device_credential(self, device_code: str) -> DeviceCode:
        """What waits for the parent. Another key learns nothing of it."""
        thumbprint = _thumbprint(self.request)
        device = devices.by_device_code(services().redis, device_code, services().clock.now())
        if device is None:
            raise ExpiredTokenError
        if device.thumbprint != thumbprint:
            raise InvalidGrantError("the device code is bound to another DPoP key")
        self._device = device
        return device

    def query_user_grant(self, user_code: str) -> tuple[Issued, bool] | None:
        """The parent's yes; None while there is none. If the pairing ended meanwhile, it is a no."""
        session_id = devices.take_approval(services().redis, self._device)
        if session_id is None:
            return None
        devices.forget(services().redis, self.request.parameters["device_code"])
        now = services().clock.now()
        with services().database.transaction(f"client:{self._device.client_id}") as session:
            found = sessions.live(session, session_id)
            if found is None or found.thumbprint != self._device.thumbprint:
                raise AccessDeniedError
            return Issued(_grant(found), refresh_tokens.issue(session, session_id, now)), True

    def should_slow_down(self, credential: DeviceCode) -> bool:
        """Whether it asks too often."""
        return devices.polls_too_fast(services().redis, credential, services().clock.now())


class MachineGrant(ClientCredentialsGrant):
    """Client credentials, by signed assertion. With a DPoP proof the token is bound to that key."""

    TOKEN_ENDPOINT_AUTH_METHODS = (PRIVATE_KEY_JWT,)
    request: OAuthRequest

    def validate_token_request(self) -> None:
        """Authlib never asks the client which scope it may have here: we do."""
        super().validate_token_request()
        if self.request.client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError

    def generate_token(self, user: None = None, scope: str | None = None, **options: Any) -> dict[str, str | int]:
        """A token for the machine itself."""
        client: Client = self.request.client
        thumbprint = self.request.proof.thumbprint if self.request.proof else None
        grant = Grant(client.client_id, client.scope, subject=client.client_id, thumbprint=thumbprint)
        return super().generate_token(user=Issued(grant), scope=client.scope, **options)


def _grant(session: AccessSession, purpose: str | None = None) -> Grant:
    prefix, subject = ("right", session.right_id) if session.right_id else ("holder", session.holder_id)
    return Grant(
        client_id=session.client_id,
        scope=session.scope,
        subject=ids.to_text(prefix, subject),
        session_id=session.session_id,
        thumbprint=session.thumbprint,
        acr=session.acr,
        auth_time=session.auth_time,
        purpose=purpose,
    )


def _thumbprint(request: OAuthRequest) -> str:
    """The key of the phone. DPoP is required of phones (3-api.md, "Access")."""
    if request.proof is None:
        raise InvalidProofError("a DPoP proof is needed")
    return request.proof.thumbprint
