"""Ceilings that are lowered (R-2.10b): which figures a new version of the policy leaves lower than they were, from when
on, and which drawing rights reach above them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from delegation.models import DrawingRight
from delegation.terms import LIMITS
from notifications.outbox import Waiting
from tokenization import policies
from tokenization.clock import local_date
from tokenization.models import Policy

POLICY: Final = "ceilings"
Figures = Mapping[str, int]


class Version(NamedTuple):
    """One of the policy, and from when on it holds."""

    number: int
    effective_at: datetime
    figures: Figures


@dataclass(frozen=True, slots=True)
class Lowered:
    """The new figure of each limit that an event has to tell of, and the day from which they hold."""

    figures: Figures
    since: date


def lowered(session: Session, event: Waiting, now: datetime) -> Lowered:
    """What a version that was set has to tell now. No other is set before this transaction ends: so nobody is told of
    a ceiling after it was raised again.
    """
    policies.hold(session, POLICY)
    number, effective_at = event.payload["version"], datetime.fromisoformat(event.payload["effective_at"])
    columns = (Policy.version, Policy.effective_at, Policy.figures)
    by_then = select(*columns).where(Policy.name == POLICY, Policy.effective_at <= max(now, effective_at))
    history = in_turn([Version(*row) for row in session.execute(by_then.order_by(Policy.version))], number)
    return Lowered(still_lower([each.figures for each in history]), local_date(history[-1].effective_at))


def in_turn(versions: Sequence[Version], number: int) -> list[Version]:
    """Of the versions, by number: what the one of that number took the place of, itself, and what took its.

    A newer one for an earlier moment takes the place of all that were to come after it: they never hold. Where the one
    of that number never does, only the newest is answered.
    """
    newest, *older = reversed(versions)
    held = [newest]
    for each in older:
        if each.effective_at <= held[-1].effective_at:
            held.append(each)
    numbers = [each.number for each in held]
    return held[numbers.index(number) + 1 :: -1] if number in numbers else [newest]


def still_lower(history: Sequence[Figures]) -> dict[str, int]:
    """By limit, what is left of a lowering: the figures before it, its own, and those of all versions since. Nothing is
    of one that stands alone.

    What was raised again is not told, and what was lowered once more is told by the version that did that.
    """
    newest = history[-1]

    def falls(limit: str, nth: int) -> bool:
        return max(history[nth + 1][limit], newest[limit]) < history[nth][limit]

    later = range(1, len(history) - 1)
    return {
        limit: newest[limit]
        for limit in LIMITS
        if len(history) > 1 and limit in newest and falls(limit, 0) and not any(falls(limit, nth) for nth in later)
    }


def reached_above(what: Lowered) -> ColumnElement[bool]:
    """Rights that a lowered figure is tighter for than their own limits, or that have none."""
    limits = ((getattr(DrawingRight, limit), figure) for limit, figure in what.figures.items())
    above = [or_(own.is_(None), own > figure) for own, figure in limits]
    return and_(DrawingRight.state != "revoked", or_(*above))


def felt_by(right: DrawingRight, what: Lowered) -> dict[str, int]:
    """Which of the lowered figures change what a right permits."""
    own = {limit: getattr(right, limit) for limit in what.figures}
    return {limit: figure for limit, figure in what.figures.items() if own[limit] is None or own[limit] > figure}
