"""The key ring: versioned keys outside the database, each for one purpose only."""

import json
import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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


ASYMMETRIC: Final = frozenset({Purpose.ACCESS_TOKEN, Purpose.CARD_TRANSPORT, Purpose.BROKER_CLIENT})
_KEY_BYTES: Final = 32
_VERSIONS: Final = range(1, 2**16)  # two bytes of every sealed value (vault.py)


class KeyRingError(Exception):
    """The key ring cannot give that key."""


@dataclass(frozen=True, slots=True)
class VersionedKey:
    """A key and its version: 32 bytes, or for the asymmetric purposes a P-256 private key as PKCS #8 DER."""

    version: int
    key: Key


class KeyRing(Protocol):
    """Where keys come from. A folder is one; an HSM could be another."""

    def current(self, purpose: Purpose) -> VersionedKey:
        """The key to use for new things."""

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there."""

    def versions(self, purpose: Purpose) -> list[int]:
        """The versions there are, ascending."""


class FileKeyRing:
    """A key ring in a folder of mode 0700, one file of mode 0600 per purpose and version: `journal.1.json`."""

    def __init__(self, folder: Path) -> None:
        self._keys: dict[Purpose, dict[int, Key]] = {purpose: {} for purpose in Purpose}
        if not folder.is_dir():
            raise KeyRingError(f"there is no key ring at {folder}")
        if folder.stat().st_mode & 0o077:
            raise KeyRingError(f"the key ring {folder} must be readable by its owner only (mode 0700)")
        for path in sorted(folder.glob("*.json")):
            entry = _read(path)
            self._keys[entry.purpose][entry.version] = entry.key

    def current(self, purpose: Purpose) -> VersionedKey:
        """The highest version. Raises KeyRingError if there is none."""
        versions = self.versions(purpose)
        if not versions:
            raise KeyRingError(f"the key ring holds no key for {purpose}")
        return VersionedKey(versions[-1], self._keys[purpose][versions[-1]])

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there."""
        try:
            return self._keys[purpose][version]
        except KeyError:
            raise KeyRingError(f"the key ring holds no version {version} of {purpose}") from None

    def versions(self, purpose: Purpose) -> list[int]:
        """The versions there are, ascending."""
        return sorted(self._keys[purpose])


@dataclass(frozen=True, slots=True)
class _Entry:
    purpose: Purpose
    version: int
    key: Key


def create(folder: Path) -> None:
    """Make a key ring: the folder, and version 1 of every purpose that has no key yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for purpose in Purpose:
        if not any(folder.glob(f"{purpose}.*.json")):
            _write(folder, _Entry(purpose, 1, _fresh(purpose)))


def _fresh(purpose: Purpose) -> Key:
    if purpose not in ASYMMETRIC:
        return Key(secrets.token_bytes(_KEY_BYTES))
    private = ec.generate_private_key(ec.SECP256R1())
    return Key(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _write(folder: Path, entry: _Entry) -> None:
    content = {"purpose": entry.purpose, "version": entry.version, "key": entry.key.reveal().hex()}
    path = folder / f"{entry.purpose}.{entry.version}.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> _Entry:
    if path.stat().st_mode & 0o077:
        raise KeyRingError(f"the key file {path.name} must be readable by its owner only (mode 0600)")
    try:
        content = json.loads(path.read_text())
        entry = _Entry(Purpose(content["purpose"]), int(content["version"]), Key(bytes.fromhex(content["key"])))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyRingError(f"the key file {path.name} is not readable as a key") from error
    if path.name != f"{entry.purpose}.{entry.version}.json" or entry.version not in _VERSIONS:
        raise KeyRingError(f"the key file {path.name} holds a key of another name")
    if entry.purpose not in ASYMMETRIC and len(entry.key.reveal()) != _KEY_BYTES:
        raise KeyRingError(f"the key file {path.name} holds a key of another length")
    return entry
