"""The yellow path of provisioning: a token is verified before a PIN can be chosen."""

from collections.abc import Callable
from typing import Any, Final

from flask import Response
from flask.views import MethodView

from notifications import codes
from tokenization import cards, policies, requestors, token_status
from tokenization.models import Card, Cardholder, Token
from tokenization.provisioning import verification
from tokenization.provisioning.verification import NoSignIn, TooManyCodes, Wrong
from tokenization.secret import Secret
from wallet.access import step_up
from wallet.access.guard import demand_step_up, requires
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
    @blueprint.arguments(schemas.Verify())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """`sms_code`: send a code to the number that the bank holds; what was sent before counts no more. `mitid`: the
        token is `inactive` once its cardholder has signed in for that very purpose, which the 401 of before names.
        """
        return _BY_METHOD[body["method"]](token_id)


def _by_code(token_id: str) -> Any:
    holder = one_token.lock_holder()
    card, token = one_token.on_its_device(token_id)
    one_token.require(card, token, "verify")
    refused = _send_code(card, token, holder)
    return _too_many(refused) if refused else one_token.answer(token)


def _by_sign_in(token_id: str) -> Any:
    card, token = one_token.on_its_device(token_id)
    one_token.require(card, token, "verify")
    if not services().settings.broker.shows_text:
        raise NoSignIn
    wallet = requestors.get(session(), token.requestor_id)
    demand_step_up(step_up.to_verify(token.token_id, token_status.version(token, card, wallet)))
    verification.confirm_by_sign_in(session(), card, token, current_time())
    return one_token.answer(token)


_BY_METHOD: Final[dict[str, Callable[[str], Any]]] = {"sms_code": _by_code, "mitid": _by_sign_in}


def _send_code(card: Card, token: Token, holder: Cardholder) -> TooManyCodes | None:
    now = current_time()
    policy = policies.load(session(), now).tokens
    code = verification.new_code(session(), services().vault, card, token, holder, policy, now)
    if isinstance(code, TooManyCodes):
        return code
    last4 = cards.current_plastic(session(), card).last4
    minutes, device = policy.code_minutes, token.device_name
    vault = services().vault
    codes.queue(session(), vault, holder, code, card=last4, device=device, minutes=minutes, now=now)
    return None


def _too_many(refused: TooManyCodes) -> Response:
    headers = [("Retry-After", str(refused.wait_seconds))]
    return problem(429, "too-many-codes", "no more codes are sent to this person for now: wait", headers=headers)


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
        one_token.require(card, token, "verify")
        wrong = _confirm(card, token, body["code"])
        return _wrong_code(wrong) if wrong else one_token.answer(token)


def _confirm(card: Card, token: Token, code: Secret[str]) -> Wrong | None:
    now = current_time()
    holder, policy = session().get_one(Cardholder, card.holder_id), policies.load(session(), now).tokens
    return verification.confirm(session(), services().vault, card, token, holder, code, policy, now)


def _wrong_code(wrong: Wrong) -> Response:
    """A refusal that is kept: the try is gone."""
    detail, facts = "this is not the code that was sent", {"remaining_attempts": wrong.tries_left}
    return problem(422, "wrong-code", detail, field_errors=[("code", detail)], facts=facts)
