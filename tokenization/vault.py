"""Numbers at rest: a data key per card (and per cardholder or requestor), wrapped by the key ring.

Sealed values are `version (2 bytes) || nonce (12) || AES-256-GCM(ciphertext, tag)`, with the associated data
`table | row id | column | data-key version`, so that no value can be moved to another row or column.
"""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization.keys import KeyRing, Purpose
from tokenization.models import CardKey, PartyKey
from tokenization.secret import Key

_NONCE: Final = 12
_VERSION: Final = 2


class VaultError(Exception):
    """A sealed value cannot be opened: wrong place, wrong key, changed, or erased."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands: it opens nowhere else."""

    table: str
    row_id: UUID
    column: str

    def associated_data(self, version: int) -> bytes:
        """table | row id | column | data-key version."""
        return f"{self.table}|{self.row_id}|{self.column}|{version}".encode()


@dataclass(frozen=True, slots=True)
class DataKey:
    """The data key of one card or party, unwrapped. Seals and opens; touches no database."""

    version: int
    key: Key

    def seal(self, place: Place, value: bytes) -> bytes:
        """Encrypt a value for its place."""
        nonce = secrets.token_bytes(_NONCE)
        body = AESGCM(self.key.reveal()).encrypt(nonce, value, place.associated_data(self.version))
        return self.version.to_bytes(_VERSION) + nonce + body

    def open(self, place: Place, sealed: bytes) -> bytes:
        """Decrypt a value of that place. Raises VaultError."""
        version = int.from_bytes(sealed[:_VERSION])
        nonce, body = sealed[_VERSION : _VERSION + _NONCE], sealed[_VERSION + _NONCE :]
        try:
            return AESGCM(self.key.reveal()).decrypt(nonce, body, place.associated_data(version))
        except (InvalidTag, ValueError) as error:
            raise VaultError(f"{place.table}.{place.column} cannot be opened") from error


class Vault:
    """Data keys and fingerprints over a key ring."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def create_card_key(self, session: Session, card_id: UUID) -> DataKey:
        """A data key for a new card; the card's row must be flushed first."""
        data_key, kek_version, wrapped = self._fresh("card", card_id)
        session.add(CardKey(card_id=card_id, version=data_key.version, kek_version=kek_version, wrapped=wrapped))
        return data_key

    def create_party_key(self, session: Session, party_id: UUID) -> DataKey:
        """A data key for a new cardholder or requestor."""
        data_key, kek_version, wrapped = self._fresh("party", party_id)
        session.add(PartyKey(party_id=party_id, version=data_key.version, kek_version=kek_version, wrapped=wrapped))
        return data_key

    def card_key(self, session: Session, card_id: UUID) -> DataKey:
        """The data key of a card. Raises VaultError if it was erased."""
        newest = select(CardKey).where(CardKey.card_id == card_id).order_by(CardKey.version.desc()).limit(1)
        return self._unwrap("card", card_id, session.scalar(newest))

    def party_key(self, session: Session, party_id: UUID) -> DataKey:
        """The data key of a cardholder or a requestor. Raises VaultError if it was erased."""
        newest = select(PartyKey).where(PartyKey.party_id == party_id).order_by(PartyKey.version.desc()).limit(1)
        return self._unwrap("party", party_id, session.scalar(newest))

    def fingerprint(self, kind: str, value: str) -> bytes:
        """HMAC-SHA-256 over a kind (`number`, `cpr`, `mobile`, `code`) and a whole value; 32 bytes."""
        return keyed_hash(self.ring.current(Purpose.FINGERPRINT).key, f"{kind}|{value}".encode())

    def _fresh(self, owner: str, owner_id: UUID) -> tuple[DataKey, int, bytes]:
        data_key = DataKey(1, Key(AESGCM.generate_key(256)))
        kek = self.ring.current(Purpose.KEY_ENCRYPTION)
        place = Place(f"{owner}_keys", owner_id, "wrapped")
        wrapped = DataKey(kek.version, kek.key).seal(place, data_key.key.reveal())
        return data_key, kek.version, wrapped

    def _unwrap(self, owner: str, owner_id: UUID, row: CardKey | PartyKey | None) -> DataKey:
        if row is None:
            raise VaultError(f"this {owner} has no data key")
        kek = DataKey(row.kek_version, self.ring.get(Purpose.KEY_ENCRYPTION, row.kek_version))
        return DataKey(row.version, Key(kek.open(Place(f"{owner}_keys", owner_id, "wrapped"), row.wrapped)))


def keyed_hash(key: Key, message: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes."""
    return hmac.digest(key.reveal(), message, sha256)
