"""Asking for more: a child asks, for once or for good, and the parent answers (R-2.10a)."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Response
from flask.views import MethodView
from sqlalchemy import select

from delegation import requests
from delegation.drawing_rights import ExceedsCeiling
from delegation.models import DrawingRequest, DrawingRight, Pairing
from delegation.requests import AskedTooOften
from tokenization import policies
from tokenization.errors import IllegalMove, Invalid
from tokenization.models import Card
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.errors import problem
from wallet.payments import accounts, asking
from wallet.payments.models import Payment
from wallet.payments.rules import ceiling
from wallet.resources import owned, shown
from wallet.resources.pages import newest_first
from wallet.resources.shown_rights import exceeds_ceiling
from wallet.schemas import drawing_requests as schemas
from wallet.services import current_time

blueprint = Blueprint("drawing requests", __name__, url_prefix="/v1", description="Children ask for more")
_FIELDS: Final = (
    *("request_id", "right_id", "kind", "amount", "limit", "payment_id", "merchant"),
    *("message", "spent_by", "created_at", "decided_at", "lapses_at"),
)


def _shown(card: Card, request: DrawingRequest) -> shown.Shown:
    currency = accounts.get(session(), card.account_id).currency
    seen = {name: getattr(request, name) for name in _FIELDS}
    return seen | {"currency": currency, "status": requests.status(request, current_time()), "phone": _phone(request)}


def _phone(request: DrawingRequest) -> Pairing | None:
    """Which of the delegate's phones asked, which is its grantor's to know."""
    if request.pairing_id is None or caller().scope == "child":
        return None
    return session().get(Pairing, (request.card_id, request.pairing_id))


def requests_under(right_id: str, page: dict[str, Any]) -> dict[str, Any]:
    """What was asked under a right of the caller's, newest first."""
    card, right = owned.right(session(), caller(), right_id)
    of_right = (DrawingRequest.card_id == card.card_id) & (DrawingRequest.right_id == right.right_id)
    wanted = select(DrawingRequest).where(of_right)
    if page["status"]:
        wanted = wanted.where(requests.has_status(page["status"], current_time()))
    return newest_first(session(), wanted, DrawingRequest.request_id, page, partial(_shown, card))


@blueprint.route("/drawing-rights/<right_id>/requests")
class Requests(MethodView):
    """What was asked under a right."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(schemas.RequestPage(), location="query")
    @blueprint.response(200, schemas.RequestList)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """Newest first."""
        return requests_under(right_id, page)

    @requires("child")
    @writes()
    @blueprint.arguments(schemas.Ask())
    @blueprint.response(201, schemas.RequestAnswer)
    def post(self, body: dict[str, Any], right_id: str) -> Any:
        """Ask for more: for one payment, the one that was just declined perhaps, or for a higher limit."""
        card, right = owned.right(session(), caller(), right_id, lock=True)
        now = current_time()
        policy, payment_id, phone = policies.load(session(), now), body["payment_id"], _asking_phone(right)
        declined = _payment(right, payment_id) if payment_id else None
        wanted = asking.wanted(body, declined, policy)
        outcome = requests.ask(session(), right, wanted, phone=phone, policy=policy.drawing_rights, now=now)
        return _too_often(outcome) if isinstance(outcome, AskedTooOften) else _shown(card, outcome)


def _asking_phone(right: DrawingRight) -> Pairing:
    """The phone that calls. Raises IllegalMove where it was put out while it waited for the card's lock."""
    found = session().get(Pairing, (right.card_id, caller().pairing_id), populate_existing=True)
    if found is None or found.unpaired_at is not None:
        raise IllegalMove("a phone that was put out cannot ask")
    return found


def _payment(right: DrawingRight, payment_id: UUID) -> Payment:
    """A payment under that right; of all others nothing is told, not even that they are there. Raises Invalid."""
    found = session().get(Payment, (right.card_id, payment_id))
    if found is None or found.right_id != right.right_id:
        raise Invalid("payment_id", "is of no payment under this drawing right")
    return found


def _too_often(refused: AskedTooOften) -> Response:
    headers = [("Retry-After", str(refused.wait_seconds))]
    return problem(429, "too-many-requests", "enough was asked for today: wait", headers=headers)


@blueprint.route("/drawing-requests/<request_id>/approve")
class Approve(MethodView):
    """Yes."""

    @requires("wallet", step_up="approve")
    @writes()
    @blueprint.response(200, schemas.RequestAnswer)
    def post(self, request_id: str) -> Any:
        """A one-off lets one payment through, and lapses; a raise is the new limit at once. The ceiling holds."""
        card, right, request = owned.request(session(), caller(), request_id)
        now = current_time()
        policy = policies.load(session(), now)
        most, rules = ceiling(policy), policy.drawing_rights
        outcome = requests.approve(session(), right, request, most, policy=rules, now=now)
        return exceeds_ceiling(outcome) if isinstance(outcome, ExceedsCeiling) else _shown(card, outcome)


@blueprint.route("/drawing-requests/<request_id>/decline")
class Decline(MethodView):
    """No."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RequestAnswer)
    def post(self, request_id: str) -> Any:
        """Nothing changes, or a one-off that no payment took yet is taken back; the child is told."""
        card, right, request = owned.request(session(), caller(), request_id)
        return _shown(card, requests.decline(session(), right, request, current_time()))
