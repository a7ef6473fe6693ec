"""The key ring: versioned keys outside the database, each for one purpose only."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from tokenization.clock import Clock
from tokenization.secret import Key


class Purpose(StrEnum):
    """What a key may be used for. A key never serves two (NIST SP 800-57, 5.2)."""

    KEY_ENCRYPTION = "key_encryption"  # wraps data keys
    FINGERPRINT = "fingerprint"  # look-up of PAN, token number, CPR, mobile
    CARD_VERIFICATION = "card_verification"  # CVC
    TOKEN = "token"  # issuer key: payment keys of tokens
    JOURNAL = "journal"  # links of the journal
    REQUEST_HASH = "request_hash"  # keyed hashes of request bodies (idempotency)
    ACCESS_TOKEN = "access_token"  # ES256, signs access tokens
    CARD_TRANSPORT = "card_transport"  # P-256, opens `encrypted_card`
    BROKER_CLIENT = "broker_client"  # ES256, our client assertion at the MitID broker
    DPOP_NONCE = "dpop_nonce"  # nonces that DPoP proofs carry


ASYMMETRIC: Final = frozenset({Purpose.ACCESS_TOKEN, Purpose.CARD_TRANSPORT, Purpose.BROKER_CLIENT})
VERSIONS: Final = range(1, 2**16)  # two bytes of every sealed value (vault.py)
KEY_BYTES: Final = 32  # of the symmetric ones
# A payment asks the ring several times: an answer takes a microsecond or two, a look at the folder thirty.
_LOOK_EVERY: Final = timedelta(seconds=1)

log = structlog.get_logger()


class KeyRingError(Exception):
    """The key ring cannot give that key."""


@dataclass(frozen=True, slots=True)
class VersionedKey:
    """A key and its version: 32 bytes, or for the asymmetric purposes a P-256 private key as PKCS #8 DER."""

    version: int
    key: Key


class KeyRing(Protocol):
    """Where keys come from. A folder is one; an HSM could be another."""

    def current(self, purpose: Purpose) -> VersionedKey:
        """The key to use for new things."""

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there, or is retired."""

    def usable(self, purpose: Purpose) -> list[VersionedKey]:
        """The versions that are not retired, ascending; those that are not active yet are among them."""

    def refresh(self) -> None:
        """Notice at once what was added or retired elsewhere."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file of the ring says. A retired one holds no key; one that says nothing of it was always active."""

    purpose: Purpose
    version: int
    key: Key | None
    active_from: datetime | None = None
    retired_at: datetime | None = None

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.purpose}.{self.version}.json"

    def is_active(self, now: datetime) -> bool:
        """Whether new things may be made with it."""
        return self.active_from is None or self.active_from <= now


def current_of(entries: Iterable[Entry], now: datetime) -> Entry | None:
    """Of one purpose's: the highest active version; where none is active yet, the next: too early beats not at all."""
    usable = {entry.version: entry for entry in entries if entry.key is not None}
    active = [version for version, entry in usable.items() if entry.is_active(now)]
    return usable[max(active)] if active else usable[min(usable)] if usable else None


