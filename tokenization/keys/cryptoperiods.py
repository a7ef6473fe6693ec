"""Cryptoperiods: for how long a key makes new things, after NIST SP 800-57 part 1 revision 5, section 5.3.6.

What is meant is the originator-usage period. How long what it made is opened and verified with it is another matter,
which `wallet keys retire` asks the database about.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from tokenization.keys.ring import KeyRing, Purpose

# None: no end.
Periods = Mapping[Purpose, timedelta | None]

DEFAULT_DAYS: Final[Mapping[Purpose, int | None]] = MappingProxyType(
    {
        Purpose.KEY_ENCRYPTION: 730,  # symmetric key-wrapping key: at most 2 years
        Purpose.FINGERPRINT: 3_650,  # cannot rotate: a reminder to think of a migration
        Purpose.CARD_VERIFICATION: 730,  # symmetric authentication key: at most 2 years
        Purpose.TOKEN: 365,  # symmetric master key: about a year
        Purpose.JOURNAL: 730,  # symmetric authentication key
        Purpose.REQUEST_HASH: 730,  # symmetric authentication key
        Purpose.ACCESS_TOKEN: 365,  # private signature key: 1 to 3 years
        Purpose.CARD_TRANSPORT: 730,  # private key-agreement key: 1 to 2 years
        Purpose.BROKER_CLIENT: 730,  # private authentication key: 1 to 2 years
        Purpose.DPOP_NONCE: 730,  # symmetric authentication key
    }
)
# Once it is over these make nothing new: no card or person, no batch of payment keys, no plastic. The others would stop
# payments and blocks (journal, fingerprint, request_hash) or everybody who signs in: for them there are warnings only.
STOPPED: Final = frozenset({Purpose.KEY_ENCRYPTION, Purpose.TOKEN, Purpose.CARD_VERIFICATION})
WARNED_DAYS: Final = 30
NO_PERIODS: Final[Periods] = MappingProxyType({})


def periods(days: Mapping[Purpose, int | None]) -> Periods:
    """From days, as they stand in the settings."""
    return {purpose: None if length is None else timedelta(length) for purpose, length in days.items()}


def renewal_due(purpose: Purpose, active_from: datetime | None, lengths: Periods) -> datetime | None:
    """When a key has made new things for long enough. One that does not say since when it is used has no known age."""
    length = lengths.get(purpose)
    return None if active_from is None or length is None else active_from + length


def days_left(ring: KeyRing, now: datetime) -> dict[Purpose, int]:
    """Whole days until each key is to be rotated, negative once it was to be; of those of which it is known."""
    due = {purpose: ring.renewal_due(purpose) for purpose in Purpose}
    return {purpose: (at - now) // timedelta(days=1) for purpose, at in due.items() if at is not None}


def to_be_rotated(ring: KeyRing, now: datetime) -> dict[Purpose, int]:
    """The same, of those alone that nobody should wait with any longer."""
    return {purpose: days for purpose, days in days_left(ring, now).items() if days < WARNED_DAYS}
