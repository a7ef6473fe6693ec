"""The yellow path of provisioning: a token is verified before a PIN can be chosen."""

from typing import Any

from flask import Response
from flask.views import MethodView

from notifications import codes
from tokenization import cardholders, cards, verification
from tokenization.verification import Wrong
from wallet.access.guard import requires
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, session, writes
from wallet.errors import problem
from wallet.resources import one_token
from wallet.schemas import tokens as schemas
from wallet.services import current_time, services

blueprint = Blueprint("verification", __name__, url_prefix="/v1/tokens", description="Verifying tokens")


@blueprint.route("/<token_id>/verification")
class Verification(MethodView):
    """The yellow path."""

    @requires("wallet", "child")
    @limited("code_per_person")
    @writes()
    @blueprint.arguments(schemas.SendCode())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """Send a code to the number that the bank holds; what was sent before counts no more."""
        card, token = one_token.on_its_device(token_id)
        one_token.require(token, "unverified")
        holder, now = cardholders.get(session(), card.holder_id), current_time()
        code = verification.new_code(session(), services().vault, card, token, holder, now)
        last4 = cards.current_plastic(session(), card).last4
        codes.queue(session(), holder, code, card=last4, device=token.device_name, now=now)
        return one_token.answer(token)


@blueprint.route("/<token_id>/verification/confirm")
class ConfirmCode(MethodView):
    """The yellow path."""

    @requires("wallet", "child")
    @limited("code_per_person")
    @writes()
    @blueprint.arguments(schemas.ConfirmCode())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """The code that was sent: the token is `inactive`, and a PIN can be chosen."""
        card, token = one_token.on_its_device(token_id)
        one_token.require(token, "unverified")
        wrong = verification.confirm(session(), services().vault, card, token, body["code"], current_time())
        return _wrong_code(wrong) if wrong else one_token.answer(token)


def _wrong_code(wrong: Wrong) -> Response:
    """A refusal that is kept: the try is gone."""
    detail, facts = "this is not the code that was sent", {"remaining_attempts": wrong.tries_left}
    return problem(422, "wrong-code", detail, field_errors=[("code", detail)], facts=facts)
