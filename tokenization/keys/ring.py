"""The key ring: versioned keys outside the database, each for one purpose only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from tokenization.secret import Key


class Purpose(StrEnum):
    """What a key may be used for. A key never serves two (NIST SP 800-57, 5.2)."""

    KEY_ENCRYPTION = "key_encryption"  # wraps data keys
    FINGERPRINT = "fingerprint"  # look-up of PAN, token number, CPR, mobile
    CARD_VERIFICATION = "card_verification"  # CVC
    TOKEN = "token"  # issuer key: payment keys of tokens
    JOURNAL = "journal"  # links of the journal
    REQUEST_HASH = "request_hash"  # keyed hashes of request bodies (idempotency)
    ACCESS_TOKEN = "access_token"  # ES256, signs access tokens
    CARD_TRANSPORT = "card_transport"  # P-256, opens `encrypted_card`
    BROKER_CLIENT = "broker_client"  # ES256, our client assertion at the MitID broker
    DPOP_NONCE = "dpop_nonce"  # nonces that DPoP proofs carry


ASYMMETRIC: Final = frozenset({Purpose.ACCESS_TOKEN, Purpose.CARD_TRANSPORT, Purpose.BROKER_CLIENT})
VERSIONS: Final = range(1, 2**16)  # two bytes of every sealed value (vault.py)
KEY_BYTES: Final = 32  # of the symmetric ones


class KeyRingError(Exception):
    """The key ring cannot give that key."""


class CryptoperiodOver(KeyRingError):
    """The key has made new things for as long as it may (cryptoperiods.py). What it made is opened and verified on."""


@dataclass(frozen=True, slots=True)
class VersionedKey:
    """A key and its version: 32 bytes, or for the asymmetric purposes a P-256 private key as PKCS #8 DER."""

    version: int
    key: Key


class KeyRing(Protocol):
    """Where keys come from. A folder is one; an HSM could be another."""

    def current(self, purpose: Purpose) -> VersionedKey:
        """The key to use for new things. Raises KeyRingError; CryptoperiodOver where it is too old for that."""

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there, or is retired."""

    def usable(self, purpose: Purpose) -> list[VersionedKey]:
        """The versions that are not retired, ascending; those that are not active yet are among them."""

    def renewal_due(self, purpose: Purpose) -> datetime | None:
        """When the cryptoperiod of the current key is over; None where that is not known, or has no end."""

    def check_values(self) -> Mapping[tuple[Purpose, int], bytes | None]:
        """By what each version is recognised without its key; None where the key is forgotten."""

    def refresh(self) -> None:
        """Notice at once what was added or retired elsewhere."""

    def is_readable(self) -> bool:
        """Whether all of it could be read when it was last looked at; what could not is as it was before."""
