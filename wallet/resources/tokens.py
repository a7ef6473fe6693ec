"""Tokens on phones: provision, choose a PIN, fetch payment keys, suspend, resume, end."""

from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from flask import Response
from flask.views import MethodView
from sqlalchemy import select

from delegation import pairing
from tokenization import cards, payment_keys, tokens
from tokenization.errors import IllegalMove, NotFound
from tokenization.models import Card, Token
from tokenization.provisioning import CardEntry, Refused
from wallet import provisioning
from wallet.access import sessions
from wallet.access.errors import AccessRefused
from wallet.access.guard import Caller, caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.errors import problem
from wallet.resources import owned, shown
from wallet.resources.pages import newest_first
from wallet.schemas import cards as lists
from wallet.schemas import tokens as schemas
from wallet.services import services

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
    "too-many-attempts": (429, "too many wrong cards: wait"),
    "drawing-right-inactive": (409, "the drawing right is not in force on this phone"),
    "pair-again": (409, "the phone must be paired anew"),
}


def _refusal(refused: Refused) -> Response:
    status, detail = _REFUSALS[refused.code]
    facts = dict(refused.facts)
    wait = facts.pop("retry_after_seconds", None)
    return problem(status, refused.code, detail, headers=[("Retry-After", str(wait))] if wait else [], facts=facts)


def _now() -> Any:
    return services().clock.now()


def _shown(token: Token) -> shown.Shown:
    return shown.token(session(), token, _now(), to_child=caller().scope == "child")


@blueprint.route("")
class Tokens(MethodView):
    """The tokens of a cardholder, or of a child."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(lists.Page(), location="query")
    @blueprint.arguments(schemas.TokenQuery(), location="query")
    @blueprint.response(200, schemas.TokenList)
    def get(self, page: dict[str, Any], query: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Token).where(_visible_to(caller()))
        if query["card_id"]:
            wanted = wanted.where(Token.card_id == query["card_id"])
        return newest_first(session(), wanted, Token.token_id, page, _shown)

    @requires("wallet", "child", step_up="provision")
    @writes()
    @blueprint.arguments(schemas.Provision())
    @blueprint.response(201, schemas.TokenAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Put a card on this phone (R-3.3a)."""
        made = _provision(caller(), body)
        return _refusal(made) if isinstance(made, Refused) else _shown(made)


def _visible_to(who: Caller) -> Any:
    if who.scope == "child":
        return (Token.right_id == who.right_id) & (Token.device_thumbprint == who.thumbprint)
    return Token.card_id.in_(select(Card.card_id).where(Card.holder_id == who.holder_id))


def _provision(who: Caller, body: dict[str, Any]) -> Token | Refused:
    parts, device = services(), body["device"]
    if who.requestor_id is None or who.thumbprint is None:
        return Refused("wallet-not-approved", {})
    phone = provisioning.Phone(
        who.requestor_id,
        body["scheme"],
        tokens.Device(device["name"], device["platform"], who.thumbprint, device["encryption_key"]),
    )
    around = (session(), parts.vault, parts.settings.number_space, phone)
    if who.scope == "child":
        if body.get("drawing_right_id") != who.right_id or who.right_id is None or who.card_id is None:
            raise NotFound
        return provisioning.by_right(*around, who.card_id, who.right_id, _now())
    if "drawing_right_id" in body or who.holder_id is None:
        raise NotFound
    return provisioning.by_card(*around, who.holder_id, _entry(body), _now())


def _entry(body: dict[str, Any]) -> CardEntry:
    encrypted = body.get("encrypted_card")
    card = body["card"] if encrypted is None else provisioning.open_card(services().transport_keys, encrypted, _CARD)
    return CardEntry(card["number"].reveal(), card["expiry"], card["cvc"].reveal())


