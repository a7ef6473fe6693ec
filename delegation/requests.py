"""A delegate asks for more, the grantor answers (R-2.10a): one payment, by a one-off, or a higher limit for good.

Whoever asks or answers holds the card's lock. What nobody answers, and a one-off that nobody spends, lapse: derived.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from delegation import drawing_rights, events, limits
from delegation.drawing_rights import ExceedsCeiling
from delegation.errors import AlreadyAsked, RequestNotFound, TooManyOpenRequests
from delegation.judging import OneOff, Place
from delegation.models import DrawingRequest, DrawingRight, Pairing
from delegation.terms import LIMITS, PAYMENTS_MOST, Ceiling, Limits
from tokenization import ids
from tokenization.errors import IllegalMove, Invalid
from tokenization.money import MAX_AMOUNT_MINOR
from tokenization.pipeline import Answer, Pipeline, looking_up
from tokenization.policies import DrawingRightsPolicy

ONE_OFF: Final = "one_off"
RAISE: Final = "raise"
KINDS: Final = (ONE_OFF, RAISE)
_LAPSE: Final = frozenset({"open", "approved"})
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A payment of at most `amount` once, or a `limit` of `amount` for good: minor units, or payments where it counts
    them. `payment_id` is the declined payment it is about, `merchant` where: `id`, `name`, `country`, `categories`,
    the `client_id` of its acquirer, and `stopped_by`, the name of the limit.
    """

    kind: str
    amount: int
    limit: str
    payment_id: UUID | None = None
    merchant: dict[str, Any] | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class AskedTooOften:
    """Refused: so much was asked in the last 24 hours that there are so many seconds to wait."""

    wait_seconds: int


def status(request: DrawingRequest, now: datetime) -> str:
    """open, approved, declined, spent or lapsed; that it lapsed is derived."""
    is_over = request.lapses_at is not None and request.lapses_at <= now
    return "lapsed" if is_over and request.state in _LAPSE else request.state


def has_status(wanted: str, now: datetime) -> ColumnElement[bool]:
    """The same as a condition."""
    is_over = func.coalesce(DrawingRequest.lapses_at <= now, False)
    if wanted == "lapsed":
        return DrawingRequest.state.in_(_LAPSE) & is_over
    return (DrawingRequest.state == wanted) & (~is_over if wanted in _LAPSE else true())


def card_of(session: Session, request_id: UUID) -> UUID | None:
    """Whose card a request is about, so that the card can be locked first; None if there is no such request."""
    return session.scalar(select(DrawingRequest.card_id).where(DrawingRequest.request_id == request_id))


def load(session: Session, card_id: UUID, request_id: UUID) -> DrawingRequest:
    """The request as it stands now. Raises RequestNotFound."""
    request = session.get(DrawingRequest, (card_id, request_id), populate_existing=True)
    if request is None:
        raise RequestNotFound
    return request


def ask(
    session: Session,
    right: DrawingRight,
    wanted: Wanted,
    *,
    phone: Pairing,
    policy: DrawingRightsPolicy,
    now: datetime,
) -> DrawingRequest | AskedTooOften:
    """Ask for more, from a phone. Raises IllegalMove unless the right is active, Invalid, AlreadyAsked,
    TooManyOpenRequests.
    """
    drawing_rights.require(right, "asked to give more", now)
    _check(right, wanted)
    _check_not_asked(session, right, wanted, now)
    _check_open(session, right, policy.open_requests, now)
    if refused := _too_often(session, phone, policy.requests_per_day, now):
        return refused
    request = DrawingRequest(
        card_id=right.card_id,
        request_id=ids.new_id(),
        right_id=right.right_id,
        pairing_id=phone.pairing_id,
        **asdict(wanted),
        state="open",
        created_at=now,
        lapses_at=now + timedelta(days=policy.request_days),
    )
    session.add(request)
    session.flush()
    said = {"payment_id": wanted.payment_id, "message": wanted.message}
    _announce(session, events.DrawingRequestAsked, right, request, now, **said)
    return request


