"""Whether a token can pay, and why not: derived, purely, from the token and everything around it. Nothing is stored."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tokenization import cards
from tokenization.models import Card, Plastic, Requestor, Token

# The first of these that holds is what the API calls `because`; beside it the status that follows from it.
STATUS_BY_CAUSE: Final = {
    "deactivated": "deactivated",
    "expired": "expired",
    "card_closed": "deactivated",
    "card_blocked": "suspended",
    "requestor_suspended": "suspended",
    "drawing_right_revoked": "deactivated",
    "drawing_right_expired": "expired",
    "drawing_right_paused": "suspended",
    "issuer": "suspended",
    "wallet_provider": "suspended",
    "cardholder": "suspended",
    "pin_locked": "suspended",
    "unverified": "unverified",
    "inactive": "inactive",
}


@dataclass(frozen=True, slots=True)
class Status:
    """A token's derived status, and the first cause of it; None when it can pay."""

    status: str
    because: str | None

    def __str__(self) -> str:
        """`suspended (card_blocked)`; the cause only where it says more than the status does."""
        return self.status if self.because in {None, self.status} else f"{self.status} ({self.because})"


def causes(
    token: Token,
    card: Card,
    plastic: Plastic,
    requestor: Requestor,
    suspended_by: Iterable[str],
    now: datetime,
    also: AbstractSet[str] = frozenset(),
) -> frozenset[str]:
    """All that stands in the token's way, its own state included.

    `plastic` is the card's current one, `also` what floors above know of the token's drawing right.
    """
    found = {token.state, *suspended_by, *also}
    if cards.is_expired(plastic, now):
        found.add("expired")
    if card.state != "active":
        found.add(f"card_{card.state}")
    if requestor.status != "active" or token.scheme not in requestor.schemes:  # R-3.3b: for each scheme apart
        found.add("requestor_suspended")
    return frozenset(found - {"active"})


def of(found: AbstractSet[str]) -> Status:
    """The status that follows from causes: the first in the order of the table counts."""
    for cause, status in STATUS_BY_CAUSE.items():
        if cause in found:
            return Status(status, cause)
    return Status("active", None)


def derive(
    token: Token,
    card: Card,
    plastic: Plastic,
    requestor: Requestor,
    suspended_by: Iterable[str],
    now: datetime,
    also: AbstractSet[str] = frozenset(),
) -> Status:
    """The status of a token among what is around it: as `causes` takes it."""
    return of(causes(token, card, plastic, requestor, suspended_by, now, also))


def version(token: Token, card: Card, requestor: Requestor, right_revision: int = 0) -> int:
    """Grows with every change of token, card, wallet and drawing right, so that a receiver can drop what is older.

    None of the parts ever goes down, so the sum does not either. Its twin in SQL is in notifications/updates.py.
    """
    return token.revision + card.revision + requestor.revision + right_revision
