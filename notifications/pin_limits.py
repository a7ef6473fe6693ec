"""The amount above which a contactless payment needs the PIN (R-2.5b): of which changes of it cardholders are told.

They are, where it differs by half or more from what it was when the year began in which the change takes effect, or
from what they were last told of that year. And where what they were told of is not to be (docs/adr/036).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from notifications.outbox import Waiting
from tokenization import policies
from tokenization.clock import local_date, start_of_day
from tokenization.models import Policy

POLICY: Final = "contactless"


class Version(NamedTuple):
    """One of the policy: from when on it holds, and the amount above which the PIN is needed, in minor units."""

    number: int
    effective_at: datetime
    pin_above: int


@dataclass(frozen=True, slots=True)
class News:
    """What a version tells: the amount, the one that it was held against, the day from which it holds, and whether it
    takes the place of what was told before.
    """

    pin_above: int
    before: int
    since: date
    not_as_told: bool = False


def load(session: Session, event: Waiting, now: datetime) -> News | None:
    """What a version that was set has to tell now. No other is set before this transaction ends: so nobody is told of
    an amount after what took its place was told.
    """
    policies.hold(session, POLICY)
    columns = (Policy.version, Policy.effective_at, Policy.figures["pin_above"].as_integer())
    versions = [Version(*row) for row in session.execute(select(*columns).where(Policy.name == POLICY))]
    return to_tell(sorted(versions), event.payload["version"], now)


def to_tell(versions: Sequence[Version], number: int, now: datetime) -> News | None:
    """What the version of that number has to tell at that moment; nothing once a later one told what holds instead."""
    told = news(versions)
    until = max(now, next(each.effective_at for each in versions if each.number == number))
    is_overtaken = any(each.number in told and number < each.number and each.effective_at <= until for each in versions)
    return None if is_overtaken else told.get(number)


def news(versions: Sequence[Version]) -> dict[int, News]:
    """By number, what those of the versions tell that tell anything; each knows of none that was set after it."""
    told: dict[int, News] = {}
    in_turn: list[Version] = []
    for version in versions:
        stay = [each for each in in_turn if each.effective_at < version.effective_at or each[1:] == version[1:]]
        takes_back = any(each.number in told for each in in_turn if each not in stay)
        known = _known(stay, told, version)
        if takes_back or _differ_by_half(known, version.pin_above):
            since = local_date(version.effective_at)
            told[version.number] = News(version.pin_above, known, since, not_as_told=takes_back)
        in_turn = [*stay, version]
    return told


def _known(before: Sequence[Version], told: Collection[int], version: Version) -> int:
    """The amount that a version is held against; of the first one, its own."""
    year_begins = start_of_day(local_date(version.effective_at).replace(month=1, day=1))
    first = before[0] if before else version
    known = [each for each in before if each.effective_at < year_begins or each.number in told]
    return (known[-1] if known else first).pin_above


def _differ_by_half(known: int, new: int) -> bool:
    return new != known and abs(new - known) * 2 >= known
