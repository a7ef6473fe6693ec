"""The bank's desk: what hangs on a card when its holder calls, and what is stopped on the holder's word."""

from typing import Any

from flask.views import MethodView
from sqlalchemy import select

from delegation.models import DrawingRight
from tokenization.models import Token
from tokenization.token_operations import ISSUER
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.resources import drawing_requests, drawing_rights, one_token, owned, statement
from wallet.resources.pages import newest_first
from wallet.schemas import drawing_requests as request_schemas
from wallet.schemas import drawing_rights as schemas
from wallet.schemas import payments as payment_schemas
from wallet.schemas import tokens as token_schemas
from wallet.schemas.pages import Page

blueprint = Blueprint("desk", __name__, url_prefix="/v1/issuer", description="The bank's desk, when a customer calls")


@blueprint.route("/cards/<card_id>/tokens")
class Tokens(MethodView):
    """The phones that a card is on."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, token_schemas.TokenList)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """Its holder's own and those of delegates, ended ones too, newest first: which phone, and why it cannot pay."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id))
        wanted = select(Token).where(Token.card_id == card.card_id)
        return newest_first(session(), wanted, Token.token_id, page, one_token.answer)


@blueprint.route("/cards/<card_id>/payments")
class CardPayments(MethodView):
    """What was paid with a card."""

    @requires("issuer")
    @reads
    @blueprint.arguments(payment_schemas.PaymentPage(), location="query")
    @blueprint.response(200, payment_schemas.PaymentList)
    @blueprint.alt_response(200, **statement.AS_CSV)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """As its holder sees them, newest first."""
        return statement.of_card(owned.card(session(), caller(), owned.id_from("card", card_id)), page)


@blueprint.route("/cards/<card_id>/drawing-rights")
class Rights(MethodView):
    """Who else draws on a card."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.RightList)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """Those on a card, ended ones too, newest first."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id))
        return drawing_rights.page_of_rights(select(DrawingRight).where(DrawingRight.card_id == card.card_id), page)


@blueprint.route("/drawing-rights/<right_id>")
class OneRight(MethodView):
    """One drawing right."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def delete(self, right_id: str) -> Any:
        """Revoke it on its grantor's word, for good: its tokens pay no more, its phones are put out."""
        return drawing_rights.revoked(right_id, by=ISSUER)


@blueprint.route("/drawing-rights/<right_id>/pause")
class Pause(MethodView):
    """At once."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """On its grantor's word nothing is paid under it, until its grantor resumes it."""
        return drawing_rights.paused(right_id, by=ISSUER)


@blueprint.route("/drawing-rights/<right_id>/payments")
class Payments(MethodView):
    """What was paid under it."""

    @requires("issuer")
    @reads
    @blueprint.arguments(payment_schemas.RightPaymentPage(), location="query")
    @blueprint.response(200, payment_schemas.RightPaymentList)
    @blueprint.alt_response(200, **statement.AS_CSV)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """As its grantor sees them, newest first."""
        return statement.of_right(owned.right(session(), caller(), right_id)[1], page)


@blueprint.route("/drawing-rights/<right_id>/requests")
class Requests(MethodView):
    """What was asked under it."""

    @requires("issuer")
    @reads
    @blueprint.arguments(request_schemas.RequestPage(), location="query")
    @blueprint.response(200, request_schemas.RequestList)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """As its grantor sees them, newest first."""
        return drawing_requests.requests_under(right_id, page)
