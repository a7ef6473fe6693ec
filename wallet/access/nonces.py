"""Nonces for DPoP proofs (RFC 9449 sections 8 and 9): no proof can be signed long before it is used (section 11.2).

Nothing is kept: a nonce is a MAC over the minute in which it was given, so every process knows those of all others.
"""

from datetime import datetime, timedelta
from typing import Final

from joserfc.util import urlsafe_b64encode

from tokenization.keys.ring import KeyRing, Purpose
from tokenization.secret import Key
from tokenization.vault import keyed_hash

STEP: Final = timedelta(minutes=1)
# A nonce is good for the rest of its minute and for this many more: four to five minutes.
STEPS_MORE: Final = 4
_BYTES: Final = 16


class Nonces:
    """The nonces that a key ring gives. They are no secret: whoever asks is told the current one."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def current(self, now: datetime) -> str:
        """The one to hand out. Raises KeyRingError where the ring has no key for it."""
        return _nonce(self._ring.current(Purpose.DPOP_NONCE).key, _step(now))

    def is_good(self, nonce: str | None, now: datetime) -> bool:
        """Whether we gave it, not too long ago, by any version of the key."""
        keys = [version.key for version in self._ring.usable(Purpose.DPOP_NONCE)]
        return any(nonce == _nonce(key, _step(now) - ago) for key in keys for ago in range(STEPS_MORE + 1))


def _step(now: datetime) -> int:
    return int(now.timestamp() // STEP.total_seconds())


def _nonce(key: Key, step: int) -> str:
    return urlsafe_b64encode(keyed_hash(key, step.to_bytes(8))[:_BYTES]).decode()
