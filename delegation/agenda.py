"""What time does to a drawing right: when it ends by itself, and what is told as it comes (docs/adr/026). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final

from delegation.ages import comes_of_age_on, is_child
from delegation.models import DrawingRight
from delegation.periods import start_of_week
from tokenization.clock import local_date, start_of_day

VALID_UNTIL: Final = "valid_until"
CAME_OF_AGE: Final = "came_of_age"
INVITATION_LAPSED: Final = "invitation_lapsed"
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(weeks=1)
_FOREVER: Final = date(9999, 1, 1)  # a last day as far off as that is none, and the calendar ends soon after


@dataclass(frozen=True, slots=True)
class Expired:
    """It ended by itself, and why: the first of the reasons that came."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class CameOfAge:
    """Its delegate turned 18, and it goes on."""

    at: datetime


@dataclass(frozen=True, slots=True)
class WeekEnded:
    """The week of that Monday is over: its payments may be summed up."""

    at: datetime
    monday: date


Happening = Expired | CameOfAge | WeekEnded


def expiry(right: DrawingRight) -> Expired | None:
    """When the right ends by itself as it is now, or ended; None where time alone does not end it."""
    return min(_ends(right), key=attrgetter("at", "why"), default=None)


def has_expired(right: DrawingRight, now: datetime) -> bool:
    """Whether it has ended by itself. One that was revoked may have, too."""
    return any(end.at <= now for end in _ends(right))


def lasts_longer(right: DrawingRight, birthdate: date | None) -> bool:
    """Whether with that birthdate it ends later by age, or never. Payments are then permitted that were not before."""
    before, after = of_age_at(right, right.delegate_birthdate), of_age_at(right, birthdate)
    return right.ends_when_of_age and before is not None and (after is None or after > before)


def between(right: DrawingRight, after: datetime, until: datetime) -> list[Happening]:
    """What came after the one moment and not after the other, in order. Of several weeks only the last."""
    found = [each for each in _coming(right, start_of_week(local_date(until))) if after < each.at <= until]
    return sorted(found, key=attrgetter("at"))


def due_after(right: DrawingRight, after: datetime) -> datetime | None:
    """When something comes next; None where nothing ever will."""
    coming = _coming(right, start_of_week(local_date(after)) + _WEEK)
    return min((each.at for each in coming if each.at > after), default=None)


def of_age_at(right: DrawingRight, birthdate: date | None) -> datetime | None:
    """When somebody of that birthdate comes of age under the right; None for who was of age when it was granted."""
    if birthdate is None or not is_child(birthdate, local_date(right.created_at)):
        return None
    return start_of_day(comes_of_age_on(birthdate))


def _ends(right: DrawingRight) -> Iterator[Expired]:
    if right.valid_until is not None and right.valid_until < _FOREVER:
        yield Expired(start_of_day(right.valid_until + _DAY), VALID_UNTIL)
    if right.ends_when_of_age and (at := of_age_at(right, right.delegate_birthdate)):
        yield Expired(at, CAME_OF_AGE)
    if is_invitation(right):
        yield Expired(right.invitation_lapses_at, INVITATION_LAPSED)


def is_invitation(right: DrawingRight) -> bool:
    """Whether no phone was let in yet."""
    return right.state == "invited" or (right.state == "paused" and right.state_before_pause == "invited")


def _coming(right: DrawingRight, monday: date) -> Iterator[Happening]:
    """All that ever comes; of the weeks the one that ends on that Monday, or the right's last if that ended before."""
    expired, came_of_age_at = expiry(right), of_age_at(right, right.delegate_birthdate)
    over_at = min((at for at in (right.revoked_at, expired and expired.at) if at), default=None)
    if right.weekly_summary and not is_invitation(right):
        monday = monday if over_at is None else min(monday, _monday_after(over_at))
        yield WeekEnded(start_of_day(monday), monday - _WEEK)
    if right.revoked_at is None:
        if came_of_age_at and (over_at is None or came_of_age_at < over_at):
            yield CameOfAge(came_of_age_at)
        if expired:
            yield expired


def _monday_after(over_at: datetime) -> date:
    """The Monday on which the week ends in which the right did: nothing is paid after that."""
    return start_of_week(local_date(over_at - datetime.resolution)) + _WEEK
