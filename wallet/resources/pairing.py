"""Pairing: a child's phone shows a code, the parent types it and says yes; and the phones are put out again."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from flask import Response, g, request
from flask.views import MethodView

from delegation import drawing_rights
from delegation.models import DrawingRight
from tokenization.errors import Invalid, NotFound
from tokenization.models import Card
from wallet import phones
from wallet.access.guard import caller, requires
from wallet.access.oauth import devices
from wallet.access.oauth.devices import PendingDevice
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, nothing_else, session, writes
from wallet.database import after_commit
from wallet.errors import problem
from wallet.resources import owned, shown_rights
from wallet.schemas import drawing_rights as rights
from wallet.schemas import pairing as schemas
from wallet.services import current_time, services

P = ParamSpec("P")
blueprint = Blueprint("pairing", __name__, url_prefix="/v1", description="Letting children's phones in")


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


def _typed(body: Any) -> tuple[str | None, Any]:
    """The user code and the digits in a body that nobody has looked at yet."""
    code = body.get("user_code") if isinstance(body, dict) else None
    return (code, body.get("match")) if isinstance(code, str) else (None, None)


def _with_the_phone(view: Callable[P, Response]) -> Callable[P, Response]:
    """Claim the phone behind the user code as `g.phone`, before the card is locked: a Redis that hangs must hold up no
    payment. It is given back where nothing came of it.
    """

    @wraps(view)
    def claimed(*args: P.args, **kwargs: P.kwargs) -> Response:
        code, match = _typed(request.get_json(silent=True))
        redis, by, now = services().redis, caller().actor, current_time()
        g.phone = None if code is None else devices.claim(redis, code, match=match, by=by, now=now)
        paired = False
        try:
            response = view(*args, **kwargs)
            paired = response.status_code < HTTPStatus.BAD_REQUEST
            if code is not None and g.phone is None and "Idempotent-Replayed" in response.headers:
                devices.forgive(redis, by=by)  # What was answered before is told again, and is no guess.
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
    @blueprint.response(200, rights.RightAnswer)
    def post(self, body: dict[str, Any], right_id: str) -> Any:
        """One yes allows one provisioning, or one new PIN, within the time that the bank sets: an hour.

        With `match`, the two digits that the grantor reads on the phone, others than its own are refused.
        """
        card, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.require(right, "paired", current_time())
        if g.phone is None:
            return _unknown_code()
        if body.get("match") not in (None, g.phone.match):
            raise Invalid("match", "is not what that phone shows: is it the one before you?")
        _let_in(card, right, g.phone)
        return shown_rights.one(right)


def _unknown_code() -> Response:
    named = [("user_code", "is not known, or has expired: let the phone show a new one")]
    return problem(422, "unknown-user-code", "some values cannot be accepted", field_errors=named)


def _let_in(card: Card, right: DrawingRight, pending: PendingDevice) -> None:
    phone = {"client_id": pending.client_id, "thumbprint": pending.thumbprint, "name": pending.device_name}
    started = phones.let_in(session(), card, right, **phone, now=current_time())
    session_id, redis = started.session_id, services().redis
    after_commit(session(), lambda: devices.approve(redis, pending, session_id))


@blueprint.route("/drawing-rights/<right_id>/unpair")
class Unpair(MethodView):
    """Putting a child's phones out."""

    @requires("wallet")
    @writes()
    @blueprint.arguments(schemas.Unpair(), required=False)
    @blueprint.response(200, rights.RightAnswer)
    def post(self, body: dict[str, Any], right_id: str) -> Any:
        """One phone of the right, or every one: its token ends, and its session. Whatever the right's status."""
        card, right = owned.right(session(), caller(), right_id, lock=True)
        phones.put_out(session(), card, right, body.get("phone"), current_time())
        return shown_rights.one(right)
