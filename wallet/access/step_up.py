"""Step-up (RFC 9470): how well, how recently and for what somebody signed in. Pure."""

from datetime import datetime, timedelta
from typing import Final

NSIS: Final = "https://data.gov.dk/concept/core/nsis/"
LEVELS: Final = (f"{NSIS}Low", f"{NSIS}Substantial", f"{NSIS}High")
SUBSTANTIAL: Final = LEVELS[1]
MAX_AGE: Final = timedelta(seconds=300)
SKEW: Final = timedelta(seconds=60)  # between the broker's clock and ours
PURPOSES: Final = frozenset({"provision", "right", "pair", "pin", "resume", "approve"})


def is_at_least(acr: str | None, level: str) -> bool:
    """Whether an NSIS level of assurance reaches another. An unknown one reaches nothing."""
    return acr in LEVELS and LEVELS.index(acr) >= LEVELS.index(level)


def is_fresh(auth_time: datetime | None, now: datetime) -> bool:
    """Whether somebody signed in within the last 300 seconds."""
    return auth_time is not None and -SKEW <= now - auth_time <= MAX_AGE


def is_met(acr: str | None, auth_time: datetime | None, purpose: str | None, *, wanted: str, now: datetime) -> bool:
    """Whether a sign-in opens a call that wants `wanted`: well enough, just now, and for that purpose alone."""
    return is_at_least(acr, SUBSTANTIAL) and is_fresh(auth_time, now) and purpose == wanted


def challenge(purpose: str) -> str:
    """The `WWW-Authenticate` value that asks for it (RFC 9470 section 3)."""
    return (
        f'DPoP error="insufficient_user_authentication", acr_values="{SUBSTANTIAL}", '
        f'max_age="{int(MAX_AGE.total_seconds())}", purpose="{purpose}"'
    )
