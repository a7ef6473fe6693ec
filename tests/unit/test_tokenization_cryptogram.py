"""The cryptogram, against the vector of the design and against the phone's own implementation."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_mock import cryptogram as phone
from tokenization import cryptogram, payment_keys
from tokenization.cryptogram import Input
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import KeyRingError, Purpose
from tokenization.money import MAX_AMOUNT_MINOR
from tokenization.secret import Key

# 2-architecture.md, "Payment keys and cryptogram".
K = Key(bytes.fromhex("000102030405060708090a0b0c0d0e0f"))
PIN_KEY = Key(bytes([1] * 32))
WITHOUT_CVM = Input(12_500, 208, 208, date(2026, 11, 22), "purchase", bytes.fromhex("9f3a01bc"), 7, "none")
WITH_PIN = replace(WITHOUT_CVM, cvm="pin")

INPUTS = st.builds(
    Input,
    amount_minor=st.integers(0, MAX_AMOUNT_MINOR),
    country=st.integers(0, 999),
    currency=st.integers(0, 999),
    on=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    kind=st.sampled_from(["purchase", "cash", "verification"]),
    unpredictable_number=st.binary(min_size=4, max_size=4),
    atc=st.integers(1, 65_535),
    cvm=st.sampled_from(["none", "pin", "biometric"]),
)
KEYS = st.binary(min_size=16, max_size=16).map(Key)


def test_the_input_of_the_vector() -> None:
    assert WITHOUT_CVM.encode().hex() == "00000001250002080208261122009f3a01bc000700"


def test_the_macs_of_the_vector() -> None:
    assert cryptogram.mac(K, WITHOUT_CVM).hex() == "d08d69c0fbceaa45"
    assert cryptogram.mac(K, WITH_PIN).hex() == "9e1306957e44a16a"
    assert cryptogram.mac(cryptogram.cvm_session_key(K, PIN_KEY), WITH_PIN).hex() == "06fd741cb7a8036b"


@given(INPUTS)
def test_the_input_is_always_21_bytes_and_the_phone_writes_the_same(signed: Input) -> None:
    assert len(signed.encode()) == 21
    assert signed.encode() == phone.mac_input(
        amount_minor=signed.amount_minor,
        country=signed.country,
        currency=signed.currency,
        on=signed.on,
        kind=signed.kind,
        unpredictable_number=signed.unpredictable_number,
        atc=signed.atc,
        cvm=signed.cvm,
    )


@given(KEYS, INPUTS, st.binary(min_size=32, max_size=32).map(Key))
def test_the_phone_signs_the_same(key: Key, signed: Input, person: Key) -> None:
    assert cryptogram.mac(key, signed) == phone.mac(key.reveal(), signed.encode())
    assert cryptogram.cvm_session_key(key, person).reveal() == phone.cvm_key(key.reveal(), person.reveal())


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_minor": 12_501},
        {"country": 752},
        {"currency": 978},
        {"on": date(2026, 11, 23)},
        {"kind": "cash"},
        {"unpredictable_number": bytes(4)},
        {"atc": 8},
        {"cvm": "pin"},
    ],
    ids=str,
)
def test_every_part_of_the_input_is_signed(changed: dict[str, object]) -> None:
    other = replace(WITHOUT_CVM, **changed)  # type: ignore[arg-type]  # any part of it
    assert not cryptogram.matches(cryptogram.mac(K, other), cryptogram.mac(K, WITHOUT_CVM))


def test_each_counter_has_a_key_of_its_own() -> None:
    derived = {cryptogram.atc_key(K, atc).reveal() for atc in range(1, 200)}
    assert len(derived) == 199
    assert {len(key) for key in derived} == {16}


def test_each_token_has_a_key_of_its_own_under_each_version(key_ring: FileKeyRing) -> None:
    one, other = UUID(int=1), UUID(int=2)
    made = payment_keys.token_key(key_ring, 1, one)
    assert made == payment_keys.token_key(key_ring, 1, one)
    assert made != payment_keys.token_key(key_ring, 1, other)
    assert len(made.reveal()) == 16


def test_a_token_key_needs_its_version(key_ring: FileKeyRing) -> None:
    with pytest.raises(KeyRingError):
        payment_keys.token_key(key_ring, key_ring.current(Purpose.TOKEN).version + 1, UUID(int=1))
