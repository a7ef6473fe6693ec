"""The phone's side of a payment cryptogram (after EMV Book 2, AES option): pure functions, bytes in, bytes out."""

from datetime import date

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

KEY_BYTES = 16
MAC_BYTES = 8
PIN_KEY_BYTES = 32
PIN_ROUNDS = 600_000

# One byte each at the end of the input.
KINDS = {"purchase": 0x00, "verification": 0x00, "cash": 0x01}
CVMS = {"none": 0x00, "pin": 0x01, "biometric": 0x02}


def bcd(value: int, size_bytes: int) -> bytes:
    """Packed binary-coded decimal, right-justified, `size_bytes` long; ValueError when it does not fit."""
    if value < 0:
        raise ValueError("binary-coded decimal has no sign")
    digits = str(value).zfill(size_bytes * 2)
    if len(digits) > size_bytes * 2:
        raise ValueError(f"more than {size_bytes * 2} digits")
    return bytes.fromhex(digits)


def mac_input(
    *,
    amount_minor: int,
    country: int,
    currency: int,
    on: date,
    kind: str,
    unpredictable_number: bytes,
    atc: int,
    cvm: str,
) -> bytes:
    """The 21 bytes that both MACs are over. `country` and `currency` are ISO 3166 and ISO 4217 numbers (208)."""
    if len(unpredictable_number) != 4:
        raise ValueError("the unpredictable number is four bytes")
    return b"".join(
        [
            bcd(amount_minor, 6),
            bcd(country, 2),
            bcd(currency, 2),
            bytes.fromhex(f"{on:%y%m%d}"),
            bytes([KINDS[kind]]),
            unpredictable_number,
            atc.to_bytes(2, "big"),
            bytes([CVMS[cvm]]),
        ]
    )


def aes_cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, all 16 bytes (RFC 4493)."""
    cmac = CMAC(AES(key))
    cmac.update(message)
    return cmac.finalize()


def mac(key: bytes, message: bytes) -> bytes:
    """The first eight bytes of AES-CMAC: what a payment carries."""
    return aes_cmac(key, message)[:MAC_BYTES]


def pin_key(pin: str, token_id: str) -> bytes:
    """What the phone sends instead of the PIN: PBKDF2-HMAC-SHA-256 over four to eight ASCII digits."""
    if not (4 <= len(pin) <= 8 and pin.isascii() and pin.isdecimal()):
        raise ValueError("a PIN is four to eight digits")
    kdf = PBKDF2HMAC(hashes.SHA256(), PIN_KEY_BYTES, token_id.encode(), PIN_ROUNDS)
    return kdf.derive(pin.encode())


def cvm_key(key: bytes, holder_key: bytes) -> bytes:
    """KC: the key of one ATC bound to the PIN key or the biometric key."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=b"", info=b"tegnebog cvm").derive(key + holder_key)
