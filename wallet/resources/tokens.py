"""Tokens on phones: provision, choose a PIN, fetch payment keys, suspend, resume, end."""

from typing import Any, Final

from flask import Response
from flask.views import MethodView
from sqlalchemy import false, select

from delegation import pairing
from tokenization import life_cycle, payment_keys, policies, requestors, tokens
from tokenization.errors import Invalid, NotFound
from tokenization.models import Card, Token
from tokenization.provisioning.card_entry import CardEntry, KnownCard
from tokenization.provisioning.decision import Refused
from wallet import attestation, provisioning
from wallet.access.guard import Caller, caller, requires
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, reads, session, writes
from wallet.errors import problem
from wallet.resources import one_token, owned
from wallet.resources.pages import newest_first
from wallet.schemas import tokens as schemas
from wallet.services import current_time, services

blueprint = Blueprint("tokens", __name__, url_prefix="/v1/tokens", description="Tokens on phones")

_CARD: Final = schemas.CardEntry()
# What a refusal to provision is over HTTP. One answer for an unknown card, another's card, a wrong expiry or CVC.
_REFUSALS: Final = {
    "provisioning-limit-reached": (409, "this card is on as many phones as the bank allows"),
    "card-not-verified": (422, "the card could not be verified"),
    "card-blocked": (409, "the card is blocked"),
    "card-closed": (409, "the card is closed"),
    "card-expired": (409, "the card has expired"),
    "wallet-not-approved": (403, "this wallet is not approved for that"),
    "scheme-not-on-card": (422, "the card has no half of that scheme"),
    "verification-unavailable": (409, "it must be verified, and there is no way to: see decision_reason"),
    "too-many-attempts": (429, "too many wrong cards: wait"),
    "drawing-right-inactive": (409, "the drawing right is not in force on this phone"),
    "pair-again": (409, "the phone must be paired anew"),
}


def _refusal(refused: Refused) -> Response:
    status, detail = _REFUSALS[refused.code]
    facts = dict(refused.facts)
    wait = facts.pop("retry_after_seconds", None)
    headers = [("Retry-After", str(wait))] if wait else []
    named = [("scheme", detail)] if refused.code == "scheme-not-on-card" else []
    return problem(status, refused.code, detail, field_errors=named, headers=headers, facts=facts)


@blueprint.route("")
class Tokens(MethodView):
    """The tokens of a cardholder, or of a child."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(schemas.TokenPage(), location="query")
    @blueprint.response(200, schemas.TokenList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Token).where(_visible_to(caller()))
        if page["card_id"] is not None:
            # A child is not told which card it draws on, and cannot find out.
            wanted = wanted.where(Token.card_id == page["card_id"] if caller().scope == "wallet" else false())
        return newest_first(session(), wanted, Token.token_id, page, one_token.answer)

    @requires("wallet", "child", step_up="provision")
    @limited("provision_per_person")
    @writes()
    @blueprint.arguments(schemas.Provision())
    @blueprint.response(201, schemas.TokenAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Put a card on this phone (R-3.3a)."""
        made = _provision(caller(), body)
        return _refusal(made) if isinstance(made, Refused) else one_token.answer(made)


def _visible_to(who: Caller) -> Any:
    if who.scope == "child":
        return (Token.right_id == who.right_id) & (Token.device_thumbprint == who.thumbprint)
    return Token.card_id.in_(select(Card.card_id).where(Card.holder_id == who.holder_id))


def _provision(who: Caller, body: dict[str, Any]) -> Token | Refused:
    if who.requestor_id is None or who.thumbprint is None:
        return Refused("wallet-not-approved", {})
    requestor, asked = requestors.get(session(), who.requestor_id), body["device"]
    device = tokens.Device(asked["name"], asked["platform"], who.thumbprint, asked["encryption_key"])
    attestation.check(session(), requestor, device, asked["provider_assertion"], current_time())
    phone = provisioning.Phone(requestor, body["scheme"], device, asked["country"])
    return (_by_right if who.scope == "child" else _by_card)(who, body, phone)


def _by_right(who: Caller, body: dict[str, Any], phone: provisioning.Phone) -> Token | Refused:
    if "drawing_right_id" not in body:
        raise Invalid("drawing_right_id", "is needed: a child's phone has no card of its own")
    if who.card_id is None or who.right_id is None or body["drawing_right_id"] != who.right_id:
        raise NotFound
    return provisioning.by_right(session(), services(), phone, who.card_id, who.right_id, current_time())


