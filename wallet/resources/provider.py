"""Wallet providers: their tokens, and every change of them."""

from typing import Any

from flask.views import MethodView
from sqlalchemy import select

from notifications import updates
from tokenization import life_cycle
from tokenization.models import Token
from wallet.access.guard import caller, requires
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, notes, reads, session, writes
from wallet.resources import one_token, owned, shown, webhooks
from wallet.resources.pages import newest_first
from wallet.schemas import tokens as schemas
from wallet.schemas import updates as update_schemas
from wallet.schemas.pages import Page
from wallet.services import current_time

blueprint = Blueprint("provider", __name__, url_prefix="/v1/provider", description="Wallet providers")
webhooks.mount(blueprint, "provider")


def _shown(token: Token) -> shown.Shown:
    return shown.token(session(), token, current_time())


@blueprint.route("/tokens")
class Tokens(MethodView):
    """The provider's tokens."""

    @requires("provider")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.TokenList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Token).where(Token.requestor_id == caller().requestor_id)
        return newest_first(session(), wanted, Token.token_id, page, _shown)


@blueprint.route("/token-updates")
class TokenUpdates(MethodView):
    """What webhooks may have missed."""

    @requires("provider")
    @notes
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, update_schemas.TokenUpdates)
    def get(self, page: dict[str, Any]) -> Any:
        """Every update since `cursor`, oldest first, in the shape of the webhooks."""
        return webhooks.feed(updates.TOKEN_UPDATED, page)


@blueprint.route("/tokens/<token_id>/suspend")
class Suspend(MethodView):
    """Holding a token back."""

    @requires("provider")
    @writes()
    @blueprint.arguments(schemas.SuspendByProvider())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """By the wallet provider, beside whoever else suspends it: this token alone, whatever the reason."""
        return _shown(one_token.suspend(token_id, by="wallet_provider", reason=body["reason"]))


@blueprint.route("/tokens/<token_id>/resume")
class Resume(MethodView):
    """Giving it back."""

    @requires("provider")
    @limited("resuming_per_token")
    @writes()
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, token_id: str) -> Any:
        """Takes only the provider's own suspension away."""
        card, token = owned.token(session(), caller(), token_id, lock=True)
        life_cycle.resume(session(), card, token, by="wallet_provider", now=current_time())
        return _shown(token)
