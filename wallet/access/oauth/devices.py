"""A child's phone asks to be let in (RFC 8628): what it shows, what the parent types, and the yes in between.

Three steps for whoever pairs: `claim` the code, pair and `sessions.start_for_child` in one transaction, then `approve`.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from authlib.oauth2.rfc8628 import DeviceCredentialMixin
from redis import Redis

from wallet.access import shelf
from wallet.access.errors import AccessRefused

LIFETIME: Final = timedelta(minutes=10)
INTERVAL_SECONDS: Final = 5
Look = Callable[[Redis, str, str], dict[str, Any] | None]
# RFC 8628 section 6.1: no vowels, so no words; nothing that looks like something else. 8 of 20 letters.
_USER_CODE: Final = re.compile(r"[BCDFGHJKLMNPQRSTVWXZ]{8}", re.ASCII | re.IGNORECASE)
_WRONG_CODES_MAX: Final = 5
_WRONG_CODES_SEEN_FOR: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PendingDevice:
    """A phone that waits. `match` is two digits that both phones show; `thumbprint` the key that alone can redeem."""

    user_code: str
    device_name: str
    thumbprint: str
    client_id: str
    requested_at: datetime
    match: str


@dataclass(frozen=True, slots=True)
class DeviceCode(DeviceCredentialMixin):
    """What a device code stands for. The user code is only here as a hash."""

    client_id: str
    thumbprint: str
    user_code_hash: str

    def get_client_id(self) -> str:
        """Whose it is."""
        return self.client_id

    def get_scope(self) -> str:
        """What it is for."""
        return "child"

    def get_user_code(self) -> str:
        """The hash, by which an approval is found."""
        return self.user_code_hash

    def is_expired(self) -> bool:
        """No: one that has expired isn't found."""
        return False


def new_match() -> str:
    """Two digits: whoever reads a code aloud from a stranger's phone sees others than the child does."""
    return f"{secrets.randbelow(100):02}"


def keep(redis: Redis, device_code: str, pending: PendingDevice) -> None:
    """Remember a phone that asks, by its device code and by the user code."""
    code, kept = _letters(pending), _kept(pending)
    known = {name: kept[name] for name in ("client_id", "thumbprint", "expires_at")}
    shelf.put(redis, "device", device_code, {**known, "user_code_hash": shelf.digest(code)}, LIFETIME)
    shelf.put(redis, "user-code", code, kept, LIFETIME)


def _kept(pending: PendingDevice) -> dict[str, Any]:
    """What a user code leads to, as Redis keeps it: not the code."""
    return {
        "client_id": pending.client_id,
        "thumbprint": pending.thumbprint,
        "expires_at": (pending.requested_at + LIFETIME).timestamp(),
        "device_name": pending.device_name,
        "match": pending.match,
        "requested_at": pending.requested_at.timestamp(),
    }


def find(redis: Redis, user_code: str, *, by: str, now: datetime) -> PendingDevice | None:
    """The phone behind a code, in any spelling. `by` is who asks: five wrong ones, then AccessRefused (429)."""
    return _found(redis, user_code, by, now, shelf.look)


def claim(redis: Redis, user_code: str, *, match: object = None, by: str, now: datetime) -> PendingDevice | None:
    """As `find`, and the code is used up: of two parents who type it at once, one gets the phone.

    Where the parent says which digits the phone shows (`match`), others than those count as a wrong code.
    """
    return _found(redis, user_code, by, now, shelf.take, match)


def forgive(redis: Redis, *, by: str) -> None:
    """Take one wrong code back."""
    shelf.count(redis, "wrong-codes", by, _WRONG_CODES_SEEN_FOR, step=-1)


def give_back(redis: Redis, pending: PendingDevice, now: datetime) -> None:
    """A code that was claimed, and led to nothing, may be typed again for what is left of its time."""
    left = pending.requested_at + LIFETIME - now
    if left > timedelta(0):
        shelf.put(redis, "user-code", _letters(pending), _kept(pending), left)


def approve(redis: Redis, pending: PendingDevice, session_id: UUID) -> None:
    """Let the phone in, to the session that `sessions.start_for_child` made; after that has been committed."""
    shelf.put(redis, "approval", shelf.digest(_letters(pending)), {"session_id": str(session_id)}, LIFETIME)


def by_device_code(redis: Redis, device_code: str, now: datetime) -> DeviceCode | None:
    """What a device code stands for, until it is redeemed or expires."""
    kept = shelf.look(redis, "device", device_code)
    if kept is None or now.timestamp() >= kept.pop("expires_at"):
        return None
    return DeviceCode(**kept)


def take_approval(redis: Redis, device: DeviceCode) -> UUID | None:
    """The session that the phone was let in to; once."""
    kept = shelf.take(redis, "approval", device.user_code_hash)
    return UUID(kept["session_id"]) if kept else None


def forget(redis: Redis, device_code: str) -> None:
    """A device code that was redeemed is of no use any more."""
    shelf.forget(redis, "device", device_code)


def polls_too_fast(redis: Redis, device: DeviceCode, now: datetime) -> bool:
    """Whether the phone asks more often than it was told; it must then wait five seconds longer (section 3.5)."""
    last = shelf.look(redis, "poll", device.user_code_hash) or {"at": 0, "interval": INTERVAL_SECONDS}
    too_fast: bool = now.timestamp() - last["at"] < last["interval"]
    interval = last["interval"] + (INTERVAL_SECONDS if too_fast else 0)
    shelf.put(redis, "poll", device.user_code_hash, {"at": now.timestamp(), "interval": interval}, LIFETIME)
    return too_fast


def _found(
    redis: Redis, user_code: str, by: str, now: datetime, how: Look, match: object = None
) -> PendingDevice | None:
    """Counted before it is looked up, so that guessing in parallel gains nothing; taken back when it was right."""
    if shelf.count(redis, "wrong-codes", by, _WRONG_CODES_SEEN_FOR) > _WRONG_CODES_MAX:
        wait = shelf.seconds_left(redis, "wrong-codes", by)
        raise AccessRefused(429, "too-many-requests", "too many wrong codes", retry_after=wait)
    code = _normal(user_code)
    kept = how(redis, "user-code", code) if code else None
    if code is None or kept is None or now.timestamp() >= kept["expires_at"]:
        return None
    if match in (None, kept["match"]):
        forgive(redis, by=by)
    return PendingDevice(
        user_code=f"{code[:4]}-{code[4:]}",
        device_name=kept["device_name"],
        thumbprint=kept["thumbprint"],
        client_id=kept["client_id"],
        requested_at=datetime.fromtimestamp(kept["requested_at"], UTC),
        match=kept["match"],
    )


def _letters(pending: PendingDevice) -> str:
    """The code under which it is kept."""
    return pending.user_code.replace("-", "")


def _normal(user_code: str) -> str | None:
    """`wdjb mjht` -> `WDJBMJHT`; None if it cannot be a code."""
    code = re.sub(r"[\s-]", "", user_code)
    return code.upper() if _USER_CODE.fullmatch(code) else None
