"""A key ring in a folder, which it follows: what is added or retired there is noticed without a restart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from tokenization.clock import Clock
from tokenization.keys import cryptoperiods, files
from tokenization.keys.cryptoperiods import NO_PERIODS, STOPPED, Periods
from tokenization.keys.files import Entry, Seen, current_of
from tokenization.keys.ring import CryptoperiodOver, KeyRingError, Purpose, VersionedKey
from tokenization.secret import Key

# A payment asks the ring several times: an answer takes a microsecond or two, a look at the folder thirty.
_LOOK_EVERY: Final = timedelta(seconds=1)
_WARN_EVERY: Final = timedelta(days=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, and what the folder looked like just before: replaced as one, as many threads look at it."""

    entries: Mapping[Purpose, Mapping[int, Entry]]
    seen: Seen

    def all(self) -> list[Entry]:
        return [entry for versions in self.entries.values() for entry in versions.values()]


class FileKeyRing:
    """A key ring in a folder of mode 0700, one file of mode 0600 per purpose and version: `journal.1.json`.

    It follows the folder: what is added or retired there is noticed within a second, and at once when a version is
    asked for that it doesn't know. What cannot be read then, or is gone, stays as it was, and is logged: a file must
    not take a running service down. At the start all of it must be right, else KeyRingError or OSError.
    """

    def __init__(self, folder: Path, clock: Clock, periods: Periods = NO_PERIODS) -> None:
        self._folder = folder
        self._clock = clock
        self._periods = periods
        self._looked_at = clock.now()
        self._warned_at: datetime | None = None
        self._wrong: list[str] = []
        self._known = _Known(_by_purpose(files.read(folder)), frozenset())

    def current(self, purpose: Purpose) -> VersionedKey:
        """The highest version that is active. Raises KeyRingError; CryptoperiodOver if it is too old for new things."""
        now = self._clock.now()
        found = self._current(purpose, now)
        if found is None or found.usable_key is None:
            raise KeyRingError(f"the key ring holds no key for {purpose}")
        if purpose in STOPPED:
            due = cryptoperiods.renewal_due(purpose, found.active_from, self._periods)
            if due is not None and due <= now:
                raise CryptoperiodOver(f"version {found.version} of {purpose} is too old for new things: rotate it")
        return VersionedKey(found.version, found.usable_key)

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there, or is retired."""
        found = self._versions(purpose, self._clock.now()).get(version)
        if found is None:
            self.refresh()
            found = self._known.entries[purpose].get(version)
        if found is None:
            raise KeyRingError(f"the key ring holds no version {version} of {purpose}")
        if found.usable_key is None:
            raise KeyRingError(f"version {version} of {purpose} is retired")
        return found.usable_key

    def usable(self, purpose: Purpose) -> list[VersionedKey]:
        """The versions that are not retired, ascending; those that are not active yet are among them."""
        known = sorted(self._versions(purpose, self._clock.now()).items())
        return [VersionedKey(version, entry.usable_key) for version, entry in known if entry.usable_key is not None]

    def renewal_due(self, purpose: Purpose) -> datetime | None:
        """When the cryptoperiod of the current key is over; None where that is not known, or has no end."""
        found = self._current(purpose, self._clock.now())
        return None if found is None else cryptoperiods.renewal_due(purpose, found.active_from, self._periods)

    def check_values(self) -> Mapping[tuple[Purpose, int], bytes | None]:
        """By what each version is recognised without its key; None where the key is forgotten."""
        self.refresh()
        return {(entry.purpose, entry.version): entry.check_value for entry in self._known.all()}

    def is_readable(self) -> bool:
        """Whether all of it could be read when it was last looked at; what could not is as it was before."""
        return not self._wrong

    def refresh(self) -> None:
        """Notice at once what was added or retired in the folder."""
        self._looked_at = self._clock.now()
        try:
            seen = files.seen(self._folder)
            if seen != self._known.seen:
                self._read_again(seen)
        except KeyRingError as error:
            self._lose_sight(str(error))
        except OSError as error:
            self._lose_sight(f"the key ring cannot be read: {error.strerror}")
        self._warn(self._looked_at)

    def _versions(self, purpose: Purpose, now: datetime) -> Mapping[int, Entry]:
        # A clock that was put back must not keep it from looking.
        if abs(now - self._looked_at) >= _LOOK_EVERY:
            self.refresh()
        return self._known.entries[purpose]

    def _current(self, purpose: Purpose, now: datetime) -> Entry | None:
        return current_of(self._versions(purpose, now).values(), now)

    def _read_again(self, seen: Seen) -> None:
        """Take what can be read. What cannot is tried again at the next look: it may be on its way."""
        entries, wrong = files.read_all(self._folder)
        known = {entry.name: entry for entry in self._known.all()}
        gone = sorted(known.keys() - {name for name, *_ in seen})
        other = {entry.name for entry in entries if _is_another(known.get(entry.name), entry)}
        wrong += [f"the key file {name} holds another key than before" for name in sorted(other)]
        fresh = [entry for entry in entries if entry.name not in other]
        # Of two that hold the same key the one that is known stays: it is in use.
        twice = files.shared((known | {entry.name: entry for entry in fresh}).values()) - known.keys()
        wrong += [files.said_of_shared(name) for name in sorted(twice)]
        together = known | {entry.name: entry for entry in fresh if entry.name not in twice}
        self._known = _Known(_by_purpose(together.values()), self._known.seen if wrong else seen)
        self._complain([*wrong, *(f"the key file {name} is gone" for name in gone)])

    def _lose_sight(self, why: str) -> None:
        """What was read stays good; all of it is read again as soon as that is possible."""
        self._known = _Known(self._known.entries, frozenset())
        self._complain([why])

    def _complain(self, wrong: list[str]) -> None:
        """Once of each trouble, not once a second."""
        if wrong and wrong != self._wrong:
            log.error("key_ring_not_read", wrong=wrong)
        self._wrong = wrong

    def _warn(self, now: datetime) -> None:
        """Once a day of keys that are to be rotated soon, or were to be."""
        if self._warned_at is not None and abs(now - self._warned_at) < _WARN_EVERY:
            return
        self._warned_at = now
        for purpose, days in cryptoperiods.to_be_rotated(self, now).items():
            log.warning("key_to_be_rotated", purpose=purpose, days_left=days)


def _is_another(known: Entry | None, entry: Entry) -> bool:
    """Whether a version that we know has another key all at once, with which nothing could be opened."""
    return known is not None and None not in (known.key, entry.key) and known.key != entry.key


def _by_purpose(entries: Iterable[Entry]) -> dict[Purpose, dict[int, Entry]]:
    found: dict[Purpose, dict[int, Entry]] = {purpose: {} for purpose in Purpose}
    for entry in entries:
        found[entry.purpose][entry.version] = entry
    return found
