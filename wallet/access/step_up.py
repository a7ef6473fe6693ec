"""Step-up (RFC 9470): how well, how recently and for what somebody signed in. Pure."""

import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tokenization import ids

NSIS: Final = "https://data.gov.dk/concept/core/nsis/"
LEVELS: Final = (f"{NSIS}Low", f"{NSIS}Substantial", f"{NSIS}High")
SUBSTANTIAL: Final = LEVELS[1]
MAX_AGE: Final = timedelta(seconds=300)
SKEW: Final = timedelta(seconds=60)  # between the broker's clock and ours
PURPOSES: Final = frozenset({"provision", "right", "pair", "pin", "resume", "approve"})
# And the one that is for a single thing: which token, and at which version of it.
_VERIFY: Final = re.compile(r"verify:(tok_\w{26}):\d{1,18}", re.ASCII)


def is_at_least(acr: str | None, level: str) -> bool:
    """Whether an NSIS level of assurance reaches another. An unknown one reaches nothing."""
    return acr in LEVELS and LEVELS.index(acr) >= LEVELS.index(level)


def is_fresh(auth_time: datetime | None, now: datetime) -> bool:
    """Whether somebody signed in within the last 300 seconds."""
    return auth_time is not None and -SKEW <= now - auth_time <= MAX_AGE


def is_met(acr: str | None, auth_time: datetime | None, purpose: str | None, *, wanted: str, now: datetime) -> bool:
    """Whether a sign-in opens a call that wants `wanted`: well enough, just now, and for that purpose alone."""
    return is_at_least(acr, SUBSTANTIAL) and is_fresh(auth_time, now) and purpose == wanted


def to_verify(token_id: UUID, version: int) -> str:
    """The purpose of verifying that token as it stands: its version is in it, so whatever changes it ends the purpose
    (PSD2 RTS article 5: what is authenticated and what is done are the same).
    """
    return f"verify:{ids.to_text('tok', token_id)}:{version}"


def token_in(purpose: str | None) -> UUID | None:
    """Which token a purpose is to verify; None for every other purpose."""
    found = _VERIFY.fullmatch(purpose or "")
    try:
        return ids.parse("tok", found[1]) if found else None
    except ids.InvalidId:
        return None


def challenge(purpose: str) -> str:
    """The `WWW-Authenticate` value that asks for it (RFC 9470 section 3)."""
    return (
        f'DPoP error="insufficient_user_authentication", acr_values="{SUBSTANTIAL}", '
        f'max_age="{int(MAX_AGE.total_seconds())}", purpose="{purpose}"'
    )