def _by_card(who: Caller, body: dict[str, Any], phone: provisioning.Phone) -> Token | Refused:
    if "drawing_right_id" in body or who.holder_id is None:
        raise Invalid("drawing_right_id", "is for a child's phone: type the card in here")
    return provisioning.by_card(session(), services(), phone, who.holder_id, _entry(body), current_time())


def _entry(body: dict[str, Any]) -> CardEntry | KnownCard:
    if "card_id" in body:
        return KnownCard(body["card_id"], body["cvc"])
    encrypted = body.get("encrypted_card")
    opened = body["card"] if encrypted is None else provisioning.open_card(services().transport_keys, encrypted, _CARD)
    return CardEntry(**opened)


@blueprint.route("/<token_id>")
class OneToken(MethodView):
    """One token."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.TokenAnswer)
    def get(self, token_id: str) -> Any:
        """The token, with its derived status."""
        return one_token.answer(owned.token(session(), caller(), token_id)[1])

    @requires("wallet", "child")
    @writes()
    @blueprint.arguments(schemas.Deactivate(), location="query")
    @blueprint.response(200, schemas.TokenAnswer)
    def delete(self, why: dict[str, Any], token_id: str) -> Any:
        """End it, for good. `device_lost`, `device_stolen`: all else on that phone is suspended, its sessions end."""
        return one_token.answer(one_token.end(token_id, by=_who(), reason=why["reason"]))


def _who() -> str:
    return "cardholder" if caller().scope == "wallet" else "delegate"


@blueprint.route("/<token_id>/activate")
class Activate(MethodView):
    """R-3.3a: a personal security measure."""

    @requires("wallet", "child")
    @limited("pin_per_person")
    @writes()
    @blueprint.arguments(schemas.Activate())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """Choose the PIN: only from `inactive`, and the token is active."""
        card, token = one_token.on_its_device(token_id)
        keys, also = (body["pin_key"], body["biometric_key"]), one_token.right_says(token)
        life_cycle.activate(session(), services().vault, card, token, *keys, also=also, now=current_time())
        return one_token.answer(token)


@blueprint.route("/<token_id>/keys")
class Keys(MethodView):
    """Payment keys."""

    @requires("wallet", "child")
    @writes()
    @blueprint.response(200, schemas.PaymentKeys)
    def post(self, token_id: str) -> Any:
        """The next ten, for this phone alone."""
        card, token = one_token.on_its_device(token_id)
        one_token.require(card, token, "issue_keys")
        now = current_time()
        most = policies.load(session(), now).tokens.unused_keys
        return payment_keys.issue(session(), services().vault, card, token, most, now)


@blueprint.route("/<token_id>/pin")
class Pin(MethodView):
    """The wallet PIN."""

    @requires("wallet", "child", step_up="pin")
    @limited("pin_per_person")
    @writes()
    @blueprint.arguments(schemas.ChangePin())
    @blueprint.response(200, schemas.TokenAnswer)
    def put(self, body: dict[str, Any], token_id: str) -> Any:
        """A new PIN; it clears `pin_locked`. A child's phone is paired for it first."""
        card, token = one_token.on_its_device(token_id)
        if caller().scope == "child" and not _use_allowance(token):
            return _refusal(Refused("pair-again", {}))
        also, now = one_token.right_says(token), current_time()
        life_cycle.change_pin(session(), services().vault, card, token, body["pin_key"], also=also, now=now)
        return one_token.answer(token)


def _use_allowance(token: Token) -> bool:
    if token.right_id is None:
        return False
    paired = pairing.live(session(), token.card_id, token.right_id, token.device_thumbprint)
    return paired is not None and pairing.use_allowance(paired, current_time())


@blueprint.route("/<token_id>/suspend")
class Suspend(MethodView):
    """R-10.2. Works while Redis is away."""

    @requires("wallet", "child", without_redis=True)
    @writes()
    @blueprint.arguments(schemas.Suspend())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """Hold the token back; `device_lost` and `device_stolen` hold all of that phone, and end its sessions."""
        return one_token.answer(one_token.suspend(token_id, by="cardholder", reason=body["reason"]))


@blueprint.route("/<token_id>/resume")
class Resume(MethodView):
    """R-10.2."""

    @requires("wallet", step_up="resume")
    @writes()
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, token_id: str) -> Any:
        """Take one's own suspension away; after theft or fraud only the bank can."""
        card, token = owned.token(session(), caller(), token_id, lock=True)
        life_cycle.resume(session(), card, token, by="cardholder", now=current_time())
        return one_token.answer(token)
