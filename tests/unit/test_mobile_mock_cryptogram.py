from datetime import date

import pytest

from mobile_mock import cryptogram

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
HOLDER_KEY = b"\x01" * 32

# RFC 4493 section 4.
CMAC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
CMAC_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


def payment_input(cvm: str) -> bytes:
    return cryptogram.mac_input(
        amount_minor=12500,
        country=208,
        currency=208,
        on=date(2026, 11, 22),
        kind="purchase",
        unpredictable_number=bytes.fromhex("9f3a01bc"),
        atc=7,
        cvm=cvm,
    )


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_the_cmac_is_that_of_rfc_4493(size_bytes: int, expected: str) -> None:
    assert cryptogram.aes_cmac(CMAC_KEY, CMAC_MESSAGE[:size_bytes]).hex() == expected


def test_the_input_without_cvm_is_that_of_the_test_vector() -> None:
    assert payment_input("none").hex() == "00000001250002080208261122009f3a01bc000700"


def test_the_mac_without_cvm_is_that_of_the_test_vector() -> None:
    assert cryptogram.mac(KEY, payment_input("none")).hex() == "d08d69c0fbceaa45"


def test_both_macs_with_pin_are_those_of_the_test_vector() -> None:
    message = payment_input("pin")
    assert cryptogram.mac(KEY, message).hex() == "9e1306957e44a16a"
    assert cryptogram.mac(cryptogram.cvm_key(KEY, HOLDER_KEY), message).hex() == "06fd741cb7a8036b"


def test_another_holder_key_gives_another_cvm_mac() -> None:
    message = payment_input("biometric")
    one, other = (cryptogram.cvm_key(KEY, bytes([byte]) * 32) for byte in (1, 2))
    assert cryptogram.mac(one, message) != cryptogram.mac(other, message)


@pytest.mark.parametrize(("value", "size_bytes", "expected"), [(0, 2, "0000"), (208, 2, "0208"), (999999, 3, "999999")])
def test_decimal_digits_are_packed_to_the_right(value: int, size_bytes: int, expected: str) -> None:
    assert cryptogram.bcd(value, size_bytes).hex() == expected


@pytest.mark.parametrize(("value", "size_bytes"), [(-1, 2), (10_000, 2)])
def test_a_number_that_does_not_fit_is_refused(value: int, size_bytes: int) -> None:
    with pytest.raises(ValueError, match=r"sign|digits"):
        cryptogram.bcd(value, size_bytes)


def test_the_pin_key_depends_on_the_token() -> None:
    one, other = (cryptogram.pin_key("4711", token_id) for token_id in ("tok_a", "tok_b"))
    assert len(one) == len(other) == 32
    assert one != other


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "１２３４", "²²²²"])
def test_a_pin_is_four_to_eight_ascii_digits(pin: str) -> None:
    with pytest.raises(ValueError, match="four to eight digits"):
        cryptogram.pin_key(pin, "tok_a")
