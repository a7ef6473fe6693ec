"""The cardholder's cards: look, block, see the payments, decide which shops keep them."""

from typing import Any

from flask.views import MethodView
from sqlalchemy import select

from delegation import drawing_rights
from notifications import receipts
from tokenization import cardholders, cards, credentials
from tokenization.errors import NotFound
from tokenization.models import Card, Cardholder, Credential
from wallet import blocking
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.resources import owned, shown, shown_credentials, statement
from wallet.resources.pages import answer, newest_first, position
from wallet.schemas import cards as schemas
from wallet.schemas import payments as payment_schemas
from wallet.schemas.pages import Page
from wallet.services import current_time, services

blueprint = Blueprint("cards", __name__, url_prefix="/v1", description="The cardholder's cards")


@blueprint.route("/me")
class Me(MethodView):
    """Who is signed in."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.Me)
    def get(self) -> Any:
        """Name, language, masked mobile and assurance; a child sees its own name."""
        who, holder = caller(), _holder()
        if who.scope == "child" and who.card_id and who.right_id:
            right = drawing_rights.load(session(), who.card_id, who.right_id)
            return {"name": right.delegate_name, "language": holder.language, "mobile": None, "assurance": None}
        mobile = shown.masked_mobile(session(), services().vault, holder)
        return {"name": holder.name, "language": holder.language, "mobile": mobile, "assurance": who.acr}


def _holder() -> Cardholder:
    holder_id = caller().holder_id
    if holder_id is None:
        raise NotFound
    return cardholders.get(session(), holder_id)


@blueprint.route("/cards")
class Cards(MethodView):
    """The holder's cards."""

    @requires("wallet")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.CardList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Card).where(Card.holder_id == caller().holder_id)
        return newest_first(
            session(), wanted, Card.card_id, page, lambda row: shown.card(session(), row, current_time())
        )


@blueprint.route("/cards/<card_id>")
class OneCard(MethodView):
    """One card."""

    @requires("wallet")
    @reads
    @blueprint.response(200, schemas.CardAnswer)
    def get(self, card_id: str) -> Any:
        """The card, with its block if it has one."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id))
        return shown.card(session(), card, current_time())


@blueprint.route("/cards/<card_id>/block")
class Block(MethodView):
    """Blocking (R-10.1). Works while Redis is away."""

    @requires("wallet", without_redis=True)
    @writes()
    @blueprint.arguments(schemas.DryRun(), location="query")
    @blueprint.arguments(schemas.Block())
    @blueprint.response(200, schemas.BlockedCard)
    def post(self, how: dict[str, Any], body: dict[str, Any], card_id: str) -> Any:
        """Block the card everywhere, at once; `?dry_run=true` says what would happen."""
        card, now = owned.card(session(), caller(), owned.id_from("card", card_id), lock=True), current_time()
        also = blocking.named_tokens(session(), card, body["also_suspend"])
        reach = blocking.cascade(session(), card, now)
        if not how["dry_run"]:
            cards.block(session(), card, reason=body["reason"], by="cardholder", noticed_at=now, now=now)
            blocking.suspend_also(session(), card, also, now)
        return shown.card(session(), card, now) | {"cascade": reach}


@blueprint.route("/cards/<card_id>/payments")
class Payments(MethodView):
    """The statement."""

    @requires("wallet")
    @reads
    @blueprint.arguments(payment_schemas.PaymentPage(), location="query")
    @blueprint.response(200, payment_schemas.PaymentList)
    @blueprint.alt_response(200, **statement.AS_CSV)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """Payments with the card, its tokens and its credentials, newest first; each says why it was declined."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id))
        return statement.of_card(card, page)


@blueprint.route("/cards/<card_id>/credentials")
class Credentials(MethodView):
    """Cards on file."""

    @requires("wallet")
    @reads
    @blueprint.arguments(schemas.CredentialPage(), location="query")
    @blueprint.response(200, schemas.CredentialList)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """The merchants that hold this card, and those waiting for a yes."""
        card, status = owned.card(session(), caller(), owned.id_from("card", card_id)), page["status"]
        found = credentials.status_in_sql(current_time())
        wanted = select(Credential).where(
            Credential.card_id == card.card_id, found == status if status else found != "withdrawn"
        )
        listed = newest_first(session(), wanted, Credential.credential_id, page)
        return listed | {"data": shown_credentials.to_holder(session(), card, listed["data"], current_time())}


def _shown(card: Card, credential: Credential) -> shown.Shown:
    [one] = shown_credentials.to_holder(session(), card, [credential], current_time())
    return one


@blueprint.route("/credentials/<credential_id>/confirm")
class Confirm(MethodView):
    """R-3.6a."""

    @requires("wallet")
    @writes()
    @blueprint.arguments(schemas.AutomaticUpdate())
    @blueprint.response(200, schemas.CredentialAnswer)
    def post(self, body: dict[str, Any], credential_id: str) -> Any:
        """Yes, this shop may keep my card."""
        card, credential = owned.credential(session(), caller(), credential_id, lock=True)
        credentials.confirm(session(), card, credential, automatic_update=body["automatic_update"], now=current_time())
        return _shown(card, credential)


@blueprint.route("/credentials/<credential_id>")
class OneCredential(MethodView):
    """One card on file."""

    @requires("wallet")
    @writes()
    @blueprint.arguments(schemas.AutomaticUpdate())
    @blueprint.response(200, schemas.CredentialAnswer)
    def patch(self, body: dict[str, Any], credential_id: str) -> Any:
        """Whether the shop is told the next card (R-3.6c)."""
        card, credential = owned.credential(session(), caller(), credential_id, lock=True)
        credentials.choose_update(session(), card, credential, body["automatic_update"], current_time())
        return _shown(card, credential)

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.CredentialAnswer)
    def delete(self, credential_id: str) -> Any:
        """Withdraw the registration: to one that waits, this is the no."""
        card, credential = owned.credential(session(), caller(), credential_id, lock=True)
        credentials.withdraw(session(), card, credential, by="cardholder", now=current_time())
        return _shown(card, credential)


@blueprint.route("/credentials/<credential_id>/updates")
class CredentialUpdates(MethodView):
    """R-3.6c."""

    @requires("wallet")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.CredentialUpdateList)
    def get(self, page: dict[str, Any], credential_id: str) -> Any:
        """What the shop was told of this card, or is to be told, and when it received it; newest first."""
        _, credential = owned.credential(session(), caller(), credential_id)
        before = position(page) if page["cursor"] else None
        rows = receipts.entries(session(), credential, before=before, most=page["limit"] + 1)
        return answer(rows, page, lambda last: str(last.seq), shown_credentials.update)
