"""Acquirers: authorise, look up, reverse. A decision is always 200; only what cannot be read is an error."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

import rfc8785
from flask import Response, jsonify, request
from flask.views import MethodView

from tokenization.errors import Invalid, NotFound
from tokenization.keys import Purpose
from tokenization.vault import keyed_hash
from wallet import metrics
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.errors import problem
from wallet.payments import authorization, history, references
from wallet.payments.authorization import Answer, ReferenceReused
from wallet.payments.models import Payment
from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Cryptogram,
    Instrument,
    Merchant,
    PlasticInstrument,
    TokenInstrument,
)
from wallet.resources import owned
from wallet.schemas import network as schemas
from wallet.services import services

blueprint = Blueprint("network", __name__, url_prefix="/v1/network", description="Acquirers and networks")
CLOCK_SKEW_MAX: Final = timedelta(hours=24)


def _now() -> datetime:
    return services().clock.now()


@blueprint.route("/authorizations")
class Authorizations(MethodView):
    """May this be paid?"""

    @requires("network")
    @writes()
    @blueprint.arguments(schemas.AuthorizationInput())
    @blueprint.response(200, schemas.DecisionAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Decide. `network_reference` is the idempotency key: a repeat gets the first answer."""
        now = _now()
        if abs(body["at"] - now) > CLOCK_SKEW_MAX:
            raise Invalid("at", "is more than 24 hours away from our clock")
        (answer,) = authorization.authorize(session(), services().vault, [read(body)], now)
        return _reply(answer)


def _reply(answer: Answer | ReferenceReused) -> Response:
    if isinstance(answer, ReferenceReused):
        named = [("network_reference", "was used before with other content")]
        return problem(422, "network-reference-reused", "some values cannot be accepted", field_errors=named)
    response = jsonify(answer.body)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        metrics.DECISIONS.labels(answer.body["reason"]).inc()
    return response


def read(body: dict[str, Any]) -> Authorization:
    """The request as a value, and the keyed hash of its content."""
    key = services().vault.ring.current(Purpose.REQUEST_HASH).key
    return Authorization(
        client_id=caller().client_id,
        network_reference=body["network_reference"],
        content_hash=keyed_hash(key, rfc8785.dumps(json.loads(request.get_data(cache=True)))),
        instrument=_instrument(body),
        entry_mode=body["entry_mode"],
        kind=body["kind"],
        amount_minor=body["amount"],
        currency=body["currency"],
        estimated=body["estimated"],
        scheme=body["scheme"],
        merchant=Merchant(**body["merchant"]),
        terminal=body["terminal"],
        authentication=body.get("authentication", "none"),
        initiated_by=body.get("initiated_by", "cardholder"),
    )


def _instrument(body: dict[str, Any]) -> Instrument:
    if "token" in body:
        return TokenInstrument(body["token"], Cryptogram(**body["cryptogram"]))
    if "card" in body:
        return PlasticInstrument(cvm=body["cvm"], **body["card"])
    return CredentialInstrument(body["credential_id"])


@blueprint.route("/authorizations/<payment_id>")
class OneAuthorization(MethodView):
    """A payment that this acquirer asked for."""

    @requires("network")
    @reads
    @blueprint.response(200, schemas.AuthorizationAnswer)
    def get(self, payment_id: str) -> Any:
        """The answer that was given, and what became of it."""
        entry = references.payment_of(session(), owned.id_from("pay", payment_id))
        if entry is None or entry.answer is None or entry.client_id != caller().client_id:
            raise NotFound
        payment = session().get(Payment, (entry.card_id, entry.payment_id)) if entry.card_id else None
        if payment is None:
            return entry.answer | {"status": "declined", "at": entry.at, "history": []} | _moved(0, 0, 0)
        moved = _moved(payment.captured_minor, payment.reversed_minor, payment.refunded_minor)
        history_ = history.operations(session(), payment)
        return entry.answer | moved | {"status": history.status(payment), "at": payment.at, "history": history_}


def _moved(captured: int, reversed_: int, refunded: int) -> dict[str, int]:
    return {"captured": captured, "reversed": reversed_, "refunded": refunded}
