"""Drawing rights: a parent gives, watches, changes, pauses; a child's phone is let in (R-2.10)."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from flask import Response, g, request
from flask.views import MethodView
from sqlalchemy import select

from delegation import drawing_rights, pairing, terms, usage
from delegation.drawing_rights import Delegate, ExceedsCeiling
from delegation.limits import loosens
from delegation.models import DrawingRight
from delegation.terms import Ceiling
from tokenization import ids, policies, tokens
from tokenization.errors import NotFound
from tokenization.models import Card, Token
from wallet.access import sessions
from wallet.access.guard import caller, demand_step_up, requires
from wallet.access.oauth import devices
from wallet.access.oauth.devices import PendingDevice
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, nothing_else, reads, session, writes
from wallet.database import after_commit
from wallet.errors import problem
from wallet.payments.models import Payment
from wallet.payments.rules import ceiling
from wallet.resources import owned, shown
from wallet.resources.pages import newest_first
from wallet.schemas import cards as lists
from wallet.schemas import drawing_rights as schemas
from wallet.schemas import tokens as token_schemas
from wallet.schemas.pages import Page
from wallet.services import current_time, services

P = ParamSpec("P")
blueprint = Blueprint("drawing rights", __name__, url_prefix="/v1", description="Limited drawing rights")


def _ceiling() -> Ceiling:
    return ceiling(policies.load(session(), current_time()))


def _shown(right: DrawingRight) -> shown.Shown:
    """A right for its grantor, or for the child, who does not see which card it draws on."""
    now, most, own = current_time(), _ceiling(), drawing_rights.terms_of(right)
    used = usage.load(session(), right.card_id, right.right_id, now)
    left = usage.remaining(own, most, used, now)
    birthdate = right.delegate_birthdate.isoformat() if right.delegate_birthdate else None
    return {
        "id": ids.to_text("right", right.right_id),
        "card_id": None if caller().scope == "child" else ids.to_text("card", right.card_id),
        "status": drawing_rights.status(right, now),
        "delegate": {"name": right.delegate_name, "birthdate": birthdate},
        **terms.as_json(own),
        "notify_grantor": right.notify_grantor,
        "ceiling": shown.without_none(asdict(most)),
        "usage": {name: asdict(each) for name, each in left.items()},
        "created_at": right.created_at,
    }


def _answer(outcome: DrawingRight | ExceedsCeiling) -> Any:
    if isinstance(outcome, DrawingRight):
        return _shown(outcome)
    named = [(f"limits.{each.limit}", f"is above the scheme's ceiling of {each.ceiling}") for each in outcome.limits]
    return problem(422, "exceeds-scheme-ceiling", "some limits are above the scheme's ceiling", field_errors=named)


@blueprint.route("/cards/<card_id>/drawing-rights")
class Grant(MethodView):
    """R-2.10a."""

    @requires("wallet", step_up="right")
    @writes()
    @blueprint.arguments(schemas.Grant())
    @blueprint.response(201, schemas.RightAnswer)
    def post(self, body: dict[str, Any], card_id: str) -> Any:
        """Let somebody draw on the card, within limits and below the scheme's ceiling."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id), lock=True)
        outcome = drawing_rights.grant(
            session(),
            card,
            Delegate(**body["delegate"]),
            terms.read(body),
            _ceiling(),
            notify_grantor=body.get("notify_grantor", "all"),
            now=current_time(),
        )
        return _answer(outcome)


@blueprint.route("/drawing-rights")
class Rights(MethodView):
    """The rights that a parent granted; for a child its own."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.RightList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        who = caller()
        mine = DrawingRight.card_id.in_(select(Card.card_id).where(Card.holder_id == who.holder_id))
        wanted = select(DrawingRight).where(DrawingRight.right_id == who.right_id if who.scope == "child" else mine)
        return newest_first(session(), wanted, DrawingRight.right_id, page, _shown)


@blueprint.route("/drawing-rights/<right_id>")
class OneRight(MethodView):
    """One drawing right."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.RightAnswer)
    def get(self, right_id: str) -> Any:
        """The right, with what is used and what is left."""
        return _shown(owned.right(session(), caller(), right_id)[1])

    @requires("wallet")
    @writes()
    @blueprint.arguments(schemas.Change())
    @blueprint.response(200, schemas.RightAnswer)
    def patch(self, body: dict[str, Any], right_id: str) -> Any:
        """Change it, at once; what permits a payment that was refused before wants a step-up."""
        _, right = owned.right(session(), caller(), right_id, lock=True)
        before = drawing_rights.terms_of(right)
        after = terms.read(body, before)
        if loosens(before, after):
            demand_step_up("right")
        outcome = drawing_rights.change(
            session(),
            right,
            _ceiling(),
            right_terms=after,
            delegate=Delegate(**asdict(drawing_rights.delegate_of(right)) | body.get("delegate", {})),
            notify_grantor=body.get("notify_grantor"),
            now=current_time(),
        )
        return _answer(outcome)

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def delete(self, right_id: str) -> Any:
        """Revoke it, for good: its tokens pay no more, its phones are put out."""
        _, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.revoke(session(), right, current_time())
        sessions.end_for_right(session(), right.right_id, now=current_time())
        return _shown(right)


