"""What happens to a drawing right, in the past tense. `holder_id` is the grantor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tokenization.events import CardEvent


@dataclass(frozen=True, kw_only=True)
class DrawingRightEvent(CardEvent):
    """Something that happened to a drawing right. A name is kept exactly as the grantor wrote it."""

    holder_id: UUID
    right_id: UUID
    delegate_name: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightGranted(DrawingRightEvent):
    """`terms`: what is permitted from now on, in the API's shape (terms.as_json). For the journal; nobody is told."""

    type = "drawing_right.granted"
    terms: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DrawingRightChanged(DrawingRightEvent):
    """`fields` names what changed, as the API calls it (`limits.per_day`); `terms` as DrawingRightGranted has them."""

    type = "drawing_right.changed"
    fields: list[str]
    terms: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DrawingRightPaired(DrawingRightEvent):
    type = "drawing_right.paired"
    pairing_id: UUID
    device_name: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightUnpaired(DrawingRightEvent):
    type = "drawing_right.unpaired"
    pairing_id: UUID
    device_name: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightPaused(DrawingRightEvent):
    """`by` the cardholder, or by the issuer on the cardholder's word."""

    type = "drawing_right.paused"
    by: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightResumed(DrawingRightEvent):
    type = "drawing_right.resumed"


@dataclass(frozen=True, kw_only=True)
class DrawingRightRevoked(DrawingRightEvent):
    """`by` as DrawingRightPaused has it."""

    type = "drawing_right.revoked"
    by: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightExpired(DrawingRightEvent):
    """`why`: valid_until, came_of_age or invitation_lapsed. Nobody did it, time passed: the rounds tell of it."""

    type = "drawing_right.expired"
    why: str


@dataclass(frozen=True, kw_only=True)
class DrawingRightCameOfAge(DrawingRightEvent):
    """The delegate turned 18, and the right goes on."""

    type = "drawing_right.came_of_age"


@dataclass(frozen=True, kw_only=True)
class DrawingRightWeekEnded(DrawingRightEvent):
    """Something was paid in the week of that Monday (an ISO date), by so many payments.

    `spent`, in minor units, is what counts in the limits: of an open estimate the most that it can become.
    """

    type = "drawing_right.week_ended"
    week: str
    spent: int
    payments: int


@dataclass(frozen=True, kw_only=True)
class DrawingRequestEvent(DrawingRightEvent):
    """A delegate asked for more; `amount` in minor units, `limit` the one that stands in the way. Of the declined
    payment that it is about, if any: `merchant` by its name, `country`, `categories`, and which limit stopped it.
    """

    request_id: UUID
    kind: str
    amount: int
    limit: str
    merchant: str | None
    country: str | None
    categories: list[str] | None
    stopped_by: str | None


@dataclass(frozen=True, kw_only=True)
class DrawingRequestAsked(DrawingRequestEvent):
    type = "drawing_request.asked"
    payment_id: UUID | None
    message: str | None


@dataclass(frozen=True, kw_only=True)
class DrawingRequestApproved(DrawingRequestEvent):
    """`lapses_at` is until when one payment may take the yes; None of a higher limit, and of before."""

    type = "drawing_request.approved"
    lapses_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DrawingRequestDeclined(DrawingRequestEvent):
    """`taken_back`: it had been a yes."""

    type = "drawing_request.declined"
    taken_back: bool
