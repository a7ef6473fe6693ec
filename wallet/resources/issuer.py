"""The bank's cards, and its blocking line. Every call names the member of staff."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import card_verification, cardholders, cards, ids, replacement
from tokenization.errors import Invalid
from tokenization.models import Card, Cardholder, Plastic
from tokenization.secret import Number
from wallet import blocking
from wallet.access.guard import caller, requires
from wallet.api import Blueprint, reads, session, writes
from wallet.payments import accounts
from wallet.resources import owned, shown
from wallet.schemas import issuer as schemas
from wallet.schemas.cards import DryRun
from wallet.services import current_time, services

blueprint = Blueprint("issuer", __name__, url_prefix="/v1/issuer", description="The bank")


def card_shown(card: Card) -> shown.Shown:
    """A card as the bank sees it."""
    plastic = cards.current_plastic(session(), card)
    of_plastic = {"id": ids.to_text("plst", plastic.plastic_id), "status": _plastic_status(card, plastic)}
    return shown.card(session(), card, current_time()) | {
        "holder_id": card.holder_id,
        "account_id": card.account_id,
        "noticed_at": card.noticed_at,
        "plastic": of_plastic | {"last4": plastic.last4, "expiry": cards.month(plastic.expiry)},
    }


def _plastic_status(card: Card, plastic: Plastic) -> str:
    if card.state != "active":
        return "blocked"
    return "expired" if cards.is_expired(plastic, current_time()) else plastic.state


def _numbers(session: Session, body: Mapping[str, Any]) -> dict[str, Any]:
    """The number and the CVC of the plastic that an answer is about: opened and computed, never kept.

    Of the card that the path names, whatever stands in the answer; only a call that issues one names none.
    """
    named = (request.view_args or {}).get("card_id", body["id"])
    card_id, plastic_id = ids.parse("card", named), ids.parse("plst", body["plastic"]["id"])
    vault, plastic = services().vault, cards.plastic(session, card_id, plastic_id)
    number = cards.reveal_number(session, vault, card_id, plastic_id)
    return {"number": number.reveal(), "cvc": card_verification.of_plastic(vault.ring, plastic, number).reveal()}


def _with_numbers(card: Card) -> shown.Shown:
    """Who gets this has the plastic made: it need not go to the bureau as well (embossing.py)."""
    cards.current_plastic(session(), card).ordered_at = current_time()
    about = card_shown(card)
    return about | _numbers(session(), about | {"id": ids.to_text("card", card.card_id)})


SECRETS = ("number", "cvc")


@blueprint.route("/cards")
class Cards(MethodView):
    """Issuing."""

    @requires("issuer")
    @writes(secrets=SECRETS, rebuild=_numbers)
    @blueprint.arguments(schemas.IssueCard())
    @blueprint.response(201, schemas.IssuerCardAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """A new card; `number`, `expiry` and `cvc` are shown this once."""
        parts, holder = services(), cardholders.get(session(), body["cardholder_id"])
        account = accounts.get(session(), body["account_id"])
        if account.holder_id != holder.holder_id:
            raise Invalid("account_id", "is another cardholder's account")
        owner = {"holder_id": holder.holder_id, "account_id": account.account_id, "scheme": body["scheme"]}
        card = cards.issue(session(), parts.vault, parts.settings.number_space, **owner, now=current_time())
        return _with_numbers(card)


def locked(card_id: str) -> Card:
    """Any card, locked. Raises NotFound."""
    return owned.card(session(), caller(), owned.id_from("card", card_id), lock=True)


@blueprint.route("/cards/<card_id>")
class OneCard(MethodView):
    """One card."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def get(self, card_id: str) -> Any:
        """The card and its newest plastic, without the number."""
        return card_shown(owned.card(session(), caller(), owned.id_from("card", card_id)))


@blueprint.route("/cards/<card_id>/block")
class Block(MethodView):
    """R-10.1, R-12.1."""

    @requires("issuer", without_redis=True)
    @writes()
    @blueprint.arguments(DryRun(), location="query")
    @blueprint.arguments(schemas.BlockByIssuer())
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, how: dict[str, Any], body: dict[str, Any], card_id: str) -> Any:
        """Block it everywhere, at once; `?dry_run=true` says what would happen. Broken rules and overdraft: after a
        written reminder, unless gross.
        """
        card, now = locked(card_id), current_time()
        reported_by, asked = body["reported_by"], {name: body[name] for name in ("reason", "reminded_at", "gross")}
        asked |= {"noticed_at": body["noticed_at"] or now, "now": now}
        if how["dry_run"]:
            cards.check_block(card, **asked)
        else:
            cards.block(session(), card, by="issuer", reported_by=reported_by, **asked)
        return card_shown(card) | {"cascade": blocking.cascade(session(), card, now)}


