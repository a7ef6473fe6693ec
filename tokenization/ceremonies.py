"""What is done to a key ring, on purpose and by hand: it is made, a key rotates, an old version is retired.

Each is one file that appears whole under its name, so that running processes can follow (keys.py).
"""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tokenization import key_files
from tokenization.key_files import Entry, current_of, read
from tokenization.keys import ASYMMETRIC, KEY_BYTES, VERSIONS, KeyRingError, Purpose
from tokenization.secret import Key


class NotPossible(KeyRingError):
    """Nothing is wrong with the ring, but that cannot be done to it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version stands: `next` (not active yet), `current`, `previous` (for what it made) or `retired`; since when.

    `since` is None for a key that is older than such times.
    """

    purpose: Purpose
    version: int
    state: str
    since: datetime | None


def standings(folder: Path, now: datetime) -> list[Standing]:
    """Every version of every purpose, without a key. Raises KeyRingError."""
    entries = read(folder)
    current = {purpose: _current(entries, purpose, now) for purpose in Purpose}
    order = list(Purpose)
    found = [_standing(entry, current[entry.purpose], now) for entry in entries]
    return sorted(found, key=lambda one: (order.index(one.purpose), one.version))


def _standing(entry: Entry, current: Entry | None, now: datetime) -> Standing:
    if entry.key is None:
        return Standing(entry.purpose, entry.version, "retired", entry.retired_at)
    state = "current" if entry == current else "previous" if entry.is_active(now) else "next"
    return Standing(entry.purpose, entry.version, state, entry.active_from)


def lacking(folder: Path) -> list[Purpose]:
    """The purposes that a ring has no key for, and had none: all of them where there is no ring."""
    return [purpose for purpose in Purpose if not any(folder.glob(f"{purpose}.*.json"))]


def create(folder: Path, now: datetime) -> None:
    """Make a key ring: the folder, and version 1 of every purpose that has no key yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for purpose in lacking(folder):
        _add(folder, Entry(purpose, 1, _fresh(purpose), active_from=now))


def _fresh(purpose: Purpose) -> Key:
    if purpose not in ASYMMETRIC:
        return Key(secrets.token_bytes(KEY_BYTES))
    private = ec.generate_private_key(ec.SECP256R1())
    return Key(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def rotate(folder: Path, purpose: Purpose, active_from: datetime) -> int:
    """Add a version that is in use from then on, and is known at once; answers it. Raises NotPossible.

    What older versions made stays good until they are retired.
    """
    _check_rotates(purpose)
    version = max((entry.version for entry in read(folder) if entry.purpose == purpose), default=0) + 1
    if version not in VERSIONS:
        raise NotPossible(f"{purpose} has had all its versions")
    try:
        _add(folder, Entry(purpose, version, _fresh(purpose), active_from))
    except FileExistsError:
        raise NotPossible(f"somebody else has just made version {version} of {purpose}") from None
    return version


def retire(folder: Path, purpose: Purpose, version: int, now: datetime) -> None:
    """From now on a version is good for nothing. Its key is forgotten; its number is never used again.

    One that is not active yet may be retired: so a rotation is called off. Raises NotPossible for the current one.
    """
    found = retirable(folder, purpose, version, now)
    with _draft(folder, Entry(purpose, version, None, found.active_from, retired_at=now)) as draft:
        draft.replace(folder / found.name)


def retirable(folder: Path, purpose: Purpose, version: int, now: datetime) -> Entry:
    """The version, if it can be retired now. Raises NotPossible, which says why not."""
    _check_rotates(purpose)
    entries = read(folder)
    found = next((entry for entry in entries if (entry.purpose, entry.version) == (purpose, version)), None)
    if found is None:
        raise NotPossible(f"the key ring holds no version {version} of {purpose}")
    if found.key is None:
        raise NotPossible(f"version {version} of {purpose} is retired already")
    if found == _current(entries, purpose, now):
        raise NotPossible(f"version {version} of {purpose} is the one in use: rotate it first, with --now after a leak")
    return found


def _check_rotates(purpose: Purpose) -> None:
    if purpose not in ASYMMETRIC:
        can = ", ".join(sorted(ASYMMETRIC))
        raise NotPossible(f"{purpose} cannot rotate yet, which a later version will bring; these can: {can}")


def _current(entries: list[Entry], purpose: Purpose, now: datetime) -> Entry | None:
    return current_of([entry for entry in entries if entry.purpose == purpose], now)


def _add(folder: Path, entry: Entry) -> None:
    """Raises FileExistsError where that version is there, or has just come."""
    with _draft(folder, entry) as draft:
        os.link(draft, folder / entry.name)


@contextmanager
def _draft(folder: Path, entry: Entry) -> Iterator[Path]:
    """The file, complete and on the disk before it gets its name: nobody ever reads half of one."""
    descriptor, path = tempfile.mkstemp(dir=folder, prefix=f".{entry.purpose}.", suffix=".draft")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            _give_to_owner_of(folder, file.fileno())
            json.dump(key_files.content(entry), file)
            file.flush()
            os.fsync(file.fileno())
        yield Path(path)
        _sync(folder)
    finally:
        Path(path).unlink(missing_ok=True)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Root may rotate, but it is the service's user who must read."""
    owner = folder.stat()
    if owner.st_uid != os.geteuid():
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    """A name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
