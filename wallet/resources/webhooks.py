"""Where merchants and wallet providers listen: the same calls, mounted once for each audience."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView
from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from notifications import bodies, webhooks
from notifications.models import Delivery, WebhookEndpoint
from tokenization import ids, requestors
from tokenization.errors import NotFound
from tokenization.events import rfc3339
from tokenization.models import Requestor
from wallet.access.guard import caller, requires
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, reads, session, writes
from wallet.resources import owned
from wallet.resources.pages import newest_first, position
from wallet.schemas import webhooks as schemas
from wallet.services import current_time, services


def requestor() -> Requestor:
    """The requestor that the calling client speaks for. Raises NotFound."""
    requestor_id = caller().requestor_id
    if requestor_id is None:
        raise NotFound
    return requestors.get(session(), requestor_id)


def endpoint_shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint, without its secret."""
    return {
        "id": ids.to_text("whk", endpoint.endpoint_id),
        "url": endpoint.url,
        "update_format": endpoint.update_format,
        "encryption_key": endpoint.encryption_key,
        "encryption_key_approved": endpoint.encryption_key_approved,
        "status": endpoint.state,
        "check": endpoint.checked_at and {"at": endpoint.checked_at, "result": endpoint.check_result},
        "failing_since": endpoint.failing_since,
        "disabled": endpoint.disabled_at and {"at": endpoint.disabled_at, "reason": webhooks.REASONS[endpoint.state]},
        "previous_secret_until": webhooks.previous_secret_until(endpoint, current_time()),
        "created_at": endpoint.created_at,
    }


def _secret_again(session: Session, body: Mapping[str, Any]) -> dict[str, Any]:
    """The newest secret, and until when the one before it signs along, for the replay of an answer that was lost."""
    endpoint, now = webhooks.get_endpoint(session, requestor().requestor_id), current_time()
    newest = webhooks.valid_secrets(session, services().vault, endpoint, now)[0]
    until = webhooks.previous_secret_until(endpoint, now)
    return {"secret": newest.reveal(), "previous_secret_until": until and rfc3339(until)}


def deliveries(requestor_id: UUID, page: dict[str, Any]) -> dict[str, Any]:
    """What was sent to a requestor, newest first."""
    return newest_first(session(), sent_to(requestor_id, page["status"]), Delivery.delivery_id, page, _delivery)


def sent_to(requestor_id: UUID, status: str | None) -> Select[Any]:
    """All deliveries to a requestor, or those of which this became."""
    all_of_them = select(Delivery).where(Delivery.requestor_id == requestor_id)
    if status is None:
        return all_of_them
    # In the statement's own text, for the partial indexes (models.PENDING).
    return all_of_them.where(Delivery.state == literal(status, literal_execute=True))


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": ids.to_text("dlv", row.delivery_id),
        "type": row.kind,
        "status": row.state,
        "attempts": row.attempts,
        "last_status": row.last_status,
        "last_error": row.last_error,
        "next_attempt_at": row.next_attempt_at if row.state == "pending" else None,
        "finished_at": row.finished_at,
        "created_at": row.created_at,
    }


def feed(kind: str, page: dict[str, Any]) -> dict[str, Any]:
    """Every update of a kind since a cursor, oldest first; what is shown is noted as received."""
    owner, now = requestor().requestor_id, current_time()
    found = bodies.feed(session(), services().vault, owner, kind, after=position(page), limit=page["limit"], now=now)
    if request.method != "HEAD":  # which shows nothing
        bodies.note_received(session(), owner, found.received, found.with_number, now)
    return {
        "data": found.bodies,
        "next_cursor": str(found.last_seq) if found.more else None,
        "cursor": str(found.last_seq),
    }


def mount(blueprint: Blueprint, scope: str) -> None:
    """Add the webhook calls for an audience."""
    _mount_endpoint(blueprint, scope)
    _mount_deliveries(blueprint, scope)


def _mount_endpoint(blueprint: Blueprint, scope: str) -> None:
    @blueprint.route("/webhook-endpoint")
    class Endpoint(MethodView):
        """Where webhooks go."""

        @requires(scope)
        @reads
        @blueprint.response(200, schemas.EndpointAnswer)
        def get(self) -> Any:
            """The endpoint, without its secret."""
            return endpoint_shown(webhooks.get_endpoint(session(), requestor().requestor_id))

        @requires(scope)
        @limited("endpoint_per_client")
        @writes(secrets=("secret",), rebuild=_secret_again)
        @blueprint.arguments(schemas.PutEndpoint())
        @blueprint.response(200, schemas.EndpointAnswer)
        def put(self, body: dict[str, Any]) -> Any:
            """Set it, or enable it again; answers its secret. Another URL gets a new one."""
            parts = services()
            endpoint, secret = webhooks.put_endpoint(
                session(), parts.vault, parts.webhook_guard, requestor(), **body, now=current_time()
            )
            return endpoint_shown(endpoint) | {"secret": secret.reveal()}

    @blueprint.route("/webhook-endpoint/rotate-secret")
    class RotateSecret(MethodView):
        """A new secret."""

        @requires(scope)
        @limited("endpoint_per_client")
        @writes(secrets=("secret",), rebuild=_secret_again)
        @blueprint.response(200, schemas.EndpointAnswer)
        def post(self) -> Any:
            """The old one signs beside it for a day."""
            owner = requestor().requestor_id
            secret = webhooks.rotate_secret(session(), services().vault, owner, current_time())
            return endpoint_shown(webhooks.get_endpoint(session(), owner)) | {"secret": secret.reveal()}


def _mount_deliveries(blueprint: Blueprint, scope: str) -> None:
    @blueprint.route("/webhook-endpoint/test")
    class Test(MethodView):
        """Trying it."""

        @requires(scope)
        @limited("endpoint_per_client")
        @writes()
        @blueprint.response(200, schemas.DeliveryAnswer)
        def post(self) -> Any:
            """Send a `webhook.test`."""
            return _delivery(webhooks.send_test(session(), requestor().requestor_id, current_time()))

    @blueprint.route("/webhook-endpoint/deliveries")
    class Deliveries(MethodView):
        """What was sent."""

        @requires(scope)
        @reads
        @blueprint.arguments(schemas.DeliveryPage(), location="query")
        @blueprint.response(200, schemas.DeliveryList)
        def get(self, page: dict[str, Any]) -> Any:
            """Newest first; `?status=` for some of them."""
            return deliveries(requestor().requestor_id, page)

    @blueprint.route("/webhook-endpoint/replay")
    class Replay(MethodView):
        """For a receiver that lost what it had."""

        @requires(scope)
        @limited("replay_per_client")
        @writes()
        @blueprint.arguments(schemas.Replay())
        @blueprint.response(200, schemas.ReplayAnswer)
        def post(self, body: dict[str, Any]) -> Any:
            """Send again what happened since, of each card or token the newest; under the same `webhook-id` where it
            had one.
            """
            return {"queued": webhooks.replay_since(session(), requestor().requestor_id, body["since"], current_time())}

    @blueprint.route("/webhook-endpoint/deliveries/<delivery_id>/retry")
    class Retry(MethodView):
        """Sending again."""

        @requires(scope)
        @limited("endpoint_per_client")
        @writes()
        @blueprint.response(200, schemas.DeliveryAnswer)
        def post(self, delivery_id: str) -> Any:
            """From the start of the schedule, under the same `webhook-id`."""
            wanted = owned.id_from("dlv", delivery_id)
            return _delivery(webhooks.retry(session(), requestor().requestor_id, wanted, current_time()))
