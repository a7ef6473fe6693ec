"""What a shop's terminal sends: the authorizations of the contract."""

import json as json_module
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant, Shop

MERCHANT = Merchant("DK-123", "Købmand Vesterbro", "5411")
CARD = {"number": "9208900000000008", "expiry": "2029-09", "cvc": "123"}


class Bank:
    """Approves everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, method: str, path: str, json: Any = None) -> httpx.Response:
        assert (method, path) == ("POST", "/v1/network/authorizations")
        self.asked.append(json)
        return httpx.Response(200, json={"approved": True})


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def shop(bank: Bank) -> Shop:
    return Shop(bank, MERCHANT, now=lambda: datetime(2026, 11, 22, 10, 15, tzinfo=UTC))


@pytest.fixture
def token() -> PhoneToken:
    key = ECKey.generate_key("P-256")
    inside = {"number": "9208910000000007", "expiry": "2029-09", "keys": [{"atc": 7, "key": "AAECAwQFBgcICQoLDA0ODw"}]}
    sealed = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, json_module.dumps(inside), key)
    token = PhoneToken(lambda *_: httpx.Response(200, json={"keys": sealed}), {"id": "tok_1"}, key)
    token.fetch_keys()
    return token


def test_a_tap_is_the_authorization_of_the_contract(shop: Shop, bank: Bank, token: PhoneToken) -> None:
    shop.tap(token, 12500)
    (asked,) = bank.asked
    assert asked.pop("network_reference").startswith("acq-")
    assert asked.pop("cryptogram").keys() == {"atc", "date", "unpredictable_number", "cvm", "mac", "cvm_mac"}
    assert asked == {
        "token": "9208910000000007",
        "entry_mode": "wallet",
        "kind": "purchase",
        "amount": 12500,
        "currency": "DKK",
        "estimated": False,
        "scheme": "dankort",
        "at": "2026-11-22T10:15:00Z",
        "terminal": {"id": "T1", "unattended": False},
        "merchant": {"id": "DK-123", "name": "Købmand Vesterbro", "mcc": "5411", "country": "DK"},
    }


def test_the_plastic_has_its_own_cvm_and_no_cryptogram(shop: Shop, bank: Bank) -> None:
    shop.charge_card(CARD, 5000, entry_mode="contactless", cvm="none")
    (asked,) = bank.asked
    assert (asked["card"], asked["cvm"], asked["entry_mode"]) == (CARD, "none", "contactless")
    assert not {"token", "cryptogram", "credential_id"} & asked.keys()


def test_a_card_on_file_is_charged_by_the_merchant(shop: Shop, bank: Bank) -> None:
    shop.charge_on_file("cred_1", 9900)
    (asked,) = bank.asked
    assert (asked["credential_id"], asked["entry_mode"]) == ("cred_1", "credential_on_file")
    assert (asked["initiated_by"], asked["authentication"]) == ("merchant", "none")


def test_what_the_caller_changes_is_changed(shop: Shop, bank: Bank) -> None:
    shop.charge_card(CARD, 5000, "ecommerce", "none", authentication="3ds")
    assert bank.asked[0]["authentication"] == "3ds"


def test_every_authorization_has_a_reference_of_its_own(shop: Shop, bank: Bank) -> None:
    shop.charge_on_file("cred_1", 9900)
    shop.charge_on_file("cred_1", 9900)
    assert bank.asked[0]["network_reference"] != bank.asked[1]["network_reference"]


def test_a_reference_of_the_callers_own_is_kept(shop: Shop, bank: Bank) -> None:
    shop.charge_on_file("cred_1", 9900, network_reference="acq-again")
    assert bank.asked[0]["network_reference"] == "acq-again"
