"""Numbers at rest: a data key per card (and per cardholder or requestor), wrapped by the key ring.

Sealed values are `version (2 bytes) || nonce (12) || AES-256-GCM(ciphertext, tag)`, with the associated data
`table | row id | column | data-key version`, so that no value can be moved to another row or column.
"""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import Session

from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from tokenization.models import Card, CardKey, PartyKey
from tokenization.secret import Key

_NONCE: Final = 12
_VERSION: Final = 2


class VaultError(Exception):
    """A sealed value cannot be opened: wrong place, wrong key, changed, or its key is gone."""


class Erased(VaultError):
    """A sealed value was erased: its data key was deleted, on purpose and for good."""


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
        """Decrypt a value of that place, sealed under this very version. Raises VaultError."""
        version = int.from_bytes(sealed[:_VERSION])
        nonce, body = sealed[_VERSION : _VERSION + _NONCE], sealed[_VERSION + _NONCE :]
        if version != self.version:
            raise VaultError(f"{place.table}.{place.column} is of another version of its key")
        try:
            return AESGCM(self.key.reveal()).decrypt(nonce, body, place.associated_data(version))
        except (InvalidTag, ValueError) as error:
            raise VaultError(f"{place.table}.{place.column} cannot be opened") from error


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it stands in the database: sealed under that version of the key-encryption key."""

    kek_version: int
    value: bytes


class Vault:
    """Data keys and fingerprints over a key ring.

    What is done with a key-encryption key is `wrap` and `unwrap`, and nothing else: an HSM would do those two inside.
    """

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def create_card_key(self, session: Session, card_id: UUID) -> DataKey:
        """A data key for a new card; the card's row must be flushed first."""
        data_key, wrapped = self._fresh(card_key_place(card_id))
        session.add(
            CardKey(card_id=card_id, version=data_key.version, kek_version=wrapped.kek_version, wrapped=wrapped.value)
        )
        return data_key

    def create_party_key(self, session: Session, party_id: UUID) -> DataKey:
        """A data key for a new cardholder or requestor."""
        data_key, wrapped = self._fresh(party_key_place(party_id))
        session.add(
            PartyKey(
                party_id=party_id, version=data_key.version, kek_version=wrapped.kek_version, wrapped=wrapped.value
            )
        )
        return data_key

    def card_key(self, session: Session, card_id: UUID) -> DataKey:
        """The data key of a card. Raises VaultError, and Erased if there is none, or the card was erased: then one that
        stands there came back out of a backup.
        """
        living = and_(Card.card_id == CardKey.card_id, Card.erased_at.is_(None))
        newest = _newest(CardKey).join(Card, living).where(CardKey.card_id == card_id)
        return self._opened(card_key_place(card_id), session.execute(newest).first())

    def card_key_of(self, card_id: UUID, row: Any) -> DataKey:
        """The same, from the row of `card_keys` that is its newest; None where there is none any more."""
        found = None if row is None else (row.version, row.kek_version, row.wrapped)
        return self._opened(card_key_place(card_id), found)

    def party_key(self, session: Session, party_id: UUID) -> DataKey:
        """The data key of a cardholder or a requestor. Raises VaultError, and Erased if there is none."""
        newest = _newest(PartyKey).where(PartyKey.party_id == party_id)
        return self._opened(party_key_place(party_id), session.execute(newest).first())

    def wrap(self, place: Place, data_key: Key) -> Wrapped:
        """Seal a data key for its row, under the current key-encryption key. Raises KeyRingError."""
        kek = self.ring.current(Purpose.KEY_ENCRYPTION)
        return Wrapped(kek.version, DataKey(kek.version, kek.key).seal(place, data_key.reveal()))

    def unwrap(self, place: Place, wrapped: Wrapped) -> Key:
        """Open a data key of that row. Raises VaultError, also where what wrapped it is retired."""
        try:
            kek = self.ring.get(Purpose.KEY_ENCRYPTION, wrapped.kek_version)
        except KeyRingError as error:
            raise VaultError(f"{place.table}.{place.column} cannot be opened: {error}") from error
        return Key(DataKey(wrapped.kek_version, kek).open(place, wrapped.value))

    def fingerprint(self, kind: str, value: str) -> bytes:
        """HMAC-SHA-256 over a kind (`number`, `cpr`, `mobile`, `code`) and a whole value; 32 bytes."""
        return keyed_hash(self.ring.current(Purpose.FINGERPRINT).key, f"{kind}|{value}".encode())

    def _fresh(self, place: Place) -> tuple[DataKey, Wrapped]:
        data_key = DataKey(1, Key(AESGCM.generate_key(256)))
        return data_key, self.wrap(place, data_key.key)

    def _opened(self, place: Place, row: Row[int, int, bytes] | tuple[int, int, bytes] | None) -> DataKey:
        if row is None:
            raise Erased(f"{place.table} has no data key for this row: it was erased")
        version, kek_version, wrapped = row
        return DataKey(version, self.unwrap(place, Wrapped(kek_version, wrapped)))


def _newest(kind: type[CardKey] | type[PartyKey]) -> Select[int, int, bytes]:
    """Columns, not an entity: what a session read before a row was rewrapped must not be what it gets afterwards."""
    return select(kind.version, kind.kek_version, kind.wrapped).order_by(kind.version.desc()).limit(1)


def card_key_place(card_id: UUID) -> Place:
    """Where a card's data key stands."""
    return Place("card_keys", card_id, "wrapped")


def party_key_place(party_id: UUID) -> Place:
    """Where the data key of a cardholder or a requestor stands."""
    return Place("party_keys", party_id, "wrapped")


def keyed_hash(key: Key, message: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes."""
    return hmac.digest(key.reveal(), message, sha256)
