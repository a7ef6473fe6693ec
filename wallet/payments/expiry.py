"""Holds that end (R-3.1a): when they do."""

from datetime import datetime, timedelta

from delegation.categories import categories_of
from tokenization.policies import Holds


def expires_at(mcc: str, holds: Holds, at: datetime) -> datetime:
    """When a hold that begins at that moment ends: so many times 24 hours on, longer at hotels and the like."""
    is_long = not categories_of(mcc).isdisjoint(holds.long_categories)
    return at + timedelta(days=holds.long_days if is_long else holds.days)
