"""Short-lived things in Redis, found again only by who knows their secret: keys are hashes. All of it may be lost."""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

from redis import Redis


def digest(secret: str) -> str:
    """SHA-256 in hex: enough for random secrets."""
    return sha256(secret.encode()).hexdigest()


def put(redis: Redis, kind: str, secret: str, value: dict[str, Any], ttl: timedelta) -> None:
    """Keep a JSON object for so long."""
    redis.set(_key(kind, secret), json.dumps(value), ex=ttl)


def look(redis: Redis, kind: str, secret: str) -> dict[str, Any] | None:
    """What was put there, if it still is."""
    return _value(redis.get(_key(kind, secret)))


def take(redis: Redis, kind: str, secret: str) -> dict[str, Any] | None:
    """As `look`, and it is gone: of many who ask at once, one gets it."""
    return _value(redis.getdel(_key(kind, secret)))


def claim(redis: Redis, kind: str, secret: str, ttl: timedelta) -> bool:
    """Whether nobody claimed that before."""
    return bool(redis.set(_key(kind, secret), b"1", nx=True, ex=ttl))


def count(redis: Redis, kind: str, secret: str, ttl: timedelta, *, step: int = 1) -> int:
    """Count one more, or take one back, and say how many there are. The time runs from the first."""
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(_key(kind, secret), 0, nx=True, ex=ttl)
        pipeline.incrby(_key(kind, secret), step)
        return int(pipeline.execute()[-1])


def forget(redis: Redis, kind: str, secret: str) -> None:
    """Take it away."""
    redis.delete(_key(kind, secret))


def seconds_left(redis: Redis, kind: str, secret: str) -> int:
    """How long it will still be there, at least 1."""
    left: Any = redis.ttl(_key(kind, secret))
    return max(int(left), 1)


def _key(kind: str, secret: str) -> str:
    return f"access:{kind}:{digest(secret)}"


def _value(found: Any) -> dict[str, Any] | None:
    value: dict[str, Any] | None = json.loads(found) if found is not None else None
    return value