def approve(
    session: Session,
    right: DrawingRight,
    request: DrawingRequest,
    ceiling: Ceiling,
    *,
    policy: DrawingRightsPolicy,
    now: datetime,
) -> DrawingRequest | ExceedsCeiling:
    """The grantor's yes: a raise changes the limit at once, a one-off waits for its payment. Raises IllegalMove.

    Above the ceiling (R-2.10b) nothing is decided: the request stays open.
    """
    _require_open(request, now)
    drawing_rights.require(right, "given more", now)
    if request.kind == RAISE:
        refused = _raise(session, right, request, ceiling, now)
    else:
        above = limits.exceeding(Limits(per_payment=request.amount), ceiling)
        refused = ExceedsCeiling(tuple(above)) if above else None
    if refused is not None:
        return refused
    request.lapses_at = now + timedelta(hours=policy.one_off_hours) if request.kind == ONE_OFF else None
    request.state, request.decided_at = "approved", now
    _announce(session, events.DrawingRequestApproved, right, request, now, lapses_at=request.lapses_at)
    return request


def _raise(
    session: Session, right: DrawingRight, request: DrawingRequest, ceiling: Ceiling, now: datetime
) -> ExceedsCeiling | None:
    """Set the limit, unless it was raised as far, or taken away, since: a yes takes nothing."""
    present = getattr(right, request.limit)
    if present is None or present >= request.amount:
        return None
    terms = drawing_rights.terms_of(right)
    terms = replace(terms, limits=replace(terms.limits, **{request.limit: request.amount}))
    outcome = drawing_rights.change(session, right, ceiling, right_terms=terms, now=now)
    return outcome if isinstance(outcome, ExceedsCeiling) else None


def decline(session: Session, right: DrawingRight, request: DrawingRequest, now: datetime) -> DrawingRequest:
    """The grantor's no, which can be said whatever became of the right, and after a yes to a one-off as long as that
    stands. Raises IllegalMove.
    """
    taken_back = _stands(request, now)
    if not taken_back:
        _require_open(request, now)
    request.state, request.decided_at, request.lapses_at = "declined", now, None
    _announce(session, events.DrawingRequestDeclined, right, request, now, taken_back=taken_back)
    return request


def take_back(session: Session, right: DrawingRight, now: datetime, *, phone: Pairing | None = None) -> None:
    """Decline every one-off that stands; with a phone, all that it asked and that stands or waits.

    What was spent stays so, but a reversal will not bring it back.
    """
    of_them = DrawingRequest.state != "open" if phone is None else DrawingRequest.pairing_id == phone.pairing_id
    found = select(DrawingRequest).where(_of(right.card_id, right.right_id), of_them, DrawingRequest.lapses_at > now)
    found = found.order_by(DrawingRequest.request_id).execution_options(populate_existing=True)
    for request in session.scalars(found).all():
        if request.state == "spent":
            request.lapses_at = now
        else:
            decline(session, right, request, now)


def find_one_offs(pipe: Pipeline, rights: Iterable[tuple[UUID, UUID]], now: datetime) -> Answer:
    """What one payment each may still spend under some rights, each with its card; to be read by `one_offs_of_rows`."""
    return pipe.find(_USABLE, rights, now=now)


def one_offs_of_rows(rows: Iterable[Any]) -> dict[UUID, tuple[OneOff, ...]]:
    """By right, oldest first."""
    found: dict[UUID, list[OneOff]] = defaultdict(list)
    for row in rows:
        found[row.right_id].append(OneOff(row.request_id, row.amount, _place(row.merchant)))
    return {right_id: tuple(each) for right_id, each in found.items()}


def _place(merchant: Mapping[str, Any] | None) -> Place | None:
    if merchant is None:
        return None
    return Place(merchant["id"], merchant["client_id"], merchant["country"], frozenset(merchant["categories"]))


def spend(request: DrawingRequest, payment_id: UUID, now: datetime) -> None:
    """That payment used the one-off up. Raises IllegalMove where it is not there to be spent."""
    if not _stands(request, now):
        raise IllegalMove(f"a request that is {status(request, now)} cannot be spent")
    request.state, request.spent_by = "spent", payment_id


def give_back(session: Session, card_id: UUID, right_id: UUID, payment_id: UUID) -> None:
    """The payment never was: the one-off that it spent, if any, is there again, until it lapses."""
    spent = select(DrawingRequest).where(_of(card_id, right_id), DrawingRequest.spent_by == payment_id)
    for request in session.scalars(spent.execution_options(populate_existing=True)):
        request.state, request.spent_by = "approved", None


