from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from wallet.access.metadata import metadata


def test_the_metadata_is_what_rfc_8414_allows() -> None:
    AuthorizationServerMetadata(metadata("https://wallet.example")).validate()


def test_every_endpoint_is_ours() -> None:
    found = metadata("https://wallet.example")
    addresses = [value for name, value in found.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 6
    assert all(address.startswith("https://wallet.example/oauth/") for address in addresses)
