"""The life of a drawing right: granted, changed, paused, resumed, revoked (R-2.10). That it expired is derived, by
agenda.py, and told by rounds.py.

Whoever changes one holds the card's lock. The grantor is the card's holder.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation import agenda, events, limits, parties, terms
from delegation.errors import RightNotFound
from delegation.limits import Exceeding
from delegation.models import DrawingRight
from delegation.parties import UNLESS_SAID, WATCHING, Delegate, Watching
from delegation.terms import LIMITS, LISTS, PLAIN, Ceiling, Limits, RightTerms
from tokenization import cards, ids
from tokenization.clock import local_date
from tokenization.errors import CardBlocked, CardClosed, CardExpired, IllegalMove
from tokenization.events import emit
from tokenization.models import Card
from tokenization.policies import DrawingRightsPolicy
from tokenization.token_operations import CARDHOLDER

OVER: Final = frozenset({"revoked", "expired"})
_UNUSABLE: Final = {"blocked": CardBlocked, "closed": CardClosed, "expired": CardExpired}

# From which statuses a move is legal, and the state that it leads to; None where that isn't a fixed one.
MOVES: Final[dict[str, tuple[frozenset[str], str | None]]] = {
    "changed": (frozenset({"invited", "active", "paused", "expired"}), None),
    "paired": (frozenset({"invited", "active"}), "active"),
    "paused": (frozenset({"invited", "active"}), "paused"),
    "resumed": (frozenset({"paused"}), None),
    "revoked": (frozenset({"invited", "active", "paused", "expired"}), "revoked"),
    "asked to give more": (frozenset({"active"}), None),
    "given more": (frozenset({"active", "paused"}), None),
}


@dataclass(frozen=True, slots=True)
class ExceedsCeiling:
    """Refused: these limits are above the scheme's ceiling (R-2.10b)."""

    limits: tuple[Exceeding, ...]


def delegate_of(right: DrawingRight) -> Delegate:
    """Who may draw, as a value."""
    return Delegate(right.delegate_name, right.delegate_birthdate)


def terms_of(right: DrawingRight) -> RightTerms:
    """What the row permits, as a value."""
    lists: dict[str, Any] = {name: None if (names := getattr(right, name)) is None else tuple(names) for name in LISTS}
    return RightTerms(
        limits=Limits.of(right),
        **lists,
        hours=terms.Hours.of(right.hours) if right.hours else None,
        **{name: getattr(right, name) for name in PLAIN},
    )


def watching_of(right: DrawingRight) -> Watching:
    """What its grantor wants to hear, as a value."""
    return Watching(**{name: getattr(right, name) for name in WATCHING})


def status(right: DrawingRight, now: datetime) -> str:
    """invited, active, paused, revoked or expired, which is derived from the row and the time alone."""
    if right.state != "revoked" and agenda.has_expired(right, now):
        return "expired"
    return right.state


def because(right: DrawingRight, now: datetime) -> frozenset[str]:
    """Why tokens under this right cannot pay, in the words of a token's status; empty when they can."""
    causes = {right.state} & {"revoked", "paused"}
    if agenda.has_expired(right, now):
        causes.add("expired")
    return frozenset(f"drawing_right_{cause}" for cause in causes)


def of_token(session: Session, card_id: UUID, right_id: UUID | None, now: datetime) -> frozenset[str]:
    """`because` of the right that a token is under; empty for a token of the card's holder."""
    return because(load(session, card_id, right_id), now) if right_id else frozenset()


def card_of(session: Session, right_id: UUID) -> UUID | None:
    """Whose card a right draws on, so that the card can be locked first; None if there is no such right."""
    return session.scalar(select(DrawingRight.card_id).where(DrawingRight.right_id == right_id))


def load(session: Session, card_id: UUID, right_id: UUID) -> DrawingRight:
    """The right as it stands now. Raises RightNotFound."""
    right = session.get(DrawingRight, (card_id, right_id), populate_existing=True)
    if right is None:
        raise RightNotFound
    return right


def load_for_card(session: Session, card_id: UUID) -> list[DrawingRight]:
    """Every right that was ever granted on the card, newest first."""
    statement = select(DrawingRight).where(DrawingRight.card_id == card_id).order_by(DrawingRight.right_id.desc())
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def by_life(session: Session, card_id: UUID, now: datetime) -> tuple[list[UUID], list[UUID]]:
    """The rights on the card that live, and those that are revoked or expired."""
    rights = load_for_card(session, card_id)
    living = [right.right_id for right in rights if is_live(right, now)]
    return living, [right.right_id for right in rights if not is_live(right, now)]


def is_live(right: DrawingRight, now: datetime) -> bool:
    """Whether it is neither revoked nor expired."""
    return status(right, now) not in OVER


def grant(
    session: Session,
    card: Card,
    delegate: Delegate,
    right_terms: RightTerms,
    ceiling: Ceiling,
    *,
    watching: Watching = UNLESS_SAID,
    policy: DrawingRightsPolicy,
    now: datetime,
) -> DrawingRight | ExceedsCeiling:
    """Let a delegate draw on the card, within terms (R-2.10a). Raises Invalid, CardBlocked, CardClosed, CardExpired."""
    _check_card(session, card, now)
    parties.check(delegate, watching, now)
    terms.check(right_terms, local_date(now))
    if above := limits.exceeding(right_terms.limits, ceiling):
        return ExceedsCeiling(tuple(above))
    right = DrawingRight(
        card_id=card.card_id,
        right_id=ids.new_id(),
        delegate_name=delegate.name,
        delegate_birthdate=delegate.birthdate,
        state="invited",
        revision=1,
        created_at=now,
        invitation_lapses_at=now + timedelta(days=policy.invitation_days),
        ends_when_of_age=policy.at_majority == "expire",
        looked_at=now,
    )
    _set_terms(right, right_terms)
    _set_watching(right, watching)
    _set_due(right, now)
    session.add(right)
    session.flush()
    announce(session, events.DrawingRightGranted, right, now, terms=terms.as_json(right_terms))
    return right


