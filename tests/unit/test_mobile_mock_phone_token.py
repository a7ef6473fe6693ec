"""A token on a phone, which is given its keys as the contract has them."""

import json
from datetime import date
from typing import Any

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from mobile_mock.cryptogram import cvm_key, mac, pin_key
from mobile_mock.dpop import base64url
from mobile_mock.phone_token import NoKeysLeft, PhoneToken

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
NUMBER = bytes.fromhex("9f3a01bc")
ENCRYPTION_KEY = ECKey.generate_key("P-256")


class Service:
    """Answers what a phone asks about one token, and remembers what was sent."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    def __call__(self, method: str, path: str, json: Any = None) -> httpx.Response:
        self.sent[f"{method} {path}"] = json
        body = {"keys": batch()} if path.endswith("/keys") else {"id": "tok_1", "status": "active"}
        return httpx.Response(200, json=body, request=httpx.Request(method, f"http://127.0.0.1{path}"))


def batch() -> str:
    keys = [{"atc": atc, "key": base64url(KEY)} for atc in (7, 8)]
    inside = {"number": "9208910000000007", "expiry": "2029-09", "keys": keys, "expires_at": "2026-12-06T00:00:00Z"}
    header = {"alg": "ECDH-ES", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, json.dumps(inside), ECKey.import_key(ENCRYPTION_KEY.as_dict(private=False)))


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def token(service: Service) -> PhoneToken:
    token = PhoneToken(service, {"id": "tok_1"}, ENCRYPTION_KEY, lambda: date(2026, 11, 22))
    token.fetch_keys()
    return token


def test_a_fetched_batch_holds_the_number_and_the_keys(token: PhoneToken) -> None:
    assert (token.number, token.expiry, token.keys_left) == ("9208910000000007", "2029-09", 2)


def test_the_cryptogram_is_that_of_the_test_vector(token: PhoneToken) -> None:
    assert token.cryptogram(12500, "DKK", unpredictable_number=NUMBER) == {
        "atc": 7,
        "date": "261122",
        "unpredictable_number": "9f3a01bc",
        "cvm": "none",
        "mac": "d08d69c0fbceaa45",
        "cvm_mac": None,
    }


def test_each_payment_uses_the_next_key_up(token: PhoneToken) -> None:
    used = [token.cryptogram(100, "DKK", unpredictable_number=NUMBER)["atc"] for _ in range(2)]
    assert used == [7, 8]
    with pytest.raises(NoKeysLeft):
        token.cryptogram(100, "DKK", unpredictable_number=NUMBER)


def test_a_payment_with_pin_carries_a_second_mac(token: PhoneToken) -> None:
    token.choose_pin("4711")
    made = token.cryptogram(12500, "DKK", cvm="pin", unpredictable_number=NUMBER)
    message = bytes.fromhex("00000001250002080208261122009f3a01bc000701")
    assert made["mac"] == "9e1306957e44a16a"
    assert made["cvm_mac"] == mac(cvm_key(KEY, pin_key("4711", "tok_1")), message).hex()


def test_a_pin_that_is_typed_wrong_spoils_the_second_mac_only(token: PhoneToken, service: Service) -> None:
    other = PhoneToken(service, {"id": "tok_1"}, ENCRYPTION_KEY, lambda: date(2026, 11, 22))
    other.fetch_keys()
    token.choose_pin("4711")
    right = token.cryptogram(100, "DKK", cvm="pin", unpredictable_number=NUMBER)
    wrong = other.cryptogram(100, "DKK", cvm="pin", unpredictable_number=NUMBER, pin="1174")
    assert right["mac"] == wrong["mac"]
    assert right["cvm_mac"] != wrong["cvm_mac"]


def test_the_pin_itself_is_never_sent(token: PhoneToken, service: Service) -> None:
    token.choose_pin("4711", biometric=True)
    sent = service.sent["POST /v1/tokens/tok_1/activate"]
    assert sent.keys() == {"pin_key", "biometric_key"}
    assert sent["pin_key"] == base64url(pin_key("4711", "tok_1"))
    assert all(len(value) == 43 for value in sent.values())


def test_a_phone_without_biometrics_sends_none(token: PhoneToken, service: Service) -> None:
    token.choose_pin("4711")
    assert service.sent["POST /v1/tokens/tok_1/activate"]["biometric_key"] is None


def test_a_changed_pin_is_the_one_that_counts(token: PhoneToken, service: Service) -> None:
    token.choose_pin("4711")
    token.change_pin("2580")
    assert service.sent["PUT /v1/tokens/tok_1/pin"] == {"pin_key": base64url(pin_key("2580", "tok_1"))}


@pytest.mark.parametrize("wrong", [{"country": "QQ"}, {"currency": "QQQ"}])
def test_a_code_that_is_not_iso_is_refused(token: PhoneToken, wrong: dict[str, str]) -> None:
    asked = {"currency": "DKK", **wrong}
    with pytest.raises(ValueError, match="QQ"):
        token.cryptogram(100, **asked, unpredictable_number=NUMBER)