@blueprint.route("/<token_id>")
class OneToken(MethodView):
    """One token."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.TokenAnswer)
    def get(self, token_id: str) -> Any:
        """The token, with its derived status."""
        return _shown(owned.token(session(), caller(), token_id)[1])

    @requires("wallet", "child")
    @writes()
    @blueprint.response(200, schemas.TokenAnswer)
    def delete(self, token_id: str) -> Any:
        """End it, for good."""
        card, token = owned.token(session(), caller(), token_id, lock=True)
        tokens.deactivate(session(), card, token, by=_who(), now=_now())
        return _shown(token)


def _who() -> str:
    return "cardholder" if caller().scope == "wallet" else "delegate"


def _on_its_device(token_id: str) -> tuple[Card, Token]:
    """The token, its card locked, for a call that only its own phone may make. Raises AccessRefused `wrong-device`."""
    card, token = owned.token(session(), caller(), token_id, lock=True)
    if token.device_thumbprint != caller().thumbprint:
        raise AccessRefused(403, "wrong-device", "only the phone that the token is on may do that")
    return card, token


@blueprint.route("/<token_id>/activate")
class Activate(MethodView):
    """R-3.3a: a personal security measure."""

    @requires("wallet", "child")
    @writes()
    @blueprint.arguments(schemas.Activate())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """Choose the PIN: only from `inactive`, and the token is active."""
        card, token = _on_its_device(token_id)
        tokens.activate(session(), services().vault, card, token, body["pin_key"], body["biometric_key"], _now())
        return _shown(token)


@blueprint.route("/<token_id>/keys")
class Keys(MethodView):
    """Payment keys."""

    @requires("wallet", "child")
    @writes()
    @blueprint.response(200, schemas.PaymentKeys)
    def post(self, token_id: str) -> Any:
        """The next ten, for this phone alone."""
        card, token = _on_its_device(token_id)
        if (because := _shown(token)["because"]) is not None:
            raise IllegalMove(f"the token cannot pay: {because}")
        return payment_keys.issue(session(), services().vault, card, token, _now())


@blueprint.route("/<token_id>/pin")
class Pin(MethodView):
    """The wallet PIN."""

    @requires("wallet", "child", step_up="pin")
    @writes()
    @blueprint.arguments(schemas.ChangePin())
    @blueprint.response(200, schemas.TokenAnswer)
    def put(self, body: dict[str, Any], token_id: str) -> Any:
        """A new PIN; it clears `pin_locked`. A child's phone is paired for it first."""
        card, token = _on_its_device(token_id)
        if caller().scope == "child" and not _use_allowance(token):
            return _refusal(Refused("pair-again", {}))
        tokens.change_pin(session(), services().vault, card, token, body["pin_key"], _now())
        return _shown(token)


def _use_allowance(token: Token) -> bool:
    if token.right_id is None:
        return False
    paired = pairing.live(session(), token.card_id, token.right_id, token.device_thumbprint)
    return paired is not None and pairing.use_allowance(paired, _now())


@blueprint.route("/<token_id>/suspend")
class Suspend(MethodView):
    """R-10.2. Works while Redis is away."""

    @requires("wallet", "child", without_redis=True)
    @writes()
    @blueprint.arguments(schemas.Suspend())
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, body: dict[str, Any], token_id: str) -> Any:
        """Hold the token back; `device_lost` and `device_stolen` hold all of that phone, and end its sessions."""
        card, token = owned.token(session(), caller(), token_id)
        if body["reason"].startswith("device_"):
            _suspend_phone(card.holder_id, token.device_thumbprint, body["reason"])
        else:
            _suspend(token.card_id, [token], body["reason"])
        return _shown(token)


def _suspend_phone(holder_id: UUID, thumbprint: str, reason: str) -> None:
    """Every token of that phone, card by card in ascending order (so no deadlock); then its sessions."""
    of_phone = select(Token).join(Card, Card.card_id == Token.card_id)
    of_phone = of_phone.where(Card.holder_id == holder_id, Token.device_thumbprint == thumbprint)
    live = session().scalars(of_phone.where(Token.state != "deactivated").order_by(Token.card_id))
    for card_id, on_card in groupby(live.all(), attrgetter("card_id")):
        _suspend(card_id, list(on_card), reason)
    sessions.end_for_thumbprint(session(), holder_id, thumbprint, reason=reason, now=_now())


def _suspend(card_id: UUID, found: list[Token], reason: str) -> None:
    card = cards.lock(session(), card_id)
    if card is None:
        raise NotFound
    for token in found:
        session().refresh(token)
        tokens.suspend(session(), card, token, by="cardholder", reason=reason, now=_now())


@blueprint.route("/<token_id>/resume")
class Resume(MethodView):
    """R-10.2."""

    @requires("wallet", step_up="resume")
    @writes()
    @blueprint.response(200, schemas.TokenAnswer)
    def post(self, token_id: str) -> Any:
        """Take one's own suspension away; after theft or fraud only the bank can."""
        card, token = owned.token(session(), caller(), token_id, lock=True)
        tokens.resume(session(), card, token, by="cardholder", now=_now())
        return _shown(token)
