"""The bank's oversight: tokens held back, requestors approved, policies set."""

from typing import Any

from flask.views import MethodView

from notifications import webhooks as endpoints
from tokenization import life_cycle, policies, requestors
from tokenization.models import Requestor, Token
from wallet import approval
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.resources import one_token, owned, shown, webhooks
from wallet.resources.pages import answer, position
from wallet.schemas import issuer as schemas
from wallet.schemas import tokens as token_schemas
from wallet.schemas import webhooks as webhook_schemas
from wallet.schemas.pages import Page
from wallet.services import current_time, services

blueprint = Blueprint("oversight", __name__, url_prefix="/v1/issuer", description="The bank's oversight")


def _token(token: Token) -> shown.Shown:
    return shown.token(session(), token, current_time())


@blueprint.route("/tokens/<token_id>")
class OneToken(MethodView):
    """One token."""

    @requires("issuer")
    @reads
    @blueprint.response(200, token_schemas.TokenAnswer)
    def get(self, token_id: str) -> Any:
        """With its derived status."""
        return _token(owned.token(session(), caller(), token_id)[1])

    @requires("issuer")
    @writes()
    @blueprint.arguments(token_schemas.DeactivateByIssuer(), location="query")
    @blueprint.response(200, token_schemas.TokenAnswer)
    def delete(self, why: dict[str, Any], token_id: str) -> Any:
        """End it, for good. `device_lost`, `device_stolen`: all else on that phone is suspended, its sessions end."""
        return _token(one_token.end(token_id, by="issuer", reason=why["reason"]))


@blueprint.route("/tokens/<token_id>/suspend")
class Suspend(MethodView):
    """Holding a token back."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(token_schemas.SuspendByIssuer())
    @blueprint.response(200, token_schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """By the bank, beside whoever else suspends it. `device_lost` and `device_stolen`, as a cardholder reports them
        to the blocking line, hold all of that phone back, and end its sessions.
        """
        return _token(one_token.suspend(token_id, by="issuer", reason=body["reason"]))


@blueprint.route("/tokens/<token_id>/resume")
class Resume(MethodView):
    """R-10.2: a found phone, by agreement with the bank."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, token_schemas.TokenAnswer)
    def post(self, token_id: str) -> Any:
        """Takes the bank's suspension away, and the cardholder's, for which the bank alone may be asked."""
        card, token = owned.token(session(), caller(), token_id, lock=True)
        life_cycle.resume(session(), card, token, by="issuer", now=current_time())
        return _token(token)


@blueprint.route("/requestors")
class Requestors(MethodView):
    """R-3.3b: who may hold tokens and cards on file."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.RequestorInput())
    @blueprint.response(201, schemas.RequestorAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Approve one, with the OAuth clients that speak for it."""
        parts = services()
        return _requestor(approval.approve(session(), parts.vault, body, parts.settings, current_time()))


@blueprint.route("/requestors/<requestor_id>")
class OneRequestor(MethodView):
    """One requestor."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.RequestorAnswer)
    def get(self, requestor_id: str) -> Any:
        """With its clients."""
        return _requestor(requestors.get(session(), owned.id_from("reqr", requestor_id)))

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.ChangeRequestor())
    @blueprint.response(200, schemas.RequestorAnswer)
    def patch(self, body: dict[str, Any], requestor_id: str) -> Any:
        """Change what it may do; `suspended` stops its tokens and clients at once."""
        parts, requestor = services(), requestors.get(session(), owned.id_from("reqr", requestor_id), lock=True)
        return _requestor(approval.change(session(), parts.vault, requestor, body, parts.settings, current_time()))


@blueprint.route("/requestors/<requestor_id>/webhook-endpoint")
class Endpoint(MethodView):
    """Where a requestor listens, and the key that it wants card numbers encrypted to."""

    @requires("issuer")
    @reads
    @blueprint.response(200, webhook_schemas.EndpointAnswer)
    def get(self, requestor_id: str) -> Any:
        """Without its secret."""
        return webhooks.endpoint_shown(endpoints.get_endpoint(session(), owned.id_from("reqr", requestor_id)))


@blueprint.route("/requestors/<requestor_id>/webhook-endpoint/deliveries")
class Deliveries(MethodView):
    """What was sent there."""

    @requires("issuer")
    @reads
    @blueprint.arguments(webhook_schemas.DeliveryPage(), location="query")
    @blueprint.response(200, webhook_schemas.DeliveryList)
    def get(self, page: dict[str, Any], requestor_id: str) -> Any:
        """As the requestor sees them."""
        requestor = requestors.get(session(), owned.id_from("reqr", requestor_id))
        return webhooks.deliveries(requestor.requestor_id, page)


@blueprint.route("/requestors/<requestor_id>/webhook-endpoint/approve-key")
class ApproveKey(MethodView):
    """A new encryption key waits for the bank's yes."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.ApproveKey())
    @blueprint.response(200, webhook_schemas.EndpointAnswer)
    def post(self, body: dict[str, Any], requestor_id: str) -> Any:
        """Yes to the key with this thumbprint, and to no other."""
        requestor = requestors.get(session(), owned.id_from("reqr", requestor_id), lock=True)
        approved = approval.approve_key(session(), requestor, body["thumbprint"], current_time())
        return webhooks.endpoint_shown(approved)


def _requestor(row: Requestor) -> shown.Shown:
    terms = {name: getattr(row, name) for name in approval.TERMS}
    contact = shown.contact(session(), services().vault, row)
    about = {"requestor_id": row.requestor_id, "contact": contact, "clients": approval.clients_of(session(), row)}
    return terms | about


@blueprint.route("/policies")
class Policies(MethodView):
    """The figures."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.PolicyList)
    def get(self, page: dict[str, Any]) -> Any:
        """All versions by name, the newest first: from when each holds, and who set it."""
        first = position(page)
        rows = policies.history(session(), first, page["limit"] + 1)
        return answer(rows, page, lambda _: str(first + page["limit"]))


@blueprint.route("/policies/<name>")
class OnePolicy(MethodView):
    """One policy."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.PolicyInput())
    @blueprint.response(200, schemas.PolicyAnswer)
    def put(self, body: dict[str, Any], name: str) -> Any:
        """A new version, effective at once or later; never before now.

        It takes the place of every version that was to hold from the same moment on or later.
        """
        now = current_time()
        return policies.put(session(), name, body["figures"], body["effective_at"] or now, caller().actor, now)
