"""The configuration of the mock broker."""

from datetime import date
from typing import Any

import pytest
from joserfc.jwk import ECKey

from mobile_mock.broker import BrokerConfig, ConfigurationError

KEY = ECKey.generate_key("P-256")
REDIRECT_URI = "http://127.0.0.1:8080/oauth/mitid/callback"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "http://127.0.0.1:1/"}, "issuer"),
        ({"people": {}}, "people"),
        ({"people": [{"name": "Ida"}]}, r"people\[0\].mitid_uuid"),
        ({"people": [{"mitid_uuid": "u", "name": "n", "cpr": "c", "birthdate": "soon"}]}, r"people\[0\].birthdate"),
        ({"clients": ["bank"]}, r"clients\[0\]"),
        ({"clients": [{"client_id": "bank", "redirect_uris": []}]}, r"clients\[0\].jwks, secret"),
        ({"clients": [{"client_id": "b", "redirect_uris": [], "secret": "s"}]}, r"clients\[0\].redirect_uris"),
        ({"clients": [{"client_id": "b", "redirect_uris": ["r"], "jwks": {"keys": [{}]}}]}, r"clients\[0\].jwks"),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_name_of_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{field}"):
        BrokerConfig.from_json({"issuer": "http://127.0.0.1:8081", "people": [], "clients": [], **change})


def test_a_configuration_is_read_from_json() -> None:
    person = {"mitid_uuid": "u", "name": "Ida", "cpr": "0101851234", "birthdate": "1985-01-01"}
    client = {"client_id": "bank", "redirect_uris": [REDIRECT_URI], "jwks": {"keys": [KEY.as_dict(private=False)]}}
    config = BrokerConfig.from_json({"issuer": "http://127.0.0.1:8081", "people": [person], "clients": [client]})
    assert config.people[0].birthdate == date(1985, 1, 1)
    assert config.clients[0].keys is not None
    assert "0101851234" not in repr(config)