Seen = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, and what the folder looked like just before: replaced as one, as many threads look at it."""

    entries: Mapping[Purpose, Mapping[int, Entry]]
    seen: Seen

    def by_name(self) -> dict[str, Entry]:
        return {entry.name: entry for versions in self.entries.values() for entry in versions.values()}


class FileKeyRing:
    """A key ring in a folder of mode 0700, one file of mode 0600 per purpose and version: `journal.1.json`.

    It follows the folder: what is added or retired there is noticed within a second, and at once when a version is
    asked for that it doesn't know. What cannot be read then, or is gone, stays as it was, and is logged: a file must
    not take a running service down. At the start all of it must be right, else KeyRingError or OSError.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._looked_at = clock.now()
        self._wrong: list[str] = []
        self._known = _Known(_by_purpose(read(folder)), frozenset())

    def current(self, purpose: Purpose) -> VersionedKey:
        """The highest version that is active. Raises KeyRingError if there is none."""
        now = self._clock.now()
        found = current_of(self._versions(purpose, now).values(), now)
        if found is None or found.key is None:
            raise KeyRingError(f"the key ring holds no key for {purpose}")
        return VersionedKey(found.version, found.key)

    def get(self, purpose: Purpose, version: int) -> Key:
        """The key of that version. Raises KeyRingError if it isn't there, or is retired."""
        found = self._versions(purpose, self._clock.now()).get(version)
        if found is None:
            self.refresh()
            found = self._known.entries[purpose].get(version)
        if found is None:
            raise KeyRingError(f"the key ring holds no version {version} of {purpose}")
        if found.key is None:
            raise KeyRingError(f"version {version} of {purpose} is retired")
        return found.key

    def usable(self, purpose: Purpose) -> list[VersionedKey]:
        """The versions that are not retired, ascending; those that are not active yet are among them."""
        known = sorted(self._versions(purpose, self._clock.now()).items())
        return [VersionedKey(version, entry.key) for version, entry in known if entry.key is not None]

    def refresh(self) -> None:
        """Notice at once what was added or retired in the folder."""
        self._looked_at = self._clock.now()
        try:
            seen = _seen(self._folder)
            if seen != self._known.seen:
                self._read_again(seen)
        except KeyRingError as error:
            self._complain([str(error)])
        except OSError as error:
            self._complain([f"the key ring cannot be read: {error.strerror}"])

    def _versions(self, purpose: Purpose, now: datetime) -> Mapping[int, Entry]:
        # A clock that was put back must not keep it from looking.
        if abs(now - self._looked_at) >= _LOOK_EVERY:
            self.refresh()
        return self._known.entries[purpose]

    def _read_again(self, seen: Seen) -> None:
        """Take what can be read. What cannot is tried again at the next look: it may be on its way."""
        entries, wrong = _read_all(self._folder)
        known = self._known.by_name()
        gone = sorted(known.keys() - {name for name, *_ in seen})
        other = [entry.name for entry in entries if entry.key and _is_another(known.get(entry.name), entry)]
        wrong += [f"the key file {name} holds another key than before" for name in other]
        together = known | {entry.name: entry for entry in entries if entry.name not in other}
        self._known = _Known(_by_purpose(together.values()), self._known.seen if wrong else seen)
        self._complain([*wrong, *(f"the key file {name} is gone" for name in gone)])

    def _complain(self, wrong: list[str]) -> None:
        """Once of each trouble, not once a second."""
        if wrong and wrong != self._wrong:
            log.error("key_ring_not_read", wrong=wrong)
        self._wrong = wrong


def _is_another(known: Entry | None, entry: Entry) -> bool:
    """Whether a version that we know has another key all at once, with which nothing could be opened."""
    return known is not None and known.key is not None and known.key != entry.key


def _by_purpose(entries: Iterable[Entry]) -> dict[Purpose, dict[int, Entry]]:
    found: dict[Purpose, dict[int, Entry]] = {purpose: {} for purpose in Purpose}
    for entry in entries:
        found[entry.purpose][entry.version] = entry
    return found


def _seen(folder: Path) -> Seen:
    """What differs once a file is replaced, written to, or given another mode.

    The folder's own time would not do: a file that is written in place leaves it alone, and two changes within a tick
    of the file system leave it as the first one made it.
    """
    with os.scandir(folder) as files:
        stats = [(file.name, file.stat()) for file in files if file.name.endswith(".json")]
    return frozenset((name, stat.st_ino, stat.st_ctime_ns, stat.st_size) for name, stat in stats)


def read(folder: Path) -> list[Entry]:
    """Everything in a key ring. Raises KeyRingError, or OSError, where anything in it is wrong."""
    if not folder.is_dir():
        raise KeyRingError(f"there is no key ring at {folder}")
    entries, wrong = _read_all(folder)
    if wrong:
        raise KeyRingError(wrong[0])
    return entries


def _read_all(folder: Path) -> tuple[list[Entry], list[str]]:
    """What can be read, and what is wrong with the rest."""
    if folder.stat().st_mode & 0o077:
        raise KeyRingError(f"the key ring {folder} must be readable by its owner only (mode 0700)")
    entries: list[Entry] = []
    wrong: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            entries.append(_read(path))
        except KeyRingError as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(f"the key file {path.name} cannot be read: {error.strerror}")
    return entries, wrong


def _read(path: Path) -> Entry:
    if path.stat().st_mode & 0o077:
        raise KeyRingError(f"the key file {path.name} must be readable by its owner only (mode 0600)")
    try:
        entry = _entry(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyRingError(f"the key file {path.name} is not readable as a key") from error
    if path.name != entry.name or entry.version not in VERSIONS:
        raise KeyRingError(f"the key file {path.name} holds a key of another name")
    if entry.key and entry.purpose not in ASYMMETRIC and len(entry.key.reveal()) != KEY_BYTES:
        raise KeyRingError(f"the key file {path.name} holds a key of another length")
    return entry


def _entry(content: Mapping[str, Any]) -> Entry:
    """Files that were written before versions had times hold none."""
    active_from, retired_at = _moment(content, "active_from"), _moment(content, "retired_at")
    key = None if retired_at else Key(bytes.fromhex(content["key"]))
    return Entry(Purpose(content["purpose"]), int(content["version"]), key, active_from, retired_at)


def _moment(content: Mapping[str, Any], name: str) -> datetime | None:
    if name not in content:
        return None
    at = datetime.fromisoformat(content[name])
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at