@blueprint.route("/drawing-rights/<right_id>/payments")
class Payments(MethodView):
    """What was paid under it."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, lists.PaymentList)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """Newest first; each decline with the limit that stopped it."""
        card, right = owned.right(session(), caller(), right_id)
        wanted = select(Payment).where(Payment.card_id == card.card_id, Payment.right_id == right.right_id)
        show = partial(shown.payment, to_child=caller().scope == "child")
        return newest_first(session(), wanted, Payment.payment_id, page, show)


@blueprint.route("/drawing-rights/<right_id>/tokens")
class Tokens(MethodView):
    """The child cards under it."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, token_schemas.TokenList)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """Newest first."""
        card, right = owned.right(session(), caller(), right_id)
        wanted = select(Token).where(Token.card_id == card.card_id, Token.right_id == right.right_id)
        show = partial(shown.token, session(), now=current_time(), to_child=caller().scope == "child")
        return newest_first(session(), wanted, Token.token_id, page, show)


@blueprint.route("/drawing-rights/<right_id>/pause")
class Pause(MethodView):
    """At once."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """Nothing is paid under it until it is resumed."""
        _, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.pause(session(), right, current_time())
        return _shown(right)


@blueprint.route("/drawing-rights/<right_id>/resume")
class Resume(MethodView):
    """At once."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """Give back what the pause took."""
        _, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.resume(session(), right, current_time())
        return _shown(right)


@blueprint.route("/pairings/<user_code>")
class PendingPairing(MethodView):
    """A phone that asks to be let in."""

    @requires("wallet")
    @limited("code_per_person")
    @nothing_else
    @blueprint.response(200, schemas.PendingPairing)
    def get(self, user_code: str) -> Any:
        """Its name, and two digits that both phones show: compare them before saying yes."""
        pending = devices.find(services().redis, user_code, by=caller().actor, now=current_time())
        if pending is None:
            raise NotFound
        return pending


def _with_the_phone(view: Callable[P, Response]) -> Callable[P, Response]:
    """Claim the phone behind the user code as `g.phone`, before the card is locked: a Redis that hangs must hold up no
    payment. It is given back where nothing came of it.
    """

    @wraps(view)
    def claimed(*args: P.args, **kwargs: P.kwargs) -> Response:
        body, redis = request.get_json(silent=True), services().redis
        code = body.get("user_code") if isinstance(body, dict) else None
        by, now = caller().actor, current_time()
        g.phone = devices.claim(redis, code, by=by, now=now) if isinstance(code, str) else None
        paired = False
        try:
            response = view(*args, **kwargs)
            paired = response.status_code < HTTPStatus.BAD_REQUEST
            return response
        finally:
            if g.phone is not None and not paired:
                devices.give_back(redis, g.phone, now)

    return claimed


@blueprint.route("/drawing-rights/<right_id>/pair")
class Pair(MethodView):
    """Letting a child's phone in."""

    @requires("wallet", step_up="pair")
    @limited("code_per_person")
    @_with_the_phone
    @writes()
    @blueprint.arguments(schemas.Pair())
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, body: dict[str, Any], right_id: str) -> Any:
        """One yes allows one provisioning, or one new PIN, within an hour."""
        card, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.require(right, "paired", current_time())
        if g.phone is None:
            return _unknown_code()
        _let_in(card, right, g.phone)
        return _shown(right)


def _unknown_code() -> Response:
    named = [("user_code", "is not known, or has expired: let the phone show a new one")]
    return problem(422, "unknown-user-code", "some values cannot be accepted", field_errors=named)


def _let_in(card: Card, right: DrawingRight, pending: PendingDevice) -> None:
    now = current_time()
    phone = {"device_thumbprint": pending.thumbprint, "device_name": pending.device_name}
    paired = pairing.pair(session(), right, **phone, now=now)
    sessions.end_for_pairing(session(), paired.pairing_id, reason="paired_anew", now=now)
    started = sessions.start_for_child(
        session(),
        client_id=pending.client_id,
        thumbprint=pending.thumbprint,
        holder_id=card.holder_id,
        card_id=card.card_id,
        right_id=right.right_id,
        pairing_id=paired.pairing_id,
        now=now,
    )
    session_id, redis = started.session_id, services().redis
    after_commit(session(), lambda: devices.approve(redis, pending, session_id))


@blueprint.route("/drawing-rights/<right_id>/unpair")
class Unpair(MethodView):
    """Putting a child's phones out."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """Every phone of the right: its token ends, and its session."""
        card, right = owned.right(session(), caller(), right_id, lock=True)
        pairing.unpair(session(), right, now=current_time())
        sessions.end_for_right(session(), right.right_id, reason="unpaired", now=current_time())
        for token in tokens.live_tokens(session(), card.card_id):
            if token.right_id == right.right_id:
                tokens.deactivate(session(), card, token, by="cardholder", now=current_time())
        return _shown(right)