@blueprint.route("/cards/<card_id>/unblock")
class Unblock(MethodView):
    """R-10.1c."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, card_id: str) -> Any:
        """A found card: gives back exactly what the block took."""
        card = locked(card_id)
        blocking.unblock(session(), card, current_time())
        return card_shown(card)


@blueprint.route("/cards/<card_id>/close")
class Close(MethodView):
    """The end of the agreement."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, card_id: str) -> Any:
        """For good."""
        card = locked(card_id)
        blocking.close(session(), card, current_time())
        return card_shown(card)


def _replaced(card_id: str, reason: str) -> shown.Shown:
    parts, card = services(), locked(card_id)
    replacement.replace(session(), parts.vault, parts.settings.number_space, card, reason, current_time())
    return _with_numbers(card)


@blueprint.route("/cards/<card_id>/replace")
class Replace(MethodView):
    """R-12.2."""

    @requires("issuer")
    @writes(secrets=SECRETS, rebuild=_numbers)
    @blueprint.arguments(schemas.Replace())
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, body: dict[str, Any], card_id: str) -> Any:
        """A new plastic with a new number, inactive until activated; tokens and credentials pay on."""
        return _replaced(card_id, body["reason"])


@blueprint.route("/cards/<card_id>/renew")
class Renew(MethodView):
    """R-13."""

    @requires("issuer")
    @writes(secrets=SECRETS, rebuild=_numbers)
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, card_id: str) -> Any:
        """A new plastic before the old one expires: with a new number, as always."""
        return _replaced(card_id, "expiring")


@blueprint.route("/cards/<card_id>/activate-plastic")
class ActivatePlastic(MethodView):
    """The cardholder has the new plastic."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.IssuerCardAnswer)
    def post(self, card_id: str) -> Any:
        """It works from now on, and the one before no more."""
        card = locked(card_id)
        replacement.activate_plastic(session(), card, current_time())
        return card_shown(card)


@blueprint.route("/cards/search")
class Search(MethodView):
    """The blocking line (R-10.1a)."""

    @requires("issuer")
    @writes()
    @blueprint.arguments(schemas.Search())
    @blueprint.response(200, schemas.IssuerCardList)
    def post(self, body: dict[str, Any]) -> Any:
        """Cards that fit every field that is given; at most 50."""
        if not body:
            raise Invalid("name", "give at least one field to search by")
        found = session().scalars(_search(body).order_by(Card.card_id.desc()).limit(50))
        return {"data": [card_shown(card) for card in found], "next_cursor": None}


def _search(body: dict[str, Any]) -> Any:
    vault, wanted = services().vault, select(Card).join(Cardholder, Cardholder.holder_id == Card.holder_id)
    conditions: dict[str, Callable[[Any], Any]] = {
        "name": lambda text: Cardholder.name.icontains(text, autoescape=True),
        "address": lambda text: Cardholder.address.icontains(text, autoescape=True),
        "cpr": lambda text: Cardholder.cpr_fingerprint == vault.fingerprint("cpr", cardholders.normal_cpr(text)),
        "mobile": lambda text: Cardholder.mobile_fingerprint == vault.fingerprint("mobile", text),
        "account_id": lambda account_id: Card.account_id == account_id,
        "last4": lambda last4: Card.card_id.in_(select(Plastic.card_id).where(Plastic.last4 == last4)),
        "number": lambda number: Card.card_id == _card_of(number),
    }
    return wanted.where(*(conditions[name](value) for name, value in body.items()))


def _card_of(number: Number) -> UUID | None:
    """None, too, where the number is entered for a card that it is not the number of: another would be blocked."""
    vault = services().vault
    found = cards.find_by_number(session(), vault, number.reveal())
    is_its = found and cards.has_number(session(), vault, found.card_id, found.plastic_id, number)
    return found.card_id if found and is_its else None
