"""The authorisation server: Authlib's, with our clients, our tokens and our endpoints."""

from collections.abc import Sequence
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Request
from flask import Response

from wallet.access import rate_limits, refusals
from wallet.access.access_tokens import LIFETIME, AccessTokens
from wallet.access.oauth import clients, grants
from wallet.access.oauth.assertions import MachineAssertion
from wallet.access.oauth.clients import GRANTS, PRIVATE_KEY_JWT, Client
from wallet.access.oauth.endpoints import DeviceAuthorization, PushedRequests, Revocation
from wallet.access.oauth.grants import Issued
from wallet.access.oauth.oauth_request import OAuthRequest
from wallet.services import services


class Server(AuthorizationServer):
    """One per app. Authlib's hooks that keep state on an app or in the database are answered here."""

    def __init__(self, tokens: AccessTokens) -> None:
        super().__init__()
        self._tokens = tokens
        self.scopes_supported = sorted(GRANTS)
        self.register_client_auth_method(PRIVATE_KEY_JWT, MachineAssertion())
        self.register_grant(grants.CodeGrant, [grants.OnlyS256(required=True), grants.our_parameters])
        self.register_grant(grants.RefreshGrant)
        self.register_grant(grants.ChildGrant)
        self.register_grant(grants.MachineGrant)
        for endpoint in (PushedRequests, DeviceAuthorization, Revocation):
            self.register_endpoint(endpoint)

    def authenticate_client(self, request: OAuth2Request, methods: Sequence[str], endpoint: str = "token") -> Client:
        """The client, which is counted once it has proved who it is."""
        client: Client = super().authenticate_client(request, methods, endpoint)
        if client.is_machine:
            rate_limits.token_of(client.client_id)
        return client

    def query_client(self, client_id: str) -> Client | None:
        """The client, if it and its requestor are active."""
        with services().database.reading() as session:
            return clients.find(session, client_id)

    def generate_token(
        self,
        grant_type: str,
        client: Client,
        user: Issued,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, str | int]:
        """The answer of the token endpoint (RFC 6749 section 5.1, RFC 9449 section 5)."""
        answer: dict[str, str | int] = {
            "access_token": self._tokens.issue(user.grant),
            "token_type": "DPoP" if user.grant.thumbprint else "Bearer",
            "expires_in": LIFETIME.seconds,
            "scope": user.grant.scope,
        }
        return {**answer, "refresh_token": user.refresh_token} if user.refresh_token else answer

    def save_token(self, token: dict[str, Any], request: OAuthRequest) -> None:
        """Nothing to save: sessions and refresh tokens are there already, access tokens are nowhere."""

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        """The request as `oauth_request` has read it."""
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        """Name ourselves in every redirect to an app, errors too (RFC 9207 section 2)."""
        issuer = [("iss", services().settings.public_url)]
        named = [(key, add_params_to_uri(value, issuer) if key == "Location" else value) for key, value in headers]
        return super().handle_response(status, body, named)

    def handle_error_response(self, request: OAuth2Request | None, error: OAuth2Error) -> Response:
        """Authlib comes here with every error, of its own and of ours."""
        refusals.of_request(error)
        return super().handle_error_response(request, error)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""
