"""The CVC: three digits that follow from a number and its expiry. Never stored, computed when they are needed.

A plastic keeps the version of the key that it was embossed under: the digits on it outlive every rotation.
"""

from typing import Final

from tokenization import cards
from tokenization.keys.ring import KeyRing, KeyRingError, Purpose
from tokenization.models import Plastic
from tokenization.secret import Cvc, Number
from tokenization.vault import VaultError, keyed_hash

_CODES: Final = 1000


def cvc(ring: KeyRing, version: int, number: Number, expiry_month: str) -> Cvc:
    """The CVC for (PAN, `2029-09`) under that version of the key. Raises VaultError where it is retired."""
    try:
        key = ring.get(Purpose.CARD_VERIFICATION, version)
    except KeyRingError as error:
        raise VaultError(f"a CVC cannot be computed: {error}") from error
    digest = keyed_hash(key, f"{number.reveal()}|{expiry_month}".encode())
    return Cvc(f"{int.from_bytes(digest[:8]) % _CODES:03d}")


def of_plastic(ring: KeyRing, plastic: Plastic, number: Number) -> Cvc:
    """The CVC that is printed on a plastic of that number. Raises VaultError where its key is retired."""
    return cvc(ring, plastic.verification_key_version, number, cards.month(plastic.expiry))


def fits(ring: KeyRing, version: int | None, number: Number, expiry_month: str, shown: Cvc) -> bool:
    """Whether the CVC that was shown is the one under that version, in constant time; without its key none is.

    Without a version, for a number that nobody has, it is computed all the same, so that nobody can tell by the time.
    """
    try:
        return cvc(ring, version or _any_version(ring), number, expiry_month) == shown
    except VaultError:
        return False


def _any_version(ring: KeyRing) -> int:
    return max((key.version for key in ring.usable(Purpose.CARD_VERIFICATION)), default=0)
