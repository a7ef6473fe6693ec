"""The endpoints beside the token endpoint: pushed requests, device authorization, revocation."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from authlib.consts import default_json_headers
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, TokenMixin, UnauthorizedClientError
from authlib.oauth2.rfc6749.endpoint import Endpoint
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint
from flask import current_app

from wallet.access import guard, sessions
from wallet.access.access_tokens import AccessTokens, InvalidToken
from wallet.access.oauth import codes, devices, parameters, refresh_tokens
from wallet.access.oauth.clients import DEVICE_GRANT, PRIVATE_KEY_JWT, Client
from wallet.access.oauth.oauth_request import InvalidProofError, OAuthRequest
from wallet.access.step_up import token_in
from wallet.services import services

Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


class UnsupportedTokenType(OAuth2Error):
    """RFC 7009 section 2.2.1: a machine's token cannot be revoked; its client can, and it lives for five minutes."""

    error = "unsupported_token_type"


class PushedRequests(Endpoint):
    """PAR (RFC 9126): the app hands its request in beforehand, where no browser can change it."""

    ENDPOINT_NAME = "par"

    def create_endpoint_response(self, request: OAuthRequest) -> Answer:
        """Check the request as the authorization endpoint would, keep it, answer where it is."""
        self.server.authenticate_client(request, ["none"], self.ENDPOINT_NAME)
        if "request_uri" in request.parameters:
            raise InvalidRequestError("request_uri cannot be pushed")
        _bind_to_proof(request)
        try:
            self.server.get_consent_grant(request)
        except OAuth2Error as error:
            error.redirect_uri = None  # Nobody's browser is here to be redirected.
            raise
        if "dpop_jkt" not in request.parameters:
            raise InvalidProofError("a DPoP proof or dpop_jkt is needed: the code is for one key alone")
        request_uri = codes.push(services().redis, parameters.to_keep(request.parameters), services().clock.now())
        return 201, {"request_uri": request_uri, "expires_in": codes.PUSHED_LIFETIME.seconds}, default_json_headers


def _bind_to_proof(request: OAuthRequest) -> None:
    """A proof at PAR binds the code to its key (RFC 9449 section 10.1).

    Where MitID will show what a token is, nothing less than a proof will do: anybody can name a key.
    """
    if request.proof is None:
        if token_in(request.parameters.get("purpose")):
            raise InvalidProofError("a DPoP proof is needed: what is to be confirmed is told to its own phone alone")
        return
    if request.parameters.get("dpop_jkt") not in (None, request.proof.thumbprint):
        raise InvalidProofError("dpop_jkt names another key than the proof")
    request.parameters["dpop_jkt"] = request.proof.thumbprint


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """RFC 8628 section 3.1, with the phone's name and key, and two digits for the parent to compare."""

    CLIENT_AUTH_METHODS = ("none",)

    def create_endpoint_response(self, request: OAuthRequest) -> Answer:
        """Not Authlib's own, which has no place for what else the phone sends, and checks neither scope nor grant."""
        client: Client = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE_GRANT):
            raise UnauthorizedClientError
        if client.get_allowed_scope(request.parameters.get("scope")) is None:
            raise InvalidScopeError
        pending = devices.PendingDevice(
            user_code=self.generate_user_code(),
            device_name=parameters.device_name(request.parameters),
            thumbprint=parameters.thumbprint(request.parameters),
            client_id=client.client_id,
            requested_at=services().clock.now(),
            match=devices.new_match(),
        )
        device_code = self.generate_device_code()
        devices.keep(services().redis, device_code, pending)
        return 200, _device_answer(device_code, pending), default_json_headers


def _device_answer(device_code: str, pending: devices.PendingDevice) -> dict[str, Any]:
    """The address with the code in it is what the phone shows as QR (section 3.3.1). `match` is not in it: two people
    compare it by eye, so that a code which was sent to somebody lets nobody in (section 5.4).
    """
    address = f"{services().settings.public_url}/oauth/device"
    return {
        "device_code": device_code,
        "user_code": pending.user_code,
        "match": pending.match,
        "verification_uri": address,
        "verification_uri_complete": f"{address}?user_code={pending.user_code}",
        "expires_in": devices.LIFETIME.seconds,
        "interval": devices.INTERVAL_SECONDS,
    }


@dataclass(frozen=True, slots=True)
class _Revocable(TokenMixin):
    """A token that leads to a session."""

    client_id: str
    session_id: UUID

    def check_client(self, client: Client) -> bool:
        """Whether it was given to that client."""
        return self.client_id == client.client_id


class Revocation(RevocationEndpoint):
    """RFC 7009: any token of a phone ends its session."""

    CLIENT_AUTH_METHODS = ("none", PRIVATE_KEY_JWT)

    def check_params(self, request: OAuthRequest, client: Client) -> None:
        """The hint may be anything (section 2.1): we look for both."""
        if "token" not in request.parameters:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Revocable | None:
        """The session behind a refresh token or an access token."""
        with services().database.reading() as session:
            found = refresh_tokens.session_of(session, token_string)
        if found is not None:
            return _Revocable(found.client_id, found.session_id)
        return _of_access_token(token_string)

    def revoke_token(self, token: _Revocable, request: OAuthRequest) -> None:
        """End the session."""
        with services().database.transaction(f"client:{token.client_id}") as session:
            sessions.end(session, token.session_id, reason="revoked", now=services().clock.now())


def _of_access_token(text: str) -> _Revocable | None:
    tokens: AccessTokens = current_app.extensions[guard.EXTENSION]
    try:
        grant = tokens.read(text).grant
    except InvalidToken:
        return None
    if grant.session_id is None:
        raise UnsupportedTokenType
    return _Revocable(grant.client_id, grant.session_id)
