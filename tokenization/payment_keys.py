"""Payment keys: derived from the issuer key, sent to the phone in small batches, never stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tokenization import cards, cryptogram, envelopes, events, tokens
from tokenization.errors import Conflict
from tokenization.events import rfc3339
from tokenization.keys.ring import KeyRing, Purpose
from tokenization.models import Card, KeyBatch, Token
from tokenization.pipeline import Answer, Pipeline, as_json, table_of
from tokenization.secret import Key
from tokenization.vault import Vault

BATCH: Final = 10
VALIDITY: Final = timedelta(days=14)
LAST_ATC: Final = 0xFFFF


class AtcExhausted(Conflict):
    """The token has used all its 65,535 transaction counters: provision it anew."""

    code = "atc-exhausted"


class KeysUnused(Conflict):
    """The phone has so many unused keys that it needs no more yet."""

    code = "keys-unused"


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes to the phone, as a compact JWE to the device's encryption key."""

    keys: str


def token_key(ring: KeyRing, key_version: int, token_id: UUID) -> Key:
    """TK = HKDF-SHA-256(issuer key, info "tegnebog token key" || token uuid, 16 bytes). Never stored."""
    hkdf = HKDF(SHA256(), 16, salt=b"", info=b"tegnebog token key" + token_id.bytes)
    return Key(hkdf.derive(ring.get(Purpose.TOKEN, key_version).reveal()))


def issue(session: Session, vault: Vault, card: Card, token: Token, most_unused: int, now: datetime) -> Batch:
    """The next ten keys, or the last; the phone then holds at most `most_unused` that were not used (`tokens` policy).

    The caller has checked that the token is active. Raises AtcExhausted, KeysUnused.
    """
    first, last = token.atc_issued + 1, min(token.atc_issued + BATCH, LAST_ATC)
    if first > LAST_ATC:
        raise AtcExhausted
    left = unused(session, token, now)
    if left + BATCH > most_unused:
        raise KeysUnused(unused=left, limit=most_unused)
    key_version = vault.ring.current(Purpose.TOKEN).version
    batch = KeyBatch(
        card_id=token.card_id,
        token_id=token.token_id,
        first_atc=first,
        last_atc=last,
        key_version=key_version,
        expires_at=now + VALIDITY,
    )
    session.add(batch)
    token.atc_issued = last
    event = tokens.changed(
        events.TokenKeysIssued, card, token, now, first_atc=first, last_atc=last, key_version=key_version
    )
    events.emit(session, event)
    sealed = envelopes.sealed(_content(session, vault, card, token, batch), ECKey.import_key(token.encryption_key))
    return Batch(sealed)


def unused(session: Session, token: Token, now: datetime) -> int:
    """How many keys of living batches lie above the highest ATC that was seen: one that was skipped counts as used."""
    of_token = (KeyBatch.card_id == token.card_id, KeyBatch.token_id == token.token_id)
    living = (KeyBatch.last_atc > token.atc_seen, KeyBatch.expires_at > now)
    each = KeyBatch.last_atc - func.greatest(KeyBatch.first_atc - 1, token.atc_seen)
    return int(session.scalar(select(func.sum(each)).where(*of_token, *living)) or 0)


def _content(session: Session, vault: Vault, card: Card, token: Token, batch: KeyBatch) -> dict[str, Any]:
    root = token_key(vault.ring, batch.key_version, token.token_id)
    atcs = range(batch.first_atc, batch.last_atc + 1)
    return {
        "number": tokens.reveal_number(session, vault, token).reveal(),
        "expiry": cards.month(cards.current_plastic(session, card).expiry),
        "keys": [
            {"atc": atc, "key": urlsafe_b64encode(cryptogram.atc_key(root, atc).reveal()).decode()} for atc in atcs
        ],
        "expires_at": rfc3339(batch.expires_at),
    }


# Under which issuer key the key of an ATC was issued; no row where it never was, or its batch has ended.
_VERSIONS: Final = f"""
    SELECT card_id, token_id, asked.atc, key_version
    FROM jsonb_to_recordset(%(asked)s) AS asked (card_id uuid, token_id uuid, atc bigint)
    JOIN {table_of(KeyBatch)} USING (card_id, token_id)
    WHERE first_atc <= asked.atc AND last_atc >= asked.atc AND expires_at > %(now)s
"""  # noqa: S608 - the name of our own table


def find_versions(pipe: Pipeline, atcs: Iterable[tuple[UUID, UUID, int]], now: datetime) -> Answer:
    """Under which versions of the issuer key the keys of some ATCs, each with its card and token, were issued: rows of
    `card_id, token_id, atc, key_version`. None for one that never was, or whose batch has ended.
    """
    asked = [{"card_id": card_id, "token_id": token_id, "atc": atc} for card_id, token_id, atc in atcs]
    return pipe.send(_VERSIONS, asked=as_json(asked), now=now) if asked else Answer()
