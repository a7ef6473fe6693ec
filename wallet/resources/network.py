"""Acquirers: authorise, capture, reverse, refund, look up. A decision is 200, also when it is a no."""

from datetime import datetime
from typing import Any, Final

from flask import Response, jsonify
from flask.views import MethodView

from tokenization.errors import Invalid, NotFound
from tokenization.journal.links import plainly
from tokenization.keys.ring import Purpose
from tokenization.vault import keyed_hash
from wallet import metrics
from wallet.access.guard import caller, refusal, requires
from wallet.access.sessions import Standing
from wallet.api import Blueprint, reads, sent, session, writes
from wallet.errors import problem
from wallet.payments import history, operations, references
from wallet.payments.models import Payment
from wallet.payments.references import Answer, ReferenceReused
from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Cryptogram,
    Instrument,
    Merchant,
    Operation,
    PlasticInstrument,
    Reference,
    TokenInstrument,
)
from wallet.payments.standing import TOO_HIGH, Refused
from wallet.resources import groups, owned
from wallet.schemas import network as schemas
from wallet.services import services

blueprint = Blueprint("network", __name__, url_prefix="/v1/network", description="Acquirers and networks")
_BEFORE_RATES: Final[dict[str, Any]] = {"billed": None}  # an answer that was given before there were any lacks it
# Why nothing can be captured, reversed or refunded: a state, but for an amount or a reference that doesn't fit.
_CONFLICTS: Final = {
    "payment-declined": "the payment was declined: there is nothing to capture, reverse or refund",
    "nothing-held": "nothing is held any more: it was captured, reversed or given up",
    "hold-expired": "what was held and not captured has expired: ask for a new authorisation",
    "nothing-captured": "nothing is left of what was captured",
    "nothing-to-reverse": "nothing is held, and nothing is left of what was captured",
}
# What became of an amount, as its columns and the answer name it.
_MOVED: Final = ("captured", "reversed", "refunded", "expired")


def _now() -> datetime:
    return services().clock.now()


