"""A delegate asks for more, the grantor answers. A one-off is spent by one payment, and lapses after a day."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from delegation import drawing_rights, events, limits
from delegation.drawing_rights import ExceedsCeiling
from delegation.errors import RequestNotFound, TooManyRequests
from delegation.limits import Usage, used
from delegation.models import DrawingRequest, DrawingRight
from delegation.terms import LIMITS, MOST_AMOUNT, Ceiling, Limits, RightTerms
from tokenization import ids
from tokenization.errors import IllegalMove, Invalid

KINDS: Final = ("one_off", "raise")
# 3-api.md: an approved one-off lapses after this long.
ONE_OFF: Final = timedelta(hours=24)


def status(request: DrawingRequest, now: datetime) -> str:
    """open, approved, declined, spent or lapsed; that it lapsed is derived."""
    if request.state == "approved" and request.lapses_at is not None and now >= request.lapses_at:
        return "lapsed"
    return request.state


def card_of(session: Session, request_id: UUID) -> UUID | None:
    """Whose card a request is about, so that the card can be locked first; None if there is no such request."""
    return session.scalar(select(DrawingRequest.card_id).where(DrawingRequest.request_id == request_id))


def load(session: Session, card_id: UUID, request_id: UUID) -> DrawingRequest:
    """The request as it stands now. Raises RequestNotFound."""
    request = session.get(DrawingRequest, (card_id, request_id), populate_existing=True)
    if request is None:
        raise RequestNotFound
    return request


def load_for_right(session: Session, card_id: UUID, right_id: UUID) -> list[DrawingRequest]:
    """Every request under a right, newest first."""
    of_right = (DrawingRequest.card_id == card_id) & (DrawingRequest.right_id == right_id)
    return list(session.scalars(select(DrawingRequest).where(of_right).order_by(DrawingRequest.request_id.desc())))


def ask(
    session: Session,
    right: DrawingRight,
    *,
    kind: str,
    amount: int,
    limit: str,
    most_open: int,
    payment_id: UUID | None = None,
    message: str | None = None,
    now: datetime,
) -> DrawingRequest:
    """Ask for more. `amount`: a one-off's payment, or what the limit should become.

    Raises Invalid, IllegalMove unless the right is active, TooManyRequests.
    """
    drawing_rights.require(right, "asked to give more", now)
    _check(right, kind, amount, limit)
    if _count_open(session, right) >= most_open:
        raise TooManyRequests
    request = DrawingRequest(
        card_id=right.card_id,
        request_id=ids.new_id(),
        right_id=right.right_id,
        kind=kind,
        amount=amount,
        limit=limit,
        payment_id=payment_id,
        message=message,
        state="open",
        created_at=now,
    )
    session.add(request)
    session.flush()
    _announce(session, events.DrawingRequestAsked, right, request, now, payment_id=payment_id, message=message)
    return request


def approve(
    session: Session, right: DrawingRight, request: DrawingRequest, ceiling: Ceiling, now: datetime
) -> DrawingRequest | ExceedsCeiling:
    """The grantor's yes. A raise changes the limit at once. Raises IllegalMove; the ceiling still holds (R-2.10b)."""
    _require_open(request)
    drawing_rights.require(right, "changed", now)
    if request.kind == "raise":
        wanted = drawing_rights.terms_of(right)
        wanted = replace(wanted, limits=replace(wanted.limits, **{request.limit: request.amount}))
        outcome = drawing_rights.change(session, right, ceiling, right_terms=wanted, now=now)
        if isinstance(outcome, ExceedsCeiling):
            return outcome
    elif above := limits.exceeding(Limits(per_payment=request.amount), ceiling):
        return ExceedsCeiling(tuple(above))
    else:
        request.lapses_at = now + ONE_OFF
    request.state, request.decided_at = "approved", now
    _announce(session, events.DrawingRequestApproved, right, request, now)
    return request


def decline(session: Session, right: DrawingRight, request: DrawingRequest, now: datetime) -> DrawingRequest:
    """The grantor's no. Raises IllegalMove."""
    _require_open(request)
    request.state, request.decided_at = "declined", now
    _announce(session, events.DrawingRequestDeclined, right, request, now)
    return request


def one_offs(session: Session, card_id: UUID, right_id: UUID, now: datetime) -> list[DrawingRequest]:
    """The approved one-offs that one payment each may still spend, oldest first."""
    of_right = (DrawingRequest.card_id == card_id) & (DrawingRequest.right_id == right_id)
    usable = (DrawingRequest.state == "approved") & (DrawingRequest.lapses_at > now)
    return list(session.scalars(select(DrawingRequest).where(of_right, usable).order_by(DrawingRequest.request_id)))


def lifted(right_terms: RightTerms, request: DrawingRequest, usage: Usage) -> RightTerms:
    """The terms that a payment of at most `request.amount` is held against: room for it in the limit asked for."""
    present = getattr(right_terms.limits, request.limit)
    if present is None:
        return right_terms
    room = used(usage, request.limit) + (1 if request.limit == "payments_per_day" else request.amount)
    return replace(right_terms, limits=replace(right_terms.limits, **{request.limit: max(present, room)}))


def spend(request: DrawingRequest, payment_id: UUID, now: datetime) -> None:
    """That payment used the one-off up. Raises IllegalMove where it is not there to be spent."""
    if request.kind != "one_off" or status(request, now) != "approved":
        raise IllegalMove(f"a request that is {status(request, now)} cannot be spent")
    request.state, request.spent_by = "spent", payment_id


def _check(right: DrawingRight, kind: str, amount: int, limit: str) -> None:
    if kind not in KINDS:
        raise Invalid("kind", f"must be one of {', '.join(KINDS)}")
    if limit not in LIMITS:
        raise Invalid("limit", f"must be one of {', '.join(LIMITS)}")
    if not 0 < amount <= MOST_AMOUNT:
        raise Invalid("amount", f"must be from 1 to {MOST_AMOUNT}")
    present = getattr(right, limit)
    if kind == "raise" and (present is None or amount <= present):
        raise Invalid("amount", "must be more than the limit that was set")


def _count_open(session: Session, right: DrawingRight) -> int:
    of_right = (DrawingRequest.card_id == right.card_id) & (DrawingRequest.right_id == right.right_id)
    return session.scalar(select(func.count()).where(of_right, DrawingRequest.state == "open")) or 0


def _require_open(request: DrawingRequest) -> None:
    if request.state != "open":
        raise IllegalMove(f"a request that is {request.state} cannot be decided")


def _announce(
    session: Session,
    kind: type[events.DrawingRequestEvent],
    right: DrawingRight,
    request: DrawingRequest,
    now: datetime,
    **more: object,
) -> None:
    asked = {"request_id": request.request_id, "kind": request.kind, "amount": request.amount, "limit": request.limit}
    drawing_rights.announce(session, kind, right, now, **asked, **more)
