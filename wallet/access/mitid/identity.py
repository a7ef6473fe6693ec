"""What a MitID broker says about somebody, and whether to believe it (OpenID Connect Core 1.0 section 3.1.3.7). Pure.

A library that decodes an ID token checks its signature; everything else is checked here.
"""

import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tokenization.secret import Secret
from wallet.access import step_up
from wallet.access.mitid.dialects import Dialect

_DIGITS_MAX: Final = 11
# Visible ASCII, and no longer than a `sub` may be (OpenID Connect Core 1.0 section 2).
_UUID: Final = re.compile(r"[!-~]{1,255}")


class SignInFailed(Exception):
    """The sign-in comes to nothing. The app is told `error` (RFC 6749 section 4.1.2.1); the text is for the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error = error


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, how well (an NSIS level) and when. `cpr` only where the broker gave it."""

    mitid_uuid: str
    acr: str
    auth_time: datetime
    cpr: Secret[str] | None = field(repr=False)


def check_id_token(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime) -> None:
    """Raise SignInFailed unless the ID token is this broker's, for us alone, for this sign-in, and fresh."""
    at, skew = now.timestamp(), step_up.SKEW.total_seconds()
    expires, issued, before = (seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
    checks = (
        (claims.get("iss") == issuer, "iss is another issuer"),
        # One audience, ours: what others may use too could have been asked for by them.
        (claims.get("aud") in (client_id, [client_id]), "aud is not ours alone"),
        (claims.get("azp", client_id) == client_id, "azp is another client"),
        (_equal(claims.get("nonce"), nonce), "nonce is not that of this sign-in"),
        (isinstance(claims.get("sub"), str) and claims["sub"], "sub is missing"),
        (expires is not None and at < expires + skew, "exp is missing or has passed"),
        (claims.get("nbf") is None or (before is not None and before <= at + skew), "nbf is no time, or in the future"),
        (issued is not None and abs(at - issued) <= step_up.MAX_AGE.total_seconds() + skew, "iat is not now"),
    )
    _hold(checks)


def identify(
    claims: Mapping[str, Any],
    userinfo: Mapping[str, Any] | None,
    broker: Dialect,
    *,
    begun_at: datetime,
    now: datetime,
) -> Identity:
    """The person. Raises SignInFailed: `access_denied` where MitID was too weak, old or of another kind."""
    if userinfo is not None and not _equal(userinfo.get("sub"), claims["sub"]):
        raise SignInFailed("server_error", "userinfo is about somebody else")
    said, names = {**(userinfo or {}), **claims}, broker.claims
    uuid, cpr = said.get(names.uuid), said.get(names.cpr) if names.cpr else None
    acr, when = broker.acr(said.get(names.level)), moment(said.get(names.auth_time))
    if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
        raise SignInFailed("server_error", f"the claim {names.uuid} is missing, or no identifier")
    # The broker answers a request for more with what it has: only the result counts, never what was asked for.
    refusals = (
        *((_is_one_of(said.get(name), values), f"{name} is another") for name, values in broker.required.items()),
        (acr is not None, f"{names.level} is missing, or no level that we know"),
        (step_up.is_at_least(acr, step_up.SUBSTANTIAL), f"{names.level} is below Substantial"),
        (when is not None, f"{names.auth_time} is missing, or no time"),
        (when is not None and _is_recent(when, begun_at, now), f"{names.auth_time} is not within this sign-in"),
    )
    _hold(refusals, "access_denied")
    return Identity(uuid, acr or "", when or now, Secret(cpr) if isinstance(cpr, str) else None)


def seconds(value: object) -> int | None:
    """A time in seconds since 1970; some brokers send it as a text."""
    if isinstance(value, str) and len(value) <= _DIGITS_MAX and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**_DIGITS_MAX:
        return None
    return int(value)


def moment(value: object) -> datetime | None:
    """A time in seconds since 1970, or one in words (RFC 3339) as some brokers send it."""
    at = seconds(value)
    if at is not None:
        return datetime.fromtimestamp(at, UTC)
    try:
        words = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return words if words is not None and words.tzinfo is not None else None


def _is_recent(auth_time: datetime, begun_at: datetime, now: datetime) -> bool:
    """We asked for `prompt=login`: an older one is a session that the broker took up again, and showed no text."""
    since = max(begun_at, now - step_up.MAX_AGE)
    return since - step_up.SKEW <= auth_time <= now + step_up.SKEW


def _is_one_of(value: object, accepted: Collection[str]) -> bool:
    return isinstance(value, str) and value in accepted


def _hold(checks: tuple[tuple[object, str], ...], error: str = "server_error") -> None:
    reason = next((reason for holds, reason in checks if not holds), None)
    if reason:
        raise SignInFailed(error, reason)


def _equal(one: object, other: object) -> bool:
    return isinstance(one, str) and isinstance(other, str) and hmac.compare_digest(one.encode(), other.encode())
