"""The life of a drawing right: granted, changed, paused, resumed, revoked (R-2.10). That it expired is derived.

Whoever changes one holds the card's lock. The grantor is the card's holder.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from delegation import events, limits, terms
from delegation.errors import RightNotFound
from delegation.limits import Exceeding
from delegation.models import DrawingRight
from delegation.terms import LIMITS, LISTS, MOST_AMOUNT, PLAIN, Ceiling, Limits, RightTerms
from tokenization import cards, ids
from tokenization.clock import local_date
from tokenization.errors import CardBlocked, CardClosed, IllegalMove, Invalid
from tokenization.events import emit
from tokenization.models import Card
from tokenization.policies import DrawingRightsPolicy

NOTIFY: Final = ("all", "declined", "none")

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
class Delegate:
    """Who may draw on the card. The name is kept exactly as it was written."""

    name: str
    birthdate: date | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """What the grantor wants to hear of payments: all, declined or none; of approved ones only what is above
    `notify_above`, in minor units; a summary of each week.
    """

    notify_grantor: str = "all"
    notify_above: int | None = None
    weekly_summary: bool = True


WATCHING: Final = ("notify_grantor", "notify_above", "weekly_summary")


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
        limits=Limits(**{name: getattr(right, name) for name in LIMITS}),
        **lists,
        hours=terms.Hours.of(right.hours) if right.hours else None,
        **{name: getattr(right, name) for name in PLAIN},
    )


def watching_of(right: DrawingRight) -> Watching:
    """What its grantor wants to hear, as a value."""
    return Watching(**{name: getattr(right, name) for name in WATCHING})


def status(right: DrawingRight, now: datetime) -> str:
    """invited, active, paused, revoked or expired; an invitation that lapsed has expired too."""
    if right.state != "revoked" and _is_over(right, now):
        return "expired"
    return right.state


def because(right: DrawingRight, now: datetime) -> frozenset[str]:
    """Why tokens under this right cannot pay, in the words of a token's status; empty when they can."""
    causes = {right.state} & {"revoked", "paused"}
    if _is_over(right, now):
        causes.add("expired")
    return frozenset(f"drawing_right_{cause}" for cause in causes)


def of_token(session: Session, card_id: UUID, right_id: UUID | None, now: datetime) -> frozenset[str]:
    """`because` of the right that a token is under; empty for a token of the card's holder."""
    return because(load(session, card_id, right_id), now) if right_id else frozenset()


def _is_over(right: DrawingRight, now: datetime) -> bool:
    return right.valid_until is not None and right.valid_until < local_date(now)


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


def count_live(session: Session, card_id: UUID, now: datetime) -> int:
    """How many rights on the card are neither revoked nor expired."""
    statement = select(func.count()).where(DrawingRight.card_id == card_id, _is_live(now))
    return session.scalar(statement) or 0


def ended(session: Session, card_id: UUID, now: datetime) -> Sequence[UUID]:
    """Which of them are revoked or expired."""
    statement = select(DrawingRight.right_id).where(DrawingRight.card_id == card_id, not_(_is_live(now)))
    return session.scalars(statement).all()


def _is_live(now: datetime) -> ColumnElement[bool]:
    not_over = or_(DrawingRight.valid_until.is_(None), DrawingRight.valid_until >= local_date(now))
    return and_(DrawingRight.state != "revoked", not_over)


def grant(
    session: Session,
    card: Card,
    delegate: Delegate,
    right_terms: RightTerms,
    ceiling: Ceiling,
    *,
    watching: Watching = Watching(),  # frozen
    policy: DrawingRightsPolicy,
    now: datetime,
) -> DrawingRight | ExceedsCeiling:
    """Let a delegate draw on the card, within terms (R-2.10a). Raises Invalid, CardBlocked, CardClosed."""
    _check_card(card)
    _check_delegate(delegate, now)
    _check_watching(watching)
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
    session.add(right)
    session.flush()
    announce(session, events.DrawingRightGranted, right, now)
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

    Raises Invalid, IllegalMove. Whether the change wants a step-up is told by `limits.loosens`, before.
    """
    require(right, "changed", now)
    old, new = terms_of(right), right_terms or terms_of(right)
    delegate = delegate or delegate_of(right)
    watching = watching or watching_of(right)
    _check_delegate(delegate, now)
    _check_watching(watching)
    terms.check(new, local_date(now), before=old)
    above = [each for each in limits.exceeding(new.limits, ceiling) if each.asked != getattr(old.limits, each.limit)]
    if above:
        return ExceedsCeiling(tuple(above))
    fields = [*_changed_delegate(right, delegate), *terms.changed(old, new), *_changed_watching(right, watching)]
    if fields:
        _set_terms(right, new)
        right.delegate_name, right.delegate_birthdate = delegate.name, delegate.birthdate
        _set_watching(right, watching)
        right.revision += 1
        announce(session, events.DrawingRightChanged, right, now, fields=fields)
    return right


def pause(session: Session, right: DrawingRight, now: datetime) -> None:
    """Nothing can be paid under it until it is resumed. Raises IllegalMove."""
    before = right.state
    move(right, "paused", now)
    right.state_before_pause = before
    announce(session, events.DrawingRightPaused, right, now)


def resume(session: Session, right: DrawingRight, now: datetime) -> None:
    """Give back exactly what the pause took. Raises IllegalMove."""
    move(right, "resumed", now, to=right.state_before_pause)
    right.state_before_pause = None
    announce(session, events.DrawingRightResumed, right, now)


def revoke(session: Session, right: DrawingRight, now: datetime) -> None:
    """End it for good. Raises IllegalMove where it is revoked already."""
    move(right, "revoked", now)
    right.revoked_at = now
    announce(session, events.DrawingRightRevoked, right, now)


def require(right: DrawingRight, name: str, now: datetime) -> None:
    """Raise IllegalMove unless the right's status allows that move."""
    if (present := status(right, now)) not in MOVES[name][0]:
        raise IllegalMove(f"a drawing right that is {present} cannot be {name}")


def move(right: DrawingRight, name: str, now: datetime, to: str | None = None) -> None:
    """Make a move of the table. Raises IllegalMove."""
    require(right, name, now)
    right.state = to or MOVES[name][1] or right.state
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


def _check_card(card: Card) -> None:
    if card.state == "blocked":
        raise CardBlocked
    if card.state == "closed":
        raise CardClosed


def _check_delegate(delegate: Delegate, now: datetime) -> None:
    if not delegate.name.strip():
        raise Invalid("delegate.name", "must not be empty")
    if delegate.birthdate is not None and delegate.birthdate > local_date(now):
        raise Invalid("delegate.birthdate", "must not be in the future")


def _check_watching(watching: Watching) -> None:
    if watching.notify_grantor not in NOTIFY:
        raise Invalid("notify_grantor", f"must be one of {', '.join(NOTIFY)}")
    if watching.notify_above is not None and not 0 <= watching.notify_above <= MOST_AMOUNT:
        raise Invalid("notify_above", f"must be from 0 to {MOST_AMOUNT}, or null for every payment")
