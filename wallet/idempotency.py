"""`Idempotency-Key`: the same key and body get the same answer. The key commits with what it did, or not at all."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from flask import Request, Response, json, jsonify
from sqlalchemy import Index, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from tokenization.errors import Conflict, Invalid
from tokenization.keys.ring import KeyRing, Purpose
from tokenization.models import Base
from tokenization.vault import VaultError, keyed_hash
from wallet.access.guard import Caller
from wallet.payments.models import SCHEMA

KEPT: Final = timedelta(hours=24)
KEY_CHARACTERS_MAX: Final = 255
_HASH: Final = Purpose.REQUEST_HASH
_SWEEPER: Final = (1, 1)  # the advisory lock of whoever sweeps
_SWEPT_AT_ONCE: Final = 100


class IdempotencyKey(Base):
    """What was answered to a key: per client, subject, staff, method and path. No body, no secret of the answer.

    `seal` is a keyed hash over all of it: what is built anew for a repeat, a number too, is built by what stands here.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "at"), {"schema": SCHEMA})

    scope: Mapped[bytes] = mapped_column(primary_key=True)
    body_hash: Mapped[bytes]
    status: Mapped[int]
    content_type: Mapped[str]
    answer: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    seal: Mapped[bytes]


class KeyReused(Invalid):
    """The key was used before, with another body."""

    code = "idempotency-key-reused"


class StillRunning(Conflict):
    """The first request with this key has not been answered yet."""

    code = "idempotency-key-running"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of one caller for one route, as hashes: `scope` identifies, `body` is what was asked."""

    scope: bytes
    body: bytes


def wanted(request: Request, who: Caller) -> Key | None:
    """The key of a request, if it has one. Raises Invalid."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not 1 <= len(text) <= KEY_CHARACTERS_MAX or not text.isprintable():
        raise Invalid("Idempotency-Key", f"is 1 to {KEY_CHARACTERS_MAX} printable characters")
    subject = who.right_id or who.holder_id or who.requestor_id
    scope = json.dumps([who.client_id, str(subject), who.staff, request.method, request.path, text])
    return Key(sha256(scope.encode()).digest(), request.query_string + b"\n" + request.get_data(cache=True))


def claim(session: Session, ring: KeyRing, key: Key, now: datetime) -> IdempotencyKey | None:
    """None: go on, the key is ours until commit. Else what was answered. Raises KeyReused, StillRunning, VaultError."""
    lock = func.pg_try_advisory_xact_lock(int.from_bytes(key.scope[:8], signed=True))
    if not session.scalar(select(lock)):
        raise StillRunning
    earlier = session.get(IdempotencyKey, key.scope)
    if earlier is None or earlier.at + KEPT <= now:
        return None
    if not _holds(ring, earlier.seal, _sealed(earlier)):
        raise VaultError("idempotency_keys: a kept answer does not hold its seal")
    if not _holds(ring, earlier.body_hash, _asked(key)):
        raise KeyReused("Idempotency-Key", "was used before with another body")
    return earlier


def keep(
    session: Session, ring: KeyRing, key: Key, response: Response, secrets: tuple[str, ...], now: datetime
) -> None:
    """Keep the answer, without its secrets; but not one that says to try again later, or nobody could with this key."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return
    _sweep(session, now)
    body, secret_key = response.get_json(), ring.current(_HASH).key
    row: dict[str, Any] = {
        "scope": key.scope,
        "body_hash": keyed_hash(secret_key, _asked(key)),
        "status": response.status_code,
        "content_type": response.content_type,
        "answer": {name: value for name, value in body.items() if name not in secrets},
        "at": now,
    }
    row["seal"] = keyed_hash(secret_key, _sealed(IdempotencyKey(**row)))
    newer = insert(IdempotencyKey).values(row)
    session.execute(newer.on_conflict_do_update(index_elements=["scope"], set_=row))


def replay(
    session: Session, earlier: IdempotencyKey, rebuild: Callable[[Session, Mapping[str, Any]], dict[str, Any]] | None
) -> Response:
    """The same answer again; its secrets are built anew."""
    body = dict(earlier.answer)
    if rebuild is not None and earlier.status < 400:
        body |= rebuild(session, body)
    response = jsonify(body)
    response.status_code, response.content_type = earlier.status, earlier.content_type
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _holds(ring: KeyRing, kept: bytes, message: bytes) -> bool:
    """Whether it is the hash of that, under whichever version of the hash key it was made."""
    hashes = (keyed_hash(each.key, message) for each in reversed(ring.usable(_HASH)))
    return any(hmac.compare_digest(kept, each) for each in hashes)


def _asked(key: Key) -> bytes:
    """What stands in front keeps the two kinds apart: nobody can have an answer sealed by sending it as a body."""
    return b"body|" + key.body


def _sealed(row: IdempotencyKey) -> bytes:
    asked = [row.scope.hex(), row.body_hash.hex()]
    kept = [*asked, row.status, row.content_type, row.answer, row.at.timestamp()]
    return b"kept|" + json.dumps(kept, sort_keys=True).encode()


def _sweep(session: Session, now: datetime) -> None:
    """Delete some of what is kept no more. One at a time, so that sweepers do not wait for each other."""
    if session.scalar(select(func.pg_try_advisory_xact_lock(*_SWEEPER))):
        old = select(IdempotencyKey.scope).where(IdempotencyKey.at <= now - KEPT).limit(_SWEPT_AT_ONCE)
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.scope.in_(old)))
