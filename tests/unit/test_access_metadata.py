from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from wallet.access.oauth.metadata import metadata


@pytest.fixture
def found() -> dict[str, Any]:
    return metadata("https://wallet.example", par_required=False)


def test_the_metadata_is_what_rfc_8414_allows(found: dict[str, Any]) -> None:
    AuthorizationServerMetadata(found).validate()


def test_every_endpoint_is_ours(found: dict[str, Any]) -> None:
    addresses = [value for name, value in found.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 6
    assert all(address.startswith("https://wallet.example/oauth/") for address in addresses)


def test_the_metadata_promises_what_a_bank_demands() -> None:
    for demanded in (True, False):
        promised = metadata("https://wallet.example", par_required=demanded)
        assert promised["require_pushed_authorization_requests"] is demanded


def test_what_would_be_taken_for_granted_if_it_were_left_out_is_said(found: dict[str, Any]) -> None:
    """OpenID Connect Discovery section 3 lets `request_uri` default to true."""
    assert found["request_parameter_supported"] is found["request_uri_parameter_supported"] is False
