"""`requests_oauth2client`: another author's library, in another language, with other habits."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from requests import Response, Session
from requests_oauth2client import (
    AuthorizationPending,
    AuthorizationRequest,
    BearerToken,
    DPoPKey,
    DPoPToken,
    InvalidGrant,
    OAuth2Client,
    PrivateKeyJwt,
    PublicApp,
    SlowDown,
)

from tests.interop.conftest import Demo

METADATA = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True)
class Town:
    """The demo, and what its access.json says of who is there."""

    access: dict[str, Any]
    http: Session

    def client(self, auth: PublicApp | PrivateKeyJwt, **more: Any) -> OAuth2Client:
        """The library's client, as the server's metadata has it."""
        issuer = self.access["base_url"]
        return OAuth2Client.from_discovery_endpoint(
            issuer + METADATA, issuer, auth=auth, session=self.http, testing=True, **more
        )

    def begin(self) -> tuple[OAuth2Client, AuthorizationRequest, str]:
        """A sign-in of Anna's, up to the address that the browser comes back to."""
        app = self.access["wallet_app"]
        phone = self.client(PublicApp(app["client_id"]), redirect_uri=app["redirect_uri"])
        asked = phone.authorization_request(scope="wallet", nonce=None, dpop=True)
        return phone, asked, self._browse(phone.pushed_authorization_request(asked).uri)

    def get(self, path: str, token: BearerToken, **headers: str) -> Response:
        """Call the API."""
        return self.http.get(self.access["base_url"] + path, auth=token, headers=headers)

    def _browse(self, url: str) -> str:
        app, anna = self.access["wallet_app"], self.access["people"]["anna"]
        for _ in range(10):
            url = self.http.get(url, allow_redirects=False).headers["Location"]
            if url.startswith(f"{app['redirect_uri']}?"):
                return url
            if "idp_values=" in url:
                url += f"&login_hint=uuid:{anna['mitid_uuid']}"
        raise AssertionError("too many redirects")


@pytest.fixture
def town(running: Demo) -> Iterator[Town]:
    with Session() as http:
        yield Town(json.loads(running.access.read_text()), http)


def test_a_phone_signs_in_calls_the_api_and_refreshes(town: Town, running: Demo) -> None:
    phone, asked, back = town.begin()
    token = phone.authorization_code(asked.validate_callback(back))
    assert isinstance(token, DPoPToken)
    assert town.get("/v1/me", token).json()["name"] == "Anna Fjordmark"
    refreshed = phone.refresh_token(token)
    assert town.get("/v1/me", refreshed).status_code == 200
    assert (token.dpop_key.as_nonce is not None) is running.wants_nonces


def test_a_code_that_comes_twice_is_an_invalid_grant(town: Town) -> None:
    phone, asked, back = town.begin()
    answer = asked.validate_callback(back)
    phone.authorization_code(answer)
    with pytest.raises(InvalidGrant):
        phone.authorization_code(answer)


def test_a_child_that_asks_is_told_to_wait_and_then_to_slow_down(town: Town) -> None:
    endpoint = town.access["base_url"] + "/oauth/device_authorization"  # which this library does not discover
    child = town.client(PublicApp(town.access["child_app"]["client_id"]), device_authorization_endpoint=endpoint)
    key = DPoPKey.generate()
    pairing = child.authorize_device(scope="child", device_name="Emil's phone", dpop_jkt=key.dpop_jkt)
    with pytest.raises(AuthorizationPending):
        child.device_code(pairing, dpop=True, dpop_key=key)
    with pytest.raises(SlowDown):
        child.device_code(pairing, dpop=True, dpop_key=key)


@pytest.mark.parametrize("dpop", [False, True])
def test_a_machine_gets_a_token_with_its_key(town: Town, dpop: bool) -> None:
    issuer = town.access["machines"]["issuer"]
    audience = town.access["base_url"]  # by default this library names the token endpoint
    auth = PrivateKeyJwt(issuer["client_id"], issuer["private_jwk"], alg="ES256", aud=audience)
    token = town.client(auth).client_credentials(scope="issuer", dpop=dpop)
    assert town.get("/v1/issuer/policies", token, **{"X-Actor": "Mette"}).status_code == 200


def test_signing_out_ends_the_session(town: Town) -> None:
    phone, asked, back = town.begin()
    token = phone.authorization_code(asked.validate_callback(back))
    assert phone.revoke_refresh_token(token)
    with pytest.raises(InvalidGrant):
        phone.refresh_token(token)
