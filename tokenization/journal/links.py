"""What holds a journal's entries together: digest, link and seal, the same for who writes and for who verifies.

link = HMAC-SHA-256(journal key, previous link || metadata || digest), with digest = SHA-256(salt || payload), and
metadata and payload as canonical JSON (RFC 8785). A database writer cannot recompute it. The digest stands in a column
of its own, so that payload and salt can be erased (R-20) without breaking the chain.
"""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol
from uuid import UUID

import rfc8785

from tokenization.events import rfc3339
from tokenization.secret import Key
from tokenization.vault import keyed_hash

FIRST_LINK: Final = bytes(32)

# RFC 8785 for text, whole numbers below 2**53 and names without astral characters, in a fifth of rfc8785's time.
plainly: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Linked(Protocol):
    """What of an entry stands in its link, besides its owner."""

    seq: int
    event_id: UUID
    type: str
    at: datetime
    actor: str
    key_version: int
    digest: bytes


def digest(salt: bytes, payload: dict[str, Any]) -> bytes:
    """SHA-256 over salt and payload, 32 bytes."""
    return sha256(salt + (plainly(payload).encode() if _is_plain(payload) else rfc8785.dumps(payload))).digest()


def _is_plain(value: object) -> bool:
    """Whether `plainly` writes it as RFC 8785 does: what events tell is, nearly always."""
    if value is None or isinstance(value, (str, bool)):
        return True
    if isinstance(value, int):
        return abs(value) < 2**53
    if isinstance(value, dict):
        return all(name.isascii() and _is_plain(inner) for name, inner in value.items())
    return isinstance(value, list) and all(map(_is_plain, value))


def is_digest(found: bytes, salt: bytes, payload: str) -> bool:
    """Whether it is the digest of that salt and that payload, a JSON text: of any text whatever, without raising."""
    try:
        value = json.loads(payload)
        # Both write the same JSON value, so that either can only match what was written; the quick one nearly always.
        return found == sha256(salt + plainly(value).encode()).digest() or found == digest(salt, value)
    except (ValueError, RecursionError):  # of RFC 8785, too: a number that it has no form for
        return False


def link(key: Key, previous: bytes, owner_id: UUID, entry: Linked) -> bytes:
    """What an entry gets behind the link before it, 32 bytes."""
    about = [str(owner_id), entry.seq, str(entry.event_id), entry.type, rfc3339(entry.at), entry.actor]
    return keyed_hash(key, previous + plainly([*about, entry.key_version]).encode() + entry.digest)


def seal(key: Key, owner_id: UUID, count: int, head: bytes) -> bytes:
    """Over owner, count and head, under the key of the last entry: it stands in no entry."""
    return keyed_hash(key, plainly(["head", str(owner_id), count]).encode() + head)
