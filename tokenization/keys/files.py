"""The files of a key ring: for each purpose and version one, `journal.1.json`, which says so and holds the key."""

import hmac
import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tokenization.keys.ring import ASYMMETRIC, KEY_BYTES, VERSIONS, KeyRingError, Purpose
from tokenization.secret import Key

Seen = frozenset[tuple[str, int, int, int]]
_TIMES: Final = ("active_from", "retired_at", "destroyed_at")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file of the ring says. One that says nothing of `active_from` was always active.

    A retired one is refused. A symmetric one keeps its key even then, until it is destroyed; an asymmetric has none.
    """

    purpose: Purpose
    version: int
    key: Key | None
    active_from: datetime | None = None
    retired_at: datetime | None = None
    destroyed_at: datetime | None = None

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.purpose}.{self.version}.json"

    @property
    def usable_key(self) -> Key | None:
        """The key, unless it is retired."""
        return self.key if self.retired_at is None else None

    @property
    def check_value(self) -> bytes | None:
        """By what the key is recognised, as this version of this purpose; None where it is forgotten."""
        return None if self.key is None else check_value(self.purpose, self.version, self.key)

    def is_active(self, now: datetime) -> bool:
        """Whether new things may be made with it."""
        return self.active_from is None or self.active_from <= now


def check_value(purpose: Purpose, version: int, key: Key) -> bytes:
    """HMAC-SHA-256 over purpose and version, under the key: who sees it learns nothing of the key.

    It tells the key from every other, and from itself under another name.
    """
    return hmac.digest(key.reveal(), f"tegnebog key check|{purpose}|{version}".encode(), sha256)


def current_of(entries: Iterable[Entry], now: datetime) -> Entry | None:
    """Of one purpose's: the highest active version; where none is active yet, the next: too early beats not at all."""
    usable = {entry.version: entry for entry in entries if entry.usable_key is not None}
    active = [version for version, entry in usable.items() if entry.is_active(now)]
    return usable[max(active)] if active else usable[min(usable)] if usable else None


def seen(folder: Path) -> Seen:
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
    entries, wrong = read_all(folder)
    wrong += [said_of_shared(name) for name in sorted(shared(entries))]
    if wrong:
        raise KeyRingError(wrong[0])
    return entries


def read_all(folder: Path) -> tuple[list[Entry], list[str]]:
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


def shared(entries: Collection[Entry]) -> set[str]:
    """The names of files whose key another file holds too: no key serves two purposes, or is two versions."""
    times = Counter(entry.key for entry in entries if entry.key is not None)
    return {entry.name for entry in entries if entry.key is not None and times[entry.key] > 1}


def said_of_shared(name: str) -> str:
    """What is wrong with such a file."""
    return f"the key file {name} holds a key that another file holds too"


def _read(path: Path) -> Entry:
    if path.stat().st_mode & 0o077:
        raise KeyRingError(f"the key file {path.name} must be readable by its owner only (mode 0600)")
    try:
        content = json.loads(path.read_text())
        entry = _entry(content)
    except (ValueError, KeyError, TypeError) as error:
        raise KeyRingError(f"the key file {path.name} is not readable as a key") from error
    if path.name != entry.name or entry.version not in VERSIONS:
        raise KeyRingError(f"the key file {path.name} holds a key of another name")
    if entry.key and entry.purpose not in ASYMMETRIC and len(entry.key.reveal()) != KEY_BYTES:
        raise KeyRingError(f"the key file {path.name} holds a key of another length")
    if entry.check_value and content.get("check", entry.check_value.hex()) != entry.check_value.hex():
        raise KeyRingError(f"the key file {path.name} holds a key that was made for something else")
    return entry


def _entry(content: Mapping[str, Any]) -> Entry:
    """Files that were written before versions had times, or a check, hold none."""
    active_from, retired_at, destroyed_at = (_moment(content, name) for name in _TIMES)
    forgotten = retired_at is not None and "key" not in content
    key = None if forgotten else Key(bytes.fromhex(content["key"]))
    return Entry(Purpose(content["purpose"]), int(content["version"]), key, active_from, retired_at, destroyed_at)


def _moment(content: Mapping[str, Any], name: str) -> datetime | None:
    if name not in content:
        return None
    at = datetime.fromisoformat(content[name])
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


def content(entry: Entry) -> dict[str, Any]:
    """What the file of an entry says."""
    about: dict[str, Any] = {"purpose": entry.purpose, "version": entry.version}
    if entry.key is not None:
        about |= {"key": entry.key.reveal().hex(), "check": check_value(entry.purpose, entry.version, entry.key).hex()}
    times = {name: getattr(entry, name) for name in _TIMES}
    return about | {name: at.isoformat() for name, at in times.items() if at is not None}