@blueprint.route("/authorizations")
class Authorizations(MethodView):
    """May this be paid?"""

    @requires("network", in_groups=True)
    @writes()
    @blueprint.arguments(schemas.AuthorizationInput())
    @blueprint.response(200, schemas.DecisionAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Decide. `network_reference` is the idempotency key: a repeat gets the first answer."""
        outcome = _decided(groups.Asked(read(body, _reference(body, "authorization")), body["at"]))
        if isinstance(outcome, Invalid):
            raise outcome
        if isinstance(outcome, Answer) and not outcome.replayed:
            metrics.DECISIONS.labels(outcome.body["reason"]).inc()
        return _reply(outcome)


def _decided(asked: groups.Asked) -> groups.Decided:
    """What comes of it: in the request's own transaction where it has one, else in a group's."""
    if caller().stands:
        return groups.decide(session(), [asked])[0]
    outcome = groups.decided(asked)
    if isinstance(outcome, Standing):
        raise refusal(outcome)
    return outcome


def _reply(answer: Answer | ReferenceReused | Refused, status: int = 200) -> Response:
    if isinstance(answer, ReferenceReused):
        return _unacceptable("network-reference-reused", "network_reference", "was used before with other content")
    if isinstance(answer, Refused):
        return _refusal(answer)
    response = jsonify(answer.body)
    response.status_code = status
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _refusal(refused: Refused) -> Response:
    if refused.code == TOO_HIGH:
        return _unacceptable(TOO_HIGH, "amount", f"is more than the {refused.most} that there is", most=refused.most)
    if refused.code in _CONFLICTS:
        return problem(409, refused.code, _CONFLICTS[refused.code])
    return _unacceptable(refused.code, "original_network_reference", "names no authorisation")


def _unacceptable(code: str, field: str, message: str, **facts: object) -> Response:
    return problem(422, code, "some values cannot be accepted", field_errors=[(field, message)], facts=facts)


def read(body: dict[str, Any], reference: Reference) -> Authorization:
    """The request as a value, by what its client calls it."""
    return Authorization(
        reference=reference,
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


def _reference(body: dict[str, Any], *what_for: str) -> Reference:
    """The client's reference, with the keyed hashes of what it was used for and of all that was sent."""
    ring = services().vault.ring
    content = plainly([*what_for, sent()]).encode()
    current = ring.current(Purpose.REQUEST_HASH)
    others = [each.key for each in ring.usable(Purpose.REQUEST_HASH) if each.version != current.version]
    hashes = [keyed_hash(key, content) for key in (current.key, *others)]
    return Reference(caller().client_id, body["network_reference"], hashes[0], tuple(hashes[1:]))


def _instrument(body: dict[str, Any]) -> Instrument:
    if "token" in body:
        return TokenInstrument(body["token"], Cryptogram(**body["cryptogram"]))
    if "card" in body:
        return PlasticInstrument(cvm=body.get("cvm", "none"), **body["card"])
    return CredentialInstrument(body["credential_id"])


@blueprint.route("/authorizations/<payment_id>")
class OneAuthorization(MethodView):
    """A payment that this acquirer asked for."""

    @requires("network")
    @reads
    @blueprint.response(200, schemas.AuthorizationAnswer)
    def get(self, payment_id: str) -> Any:
        """The answer that was given, and what became of it."""
        entry = references.payment_of(session(), caller().client_id, owned.id_from("pay", payment_id))
        if entry is None or entry.answer is None:
            raise NotFound
        payment = session().get(Payment, (entry.card_id, entry.payment_id)) if entry.card_id else None
        if payment is None:
            declined = {"status": "declined", "at": entry.at, "history": []}
            return _BEFORE_RATES | entry.answer | declined | dict.fromkeys(_MOVED, 0)
        moved = {name: getattr(payment, f"{name}_minor") for name in _MOVED}
        became = {"status": history.status(payment), "at": payment.at}
        became["history"] = history.operations(session(), payment)
        return _BEFORE_RATES | entry.answer | moved | became


@blueprint.route("/authorizations/<payment_id>/captures")
class Captures(MethodView):
    """R-3.1a: the final amount, or a part of it."""

    @requires("network")
    @writes()
    @blueprint.arguments(schemas.CaptureInput())
    @blueprint.response(201, schemas.OperationAnswer)
    def post(self, body: dict[str, Any], payment_id: str) -> Any:
        """Take money that is held, and where the amount was estimated a margin beyond it."""
        return _operate("capture", payment_id, body)


@blueprint.route("/authorizations/<payment_id>/reversals")
class Reversals(MethodView):
    """R-3.1b."""

    @requires("network")
    @writes()
    @blueprint.arguments(schemas.ReversalInput())
    @blueprint.response(201, schemas.OperationAnswer)
    def post(self, body: dict[str, Any], payment_id: str) -> Any:
        """Undo it, whole or in part: gives back hold, money and usage."""
        return _operate("reversal", payment_id, body)


@blueprint.route("/authorizations/<payment_id>/refunds")
class Refunds(MethodView):
    """R-3.1b."""

    @requires("network")
    @writes()
    @blueprint.arguments(schemas.RefundInput())
    @blueprint.response(201, schemas.OperationAnswer)
    def post(self, body: dict[str, Any], payment_id: str) -> Any:
        """Give back money that was captured."""
        return _operate("refund", payment_id, body)


def _operate(kind: str, payment_id: str, body: dict[str, Any]) -> Response:
    asked = Operation(_reference(body, kind, payment_id), kind, body["amount"], body.get("final", False))
    return _reply(operations.operate(session(), owned.id_from("pay", payment_id), asked, _now()), 201)


@blueprint.route("/reversals")
class LostAnswers(MethodView):
    """When the answer to an authorisation was lost."""

    @requires("network")
    @writes()
    @blueprint.arguments(schemas.LostAnswerReversal())
    @blueprint.response(201, schemas.OperationAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Reverse by the authorisation's own reference; one that comes later is declined."""
        asked = Operation(_reference(body, "reversal"), "reversal", body["amount"])
        return _reply(operations.reverse_lost(session(), body["original_network_reference"], asked, _now()), 201)
