"""Nonces that nobody keeps: given for a minute, good for some more."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tokenization.keys.ring import KeyRing, Purpose, VersionedKey
from tokenization.secret import Key
from wallet.access.nonces import Nonces

MINUTE = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


class Ring(KeyRing):
    """A key ring of these versions of one key."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = [VersionedKey(version, Key(key * 32)) for version, key in enumerate(keys, start=1)]

    def current(self, purpose: Purpose) -> VersionedKey:
        return self.usable(purpose)[-1]

    def get(self, purpose: Purpose, version: int) -> Key:
        return self.usable(purpose)[version - 1].key

    def usable(self, purpose: Purpose) -> list[VersionedKey]:
        assert purpose is Purpose.DPOP_NONCE
        return self._keys

    def renewal_due(self, purpose: Purpose) -> None:
        """Never."""

    def check_values(self) -> Mapping[tuple[Purpose, int], bytes | None]:
        return {}

    def is_readable(self) -> bool:
        return True

    def refresh(self) -> None:
        """Nothing changes here."""


NONCES = Nonces(Ring(b"1"))


def test_a_nonce_is_random_for_who_has_no_key_and_fits_a_header() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", NONCES.current(MINUTE))
    assert NONCES.current(MINUTE) != Nonces(Ring(b"2")).current(MINUTE)


def test_every_process_gives_the_same_nonce_for_a_minute_and_another_for_the_next() -> None:
    assert Nonces(Ring(b"1")).current(MINUTE) == NONCES.current(MINUTE + timedelta(seconds=59))
    assert NONCES.current(MINUTE) != NONCES.current(MINUTE + timedelta(seconds=60))


@pytest.mark.parametrize(("seconds", "good"), [(-1, False), (0, True), (59, True), (299, True), (300, False)])
def test_a_nonce_is_good_for_its_minute_and_four_more(seconds: int, good: bool) -> None:
    assert NONCES.is_good(NONCES.current(MINUTE), MINUTE + timedelta(seconds=seconds)) is good


def test_a_nonce_by_an_older_version_of_the_key_is_good_and_by_another_key_is_not() -> None:
    assert Nonces(Ring(b"1", b"2")).is_good(NONCES.current(MINUTE), MINUTE)
    assert not Nonces(Ring(b"2")).is_good(NONCES.current(MINUTE), MINUTE)


@pytest.mark.parametrize("nonce", [None, "", "æ", "x" * 22])
def test_what_we_never_gave_is_not_good(nonce: str | None) -> None:
    assert not NONCES.is_good(nonce, MINUTE)
