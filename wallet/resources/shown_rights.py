"""A drawing right as its grantor, its delegate and the bank see it: of a page of them as many statements as of one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation import agenda, drawing_rights, pairing, requests, terms, usage
from delegation.drawing_rights import ExceedsCeiling
from delegation.limits import Usage
from delegation.models import DrawingRight, Pairing
from delegation.parties import WATCHING
from delegation.terms import Ceiling
from tokenization import cards, ids, policies
from tokenization.clock import local_date
from tokenization.models import Card, Plastic
from wallet import api
from wallet.access.guard import caller
from wallet.errors import problem
from wallet.payments.models import Account
from wallet.payments.rules import ceiling
from wallet.resources.shown import Shown, without_none
from wallet.schemas.drawing_rights import CAUSES
from wallet.services import current_time


@dataclass(frozen=True, slots=True)
class _Around:
    """What a page of rights is shown with: by card, or by right."""

    now: datetime
    ceiling: Ceiling
    cards: Mapping[UUID, tuple[str, str]]  # status, and currency of the account
    used: Mapping[UUID, Usage]
    phones: Mapping[UUID, list[Pairing]]
    requests: Mapping[tuple[UUID, str], int]


def to_caller(rights: Sequence[DrawingRight]) -> list[Shown]:
    """Rights for who calls, in their order. A child sees neither the card, nor the phones let in, nor of what its
    parent is told.
    """
    around = _around(api.session(), rights, current_time())
    hidden: Shown = dict.fromkeys(("card_id", "phones", *WATCHING)) if caller().scope == "child" else {}
    return [_shown(right, around) | hidden for right in rights]


def one(right: DrawingRight) -> Shown:
    """One right for who calls."""
    return to_caller([right])[0]


def exceeds_ceiling(refused: ExceedsCeiling) -> Response:
    """422, with each limit that is above the scheme's ceiling (R-2.10b)."""
    named = [(f"limits.{each.limit}", f"is above the scheme's ceiling of {each.ceiling}") for each in refused.limits]
    return problem(422, "exceeds-scheme-ceiling", "some limits are above the scheme's ceiling", field_errors=named)


def _around(session: Session, rights: Sequence[DrawingRight], now: datetime) -> _Around:
    scopes = [usage.Scope(right.card_id, right.right_id, total=right.total is not None) for right in rights]
    return _Around(
        now=now,
        ceiling=ceiling(policies.load(session, now)),
        cards=_cards(session, {right.card_id for right in rights}, now),
        used=usage.load_many(session, scopes, now),
        phones=pairing.live_by_right(session, rights),
        requests=requests.count_waiting(session, rights, now),
    )


def _cards(session: Session, card_ids: set[UUID], now: datetime) -> dict[UUID, tuple[str, str]]:
    current = (Plastic.card_id == Card.card_id) & (Plastic.plastic_id == Card.current_plastic_id)
    wanted = select(Card, Plastic, Account.currency).join(Plastic, current)
    wanted = wanted.join(Account, Account.account_id == Card.account_id).where(Card.card_id.in_(card_ids))
    found = session.execute(wanted)
    return {card.card_id: (cards.status(card, plastic, now), currency) for card, plastic, currency in found}


def _shown(right: DrawingRight, around: _Around) -> Shown:
    own, phones = drawing_rights.terms_of(right), around.phones[right.right_id]
    left = usage.remaining(own, around.ceiling, around.used[right.right_id], around.now)
    return {
        "id": ids.to_text("right", right.right_id),
        "card_id": ids.to_text("card", right.card_id),
        "status": drawing_rights.status(right, around.now),
        "because": _because(right, around),
        "delegate": asdict(drawing_rights.delegate_of(right)),
        "currency": around.cards[right.card_id][1],
        **terms.as_json(own),
        **{name: getattr(right, name) for name in WATCHING},
        "comes_of_age_on": _comes_of_age_on(right),
        "ends_when_of_age": right.ends_when_of_age,
        "invitation_lapses_at": right.invitation_lapses_at if agenda.is_invitation(right) else None,
        "phones": [] if right.state == "revoked" else phones,
        "requests_open": around.requests.get((right.right_id, "open"), 0),
        "one_offs": around.requests.get((right.right_id, "approved"), 0),
        "ceiling": without_none(asdict(around.ceiling)),
        "usage": {name: asdict(each) for name, each in left.items()},
        "created_at": right.created_at,
    }


def _because(right: DrawingRight, around: _Around) -> str | None:
    """What of it and of its card stops every payment; of a block never the reason, since a child sees this too."""
    found = {f"card_{around.cards[right.card_id][0]}", *drawing_rights.because(right, around.now)}
    if agenda.is_invitation(right):
        found.add("drawing_right_invited")
    if not around.phones[right.right_id]:
        found.add("drawing_right_unpaired")
    if right.valid_from is not None and right.valid_from > local_date(around.now):
        found.add("drawing_right_not_begun")
    return next((cause for cause in CAUSES if cause in found), None)


def _comes_of_age_on(right: DrawingRight) -> date | None:
    at = agenda.of_age_at(right, right.delegate_birthdate)
    return None if at is None else local_date(at)