def count_waiting(session: Session, rights: Sequence[DrawingRight], now: datetime) -> dict[tuple[UUID, str], int]:
    """Of many rights, by right and state: how many wait, `open` for an answer, `approved` (a one-off) for its payment.
    An approved raise never lapses, and is none of them.
    """
    cards, of_rights = {right.card_id for right in rights}, {right.right_id for right in rights}
    by = (DrawingRequest.right_id, DrawingRequest.state)
    counted = select(*by, func.count()).where(DrawingRequest.card_id.in_(cards), DrawingRequest.right_id.in_(of_rights))
    counted = counted.where(DrawingRequest.lapses_at > now).group_by(*by)
    return {(right_id, state): count for right_id, state, count in session.execute(counted)}


def _stands(request: DrawingRequest, now: datetime) -> bool:
    """Whether it is a one-off that waits for its payment."""
    return request.kind == ONE_OFF and status(request, now) == "approved"


def _of(card_id: UUID, right_id: UUID) -> ColumnElement[bool]:
    return (DrawingRequest.card_id == card_id) & (DrawingRequest.right_id == right_id)


def _check(right: DrawingRight, wanted: Wanted) -> None:
    if wanted.kind not in KINDS:
        raise Invalid("kind", f"must be one of {', '.join(KINDS)}")
    if wanted.limit not in LIMITS:
        raise Invalid("limit", f"must be one of {', '.join(LIMITS)}")
    counts = wanted.kind == RAISE and wanted.limit == "payments_per_day"
    most = PAYMENTS_MOST if counts else MAX_AMOUNT_MINOR
    if not 0 < wanted.amount <= most:
        raise Invalid("amount", f"must be from 1 to {most}")
    if wanted.kind == RAISE:
        _check_raise(getattr(right, wanted.limit), wanted)


def _check_raise(present: int | None, wanted: Wanted) -> None:
    if present is None:
        raise Invalid("limit", "is not limited by the grantor: there is nothing to raise")
    if wanted.amount <= present:
        raise Invalid("amount", f"must be more than the {present} that is the limit")


def _check_not_asked(session: Session, right: DrawingRight, wanted: Wanted, now: datetime) -> None:
    """One declined payment, one yes: not while a request about it waits or stands, nor once it was spent."""
    if wanted.payment_id is None:
        return
    about_it = select(DrawingRequest).where(_of(right.card_id, right.right_id))
    about_it = about_it.where(DrawingRequest.payment_id == wanted.payment_id)
    for request in session.scalars(about_it.execution_options(populate_existing=True)):
        if _stands(request, now) or status(request, now) in ("open", "spent"):
            raise AlreadyAsked(drawing_request_id=ids.to_text("rqst", request.request_id))


def _check_open(session: Session, right: DrawingRight, most: int, now: datetime) -> None:
    waiting = select(func.count()).where(_of(right.card_id, right.right_id), has_status("open", now))
    if session.scalars(waiting).one() >= most:
        raise TooManyOpenRequests


def _too_often(session: Session, phone: Pairing, most: int, now: datetime) -> AskedTooOften | None:
    """Of the last `most` requests of the phone, since it was let in, the first must be a day old."""
    of_today = _of(phone.card_id, phone.right_id) & (DrawingRequest.created_at > now - _DAY)
    of_today &= (DrawingRequest.pairing_id == phone.pairing_id) & (DrawingRequest.created_at >= phone.paired_at)
    newest = select(DrawingRequest.created_at).where(of_today).order_by(DrawingRequest.created_at.desc())
    asked_at = session.scalars(newest.limit(most)).all()
    if len(asked_at) < most:
        return None
    first = asked_at[-1] if asked_at else now
    return AskedTooOften(math.ceil((first + _DAY - now).total_seconds()))


def _require_open(request: DrawingRequest, now: datetime) -> None:
    if (present := status(request, now)) != "open":
        raise IllegalMove(f"a request that is {present} cannot be decided")


def _announce(
    session: Session,
    kind: type[events.DrawingRequestEvent],
    right: DrawingRight,
    request: DrawingRequest,
    now: datetime,
    **more: object,
) -> None:
    asked = {"request_id": request.request_id, "kind": request.kind, "amount": request.amount, "limit": request.limit}
    where = request.merchant or {}
    about = {name: where.get(name) for name in ("country", "categories", "stopped_by")}
    drawing_rights.announce(session, kind, right, now, **asked, merchant=where.get("name"), **about, **more)


# Asked at each payment under a right. The state is no parameter: the index has it in its condition.
_USABLE: Final = looking_up(
    DrawingRequest,
    ["card_id", "right_id"],
    ["request_id", "amount", "merchant"],
    "WHERE t.state = 'approved' AND t.kind = 'one_off' AND t.lapses_at > %(now)s ORDER BY t.request_id",
)