def change(
    session: Session,
    right: DrawingRight,
    ceiling: Ceiling,
    *,
    right_terms: RightTerms | None = None,
    delegate: Delegate | None = None,
    watching: Watching | None = None,
    now: datetime,
) -> DrawingRight | ExceedsCeiling:
    """Change what is given; the next payment obeys it. Only a limit that changes is held against the ceiling.

    Raises Invalid, IllegalMove. Whether the change wants a step-up is told, before, by `limits.loosens` and
    `agenda.lasts_longer`.
    """
    require(right, "changed", now)
    old, new = terms_of(right), right_terms or terms_of(right)
    delegate = delegate or delegate_of(right)
    watching = watching or watching_of(right)
    parties.check(delegate, watching, now)
    terms.check(new, local_date(now), before=old)
    above = [each for each in limits.exceeding(new.limits, ceiling) if each.asked != getattr(old.limits, each.limit)]
    if above:
        return ExceedsCeiling(tuple(above))
    fields = [*_changed_delegate(right, delegate), *terms.changed(old, new), *_changed_watching(right, watching)]
    if fields:
        lived = is_live(right, now)
        _set_terms(right, new)
        right.delegate_name, right.delegate_birthdate = delegate.name, delegate.birthdate
        _set_watching(right, watching)
        _set_due(right, now)
        right.revision += 1
        announce(session, events.DrawingRightChanged, right, now, fields=fields, terms=terms.as_json(new))
        if lived and (end := agenda.expiry(right)) and end.at <= right.looked_at:  # by a birthdate of long ago
            expire(session, right, end.why, now)
    return right


def pause(session: Session, right: DrawingRight, now: datetime, *, by: str = CARDHOLDER) -> None:
    """Nothing can be paid under it until it is resumed, `by` whomever it was paused. Raises IllegalMove."""
    require(right, "paused", now)
    right.state_before_pause = right.state
    move(right, "paused", now)
    announce(session, events.DrawingRightPaused, right, now, by=by)


def resume(session: Session, right: DrawingRight, now: datetime) -> None:
    """Give back exactly what the pause took. Raises IllegalMove."""
    move(right, "resumed", now, to=right.state_before_pause)
    right.state_before_pause = None
    announce(session, events.DrawingRightResumed, right, now)


def revoke(session: Session, right: DrawingRight, now: datetime, *, by: str = CARDHOLDER) -> None:
    """End it for good. Raises IllegalMove where it is revoked already."""
    require(right, "revoked", now)
    right.revoked_at = now
    move(right, "revoked", now)
    announce(session, events.DrawingRightRevoked, right, now, by=by)


def expire(session: Session, right: DrawingRight, why: str, at: datetime) -> None:
    """Tell that it ended by itself. Its status says so since that moment: nothing of it changes but the revision."""
    right.revision += 1
    announce(session, events.DrawingRightExpired, right, at, why=why)


def may_be(right: DrawingRight, name: str, now: datetime) -> bool:
    """Whether the right's status allows that move."""
    return status(right, now) in MOVES[name][0]


def require(right: DrawingRight, name: str, now: datetime) -> None:
    """Raise IllegalMove unless the right's status allows that move."""
    if not may_be(right, name, now):
        raise IllegalMove(f"a drawing right that is {status(right, now)} cannot be {name}")


def move(right: DrawingRight, name: str, now: datetime, to: str | None = None) -> None:
    """Make a move of the table. Raises IllegalMove."""
    require(right, name, now)
    right.state = to or MOVES[name][1] or right.state
    _set_due(right, now)
    right.revision += 1


def announce(
    session: Session,
    kind: Callable[..., events.DrawingRightEvent],
    right: DrawingRight,
    now: datetime,
    /,
    **more: object,
) -> None:
    """Emit an event about the right. Raises LockNotHeld where the card isn't locked."""
    event = kind(
        at=now,
        card_id=right.card_id,
        holder_id=cards.locked(session, right.card_id).holder_id,
        right_id=right.right_id,
        delegate_name=right.delegate_name,
        **more,
    )
    emit(session, event)


def _set_terms(right: DrawingRight, new: RightTerms) -> None:
    columns = {**asdict(new.limits), **terms.as_json(new)}
    for name in (*LIMITS, *LISTS, "hours", *PLAIN):
        setattr(right, name, columns[name])


def _set_due(right: DrawingRight, now: datetime) -> None:
    """When the rounds are to look at it next. What is due now has not been told yet, and stays due; what was told by a
    clock that is ahead of ours is not told again.
    """
    if right.due_at is None or right.due_at > now:
        right.looked_at = max(right.looked_at, now)
    right.due_at = agenda.due_after(right, right.looked_at)


def _set_watching(right: DrawingRight, new: Watching) -> None:
    for name in WATCHING:
        setattr(right, name, getattr(new, name))


def _changed_watching(right: DrawingRight, new: Watching) -> Iterable[str]:
    return (name for name in WATCHING if getattr(right, name) != getattr(new, name))


def _changed_delegate(right: DrawingRight, delegate: Delegate) -> Iterable[str]:
    if delegate.name != right.delegate_name:
        yield "delegate.name"
    if delegate.birthdate != right.delegate_birthdate:
        yield "delegate.birthdate"


def _check_card(session: Session, card: Card, now: datetime) -> None:
    status_of_card = cards.status(card, cards.current_plastic(session, card), now)
    if status_of_card != "active":
        raise _UNUSABLE[status_of_card]
