"""The cryptogram: the MAC that proves that a payment came from the device (after EMV Book 2, AES option)."""

import hmac
from dataclasses import dataclass
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tokenization.secret import Key

MAC_LENGTH: Final = 8
TYPE_CODES: Final = {"purchase": 0, "verification": 0, "cash": 1}
CVM_CODES: Final = {"none": 0, "pin": 1, "biometric": 2}
WINDOW_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Input:
    """What is signed. Country and currency are ISO numbers; the amount is in minor units."""

    amount_minor: int
    country: int
    currency: int
    on: date
    kind: str
    unpredictable_number: bytes
    atc: int
    cvm: str

    def encode(self) -> bytes:
        """21 bytes: amount, country, currency, date (BCD), type, unpredictable number, ATC, CVM."""
        day = f"{self.on.year % 100:02d}{self.on.month:02d}{self.on.day:02d}"  # strftime takes longer than the MAC
        return (
            bytes.fromhex(f"{self.amount_minor:012d}{self.country:04d}{self.currency:04d}{day}")
            + bytes([TYPE_CODES[self.kind]])
            + self.unpredictable_number
            + self.atc.to_bytes(2)
            + bytes([CVM_CODES[self.cvm]])
        )


def atc_key(token_key: Key, atc: int) -> Key:
    """K = AES-128-ECB(TK, ATC || 14 zero bytes): the key of one transaction."""
    # One block of unique input through the block cipher is a key derivation (EMV Book 2, A1.3), not ECB encryption.
    encryptor = Cipher(algorithms.AES128(token_key.reveal()), modes.ECB()).encryptor()  # noqa: S305 - see above
    return Key(encryptor.update(atc.to_bytes(2) + bytes(14)) + encryptor.finalize())


def cvm_session_key(key: Key, cvm_key: Key) -> Key:
    """KC = HKDF-SHA-256(K || PIN key or biometric key, info "tegnebog cvm", 16 bytes)."""
    derived = HKDF(SHA256(), 16, salt=b"", info=b"tegnebog cvm").derive(key.reveal() + cvm_key.reveal())
    return Key(derived)


def mac(key: Key, signed: Input) -> bytes:
    """AES-CMAC (RFC 4493), the first eight bytes."""
    cmac = CMAC(algorithms.AES(key.reveal()))
    cmac.update(signed.encode())
    return cmac.finalize()[:MAC_LENGTH]


def matches(expected: bytes, received: bytes) -> bool:
    """Compare two MACs in constant time."""
    return hmac.compare_digest(expected, received)


@dataclass(frozen=True, slots=True)
class AtcWindow:
    """The ATCs that were used: the highest, and a bitmap of the 64 below it (bit 0 is highest - 1)."""

    highest: int
    bitmap: int

    def use(self, atc: int) -> "AtcWindow | None":
        """The window after using that ATC; None if it was used before, or is too old to know."""
        if atc > self.highest:
            shift = atc - self.highest
            carried = (self.bitmap << shift) | (1 << (shift - 1) if self.highest else 0)
            return AtcWindow(atc, carried & ((1 << WINDOW_BITS) - 1))
        behind = self.highest - atc - 1
        if behind < 0 or behind >= WINDOW_BITS or self.bitmap >> behind & 1:
            return None
        return AtcWindow(self.highest, self.bitmap | 1 << behind)
