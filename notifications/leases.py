"""Leases: what a relay took is its own until then. One that dies holds it up for no longer."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_

LEASE: Final = timedelta(seconds=60)  # longer than a sending can last


def is_free(leased_until: Any, now: Any) -> ColumnElement[bool]:
    """Whether nobody holds it; `leased_until` is a column, `now` a moment or a parameter that is one.

    A lease from the future is none: a clock that was ahead has been set right since. Two relays whose clocks differ by
    seconds still leave each other's alone.
    """
    return or_(leased_until.is_(None), leased_until < now, leased_until > now + 2 * LEASE)
