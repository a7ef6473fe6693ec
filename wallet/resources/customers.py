"""The bank's customers and their accounts."""

from typing import Any

from flask.views import MethodView

from tokenization import cardholders
from tokenization.models import Cardholder
from wallet.access import sessions
from wallet.access.guard import requires
from wallet.api import Blueprint, reads, session, writes
from wallet.payments import accounts
from wallet.payments.models import Account
from wallet.resources import owned, shown
from wallet.schemas import issuer as schemas
from wallet.services import current_time, services

blueprint = Blueprint("customers", __name__, url_prefix="/v1/issuer", description="The bank's customers")


def _holder(row: Cardholder) -> shown.Shown:
    fields = ("holder_id", "name", "language", "address", "created_at")
    mobile = shown.masked_mobile(session(), services().vault, row)
    return {name: getattr(row, name) for name in fields} | {"mobile": mobile, "mitid_linked": bool(row.mitid_uuid)}


@blueprint.route("/cardholders")
class Cardholders(MethodView):
    """Customers."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.Cardholder())
    @blueprint.response(201, schemas.CardholderAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Register a cardholder."""
        return _holder(cardholders.register(session(), services().vault, **body, now=current_time()))


@blueprint.route("/cardholders/<holder_id>")
class OneCardholder(MethodView):
    """One customer."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.CardholderAnswer)
    def get(self, holder_id: str) -> Any:
        """The cardholder, without CPR, the mobile masked."""
        return _holder(cardholders.get(session(), owned.id_from("holder", holder_id)))

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.ChangeCardholder())
    @blueprint.response(200, schemas.CardholderAnswer)
    def patch(self, body: dict[str, Any], holder_id: str) -> Any:
        """Change name, address, language, mobile, or the MitID link; without one the next sign-in is matched by CPR."""
        holder = cardholders.get(session(), owned.id_from("holder", holder_id), lock=True)
        was_linked_to = holder.mitid_uuid
        cardholders.change(session(), services().vault, holder, body, current_time())
        if was_linked_to != holder.mitid_uuid:
            sessions.end_for_holder(session(), holder.holder_id, now=current_time())
        return _holder(holder)


def _account(row: Account) -> shown.Shown:
    fields = ("account_id", "holder_id", "currency", "balance_minor", "overdraft_limit_minor", "held_minor")
    return {name: getattr(row, name) for name in fields} | {"available": accounts.available_minor(row)}


@blueprint.route("/accounts")
class Accounts(MethodView):
    """The money behind the cards."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.Account())
    @blueprint.response(201, schemas.AccountAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Open an account."""
        holder = cardholders.get(session(), body["cardholder_id"])
        account = accounts.open_account(
            session(),
            holder_id=holder.holder_id,
            currency=body["currency"],
            balance_minor=body["balance"],
            overdraft_limit_minor=body["overdraft_limit"],
            now=current_time(),
        )
        return _account(account)


@blueprint.route("/accounts/<account_id>")
class OneAccount(MethodView):
    """One account."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.AccountAnswer)
    def get(self, account_id: str) -> Any:
        """Balance, overdraft limit, holds and what is available."""
        return _account(accounts.get(session(), owned.id_from("acct", account_id)))

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.ChangeAccount())
    @blueprint.response(200, schemas.AccountAnswer)
    def patch(self, body: dict[str, Any], account_id: str) -> Any:
        """The bank's own books moved."""
        account = accounts.lock(session(), owned.id_from("acct", account_id))
        account.balance_minor = body.get("balance", account.balance_minor)
        account.overdraft_limit_minor = body.get("overdraft_limit", account.overdraft_limit_minor)
        return _account(account)
