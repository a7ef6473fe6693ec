"""What is done to a key ring, on purpose and by hand: it is made, a key rotates, an old version is retired, destroyed.

Each is one file that appears whole under its name, so that running processes can follow (folder.py). Whether an
old version is still needed only the database knows: who retires one asks it first.
"""

import json
import os
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tokenization import new_files
from tokenization.keys import files
from tokenization.keys.files import Entry, current_of, read
from tokenization.keys.ring import ASYMMETRIC, KEY_BYTES, VERSIONS, KeyRingError, Purpose
from tokenization.secret import Key

# The purposes that have one version for ever, and why.
FIXED: Final = {
    Purpose.FINGERPRINT: "cards, tokens and people are found by it, and all would have to be opened and entered anew",
}


class NotPossible(KeyRingError):
    """Nothing is wrong with the ring, but that cannot be done to it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version stands: `next` (not active yet), `current`, `previous` (for what it made), `retired`, `destroyed`.

    `since` says since when, `active_from` when it came into use, `until` when a newer one did; None where no file says.
    """

    purpose: Purpose
    version: int
    state: str
    since: datetime | None
    active_from: datetime | None = None
    until: datetime | None = None


def standings(folder: Path, now: datetime) -> list[Standing]:
    """Every version of every purpose, without a key. Raises KeyRingError."""
    entries = read(folder)
    order = list(Purpose)
    found = [_standing(entry, [each for each in entries if each.purpose == entry.purpose], now) for entry in entries]
    return sorted(found, key=lambda one: (order.index(one.purpose), one.version))


def standing(folder: Path, purpose: Purpose, version: int, now: datetime) -> Standing:
    """One of them. Raises NotPossible where there is none."""
    entries = [entry for entry in read(folder) if entry.purpose == purpose]
    return _standing(_found(entries, purpose, version), entries, now)


def _standing(entry: Entry, versions: list[Entry], now: datetime) -> Standing:
    state, since = _state(entry, current_of(versions, now), now)
    newer = [each.active_from for each in versions if each.version > entry.version and each.is_active(now)]
    until = min((at for at in newer if at is not None), default=None)
    return Standing(entry.purpose, entry.version, state, since, entry.active_from, until)


def _state(entry: Entry, current: Entry | None, now: datetime) -> tuple[str, datetime | None]:
    if entry.destroyed_at is not None:
        return "destroyed", entry.destroyed_at
    if entry.retired_at is not None:
        return "retired", entry.retired_at
    state = "current" if entry == current else "previous" if entry.is_active(now) else "next"
    return state, entry.active_from


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


def subject_id(purpose: Purpose) -> UUID:
    """Whose journal the ceremonies of a purpose stand in."""
    return uuid5(NAMESPACE_URL, f"urn:tegnebog:key:{purpose}")


def rotate(folder: Path, purpose: Purpose, active_from: datetime) -> int:
    """Add a version that is in use from then on, and is known at once; answers it. Raises NotPossible.

    What older versions made stays good until they are retired.
    """
    made = prepared(folder, purpose, active_from)
    add(folder, made)
    return made.version


def prepared(folder: Path, purpose: Purpose, active_from: datetime, above: int = 0) -> Entry:
    """The next version, which is in no file yet; its number is above that one, too. Raises NotPossible."""
    return Entry(purpose, rotatable(folder, purpose, above), _fresh(purpose), active_from)


def add(folder: Path, made: Entry) -> None:
    """Put a prepared version into the ring. Raises NotPossible where somebody else was faster."""
    try:
        _add(folder, made)
    except FileExistsError:
        raise NotPossible(f"somebody else has just made version {made.version} of {made.purpose}") from None


def retire(folder: Path, purpose: Purpose, version: int, now: datetime) -> None:
    """From now on a version is refused, with all that it made; its number is never used again.

    A symmetric key stays in its file, so that a mistake can be undone, until it is destroyed; an asymmetric one is
    forgotten at once. One that is not active yet may be retired: so a rotation is called off. Raises NotPossible for
    the current one.
    """
    found = retirable(folder, purpose, version, now)
    key = None if purpose in ASYMMETRIC else found.key
    _replace(folder, replace(found, key=key, retired_at=now))


def reinstate(folder: Path, purpose: Purpose, version: int) -> None:
    """Take a retirement back. Raises NotPossible where the key is forgotten."""
    _replace(folder, replace(destroyable(folder, purpose, version), retired_at=None))


def destroy(folder: Path, purpose: Purpose, version: int, now: datetime) -> None:
    """Forget the key of a retired version, for good. Raises NotPossible for one that is not retired, or has no key."""
    _replace(folder, replace(destroyable(folder, purpose, version), key=None, destroyed_at=now))


def rotatable(folder: Path, purpose: Purpose, above: int = 0) -> int:
    """The number of its next version, above that one. Raises NotPossible where there can be none."""
    _check_rotates(purpose)
    version = max((entry.version for entry in read(folder) if entry.purpose == purpose), default=0)
    version = max(version, above) + 1
    if version not in VERSIONS:
        raise NotPossible(f"{purpose} has had all its versions")
    return version


def retirable(folder: Path, purpose: Purpose, version: int, now: datetime) -> Entry:
    """The version, if it can be retired now. Raises NotPossible, which says why not."""
    _check_rotates(purpose)
    entries = read(folder)
    found = _found(entries, purpose, version)
    if found.retired_at is not None:
        raise NotPossible(f"version {version} of {purpose} is retired already")
    if found == _current(entries, purpose, now):
        raise NotPossible(f"version {version} of {purpose} is the one in use: rotate it first, with --now after a leak")
    return found


def destroyable(folder: Path, purpose: Purpose, version: int) -> Entry:
    """The version, if it is retired and has its key. Raises NotPossible, which says why not."""
    found = _found(read(folder), purpose, version)
    if found.retired_at is None:
        raise NotPossible(f"version {version} of {purpose} is not retired")
    if found.key is None:
        raise NotPossible(f"the key of version {version} of {purpose} is forgotten already")
    return found


def _found(entries: list[Entry], purpose: Purpose, version: int) -> Entry:
    for entry in entries:
        if (entry.purpose, entry.version) == (purpose, version):
            return entry
    raise NotPossible(f"the key ring holds no version {version} of {purpose}")


def _check_rotates(purpose: Purpose) -> None:
    if purpose in FIXED:
        raise NotPossible(f"{purpose} cannot rotate: {FIXED[purpose]}")


def _current(entries: list[Entry], purpose: Purpose, now: datetime) -> Entry | None:
    return current_of([entry for entry in entries if entry.purpose == purpose], now)


def _replace(folder: Path, entry: Entry) -> None:
    _write(folder, entry, replace=True)


def _add(folder: Path, entry: Entry) -> None:
    """Raises FileExistsError where that version is there, or has just come."""
    _write(folder, entry, replace=False)


def _write(folder: Path, entry: Entry, *, replace: bool) -> None:
    with new_files.draft(folder / entry.name) as (file, finish):
        _give_to_owner_of(folder, file.fileno())
        json.dump(files.content(entry), file)
        finish(replace=replace)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Root may rotate, but it is the service's user who must read."""
    owner = folder.stat()
    if owner.st_uid != os.geteuid():
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
