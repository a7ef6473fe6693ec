"""Merchants: a card on file that never goes stale, and the register of blocked cards (R-3.6, R-21)."""

from typing import Any, Final
from uuid import UUID

from flask import Response
from flask.views import MethodView
from sqlalchemy import select

from notifications import credential_updates
from tokenization import cards, credentials, cvc_guesses, policies, register
from tokenization.errors import NotFound
from tokenization.models import Card, Credential, Plastic
from tokenization.secret import Number
from wallet import provisioning
from wallet.access.guard import caller, requires
from wallet.access.rate_limits import limited
from wallet.api import Blueprint, notes, reads, session, writes
from wallet.errors import problem
from wallet.payments.snapshot import plastic_unusable
from wallet.resources import owned, shown, shown_credentials, webhooks
from wallet.resources.pages import newest_first
from wallet.schemas import merchant as schemas
from wallet.schemas import updates
from wallet.schemas.pages import Page
from wallet.services import current_time, services

blueprint = Blueprint("merchant", __name__, url_prefix="/v1/merchant", description="Merchants")
webhooks.mount(blueprint, "merchant")
_CARD: Final = schemas.CardOnFile()


def _shown(credential: Credential) -> shown.Shown:
    [one] = shown_credentials.to_merchant(session(), [credential], current_time())
    return one


@blueprint.route("/credentials")
class Credentials(MethodView):
    """Cards on file."""

    @requires("merchant")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.MerchantCredentialList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Credential).where(Credential.requestor_id == webhooks.requestor().requestor_id)
        listed = newest_first(session(), wanted, Credential.credential_id, page)
        return listed | {"data": shown_credentials.to_merchant(session(), listed["data"], current_time())}

    @requires("merchant")
    @limited("registering_per_client")
    @writes()
    @blueprint.arguments(schemas.RegisterCredential())
    @blueprint.response(201, schemas.MerchantCredential)
    def post(self, body: dict[str, Any]) -> Any:
        """Keep a card on file; `pending`, paying nothing, until its cardholder says yes (R-3.6a)."""
        encrypted = body.get("encrypted_card")
        typed = body["card"] if encrypted is None else _opened(encrypted)
        plastic = _usable_plastic(typed)
        if plastic is None:
            return _not_verified()
        registered = credentials.register(
            session(),
            cards.locked(session(), plastic.card_id),
            webhooks.requestor(),
            plastic_id=plastic.plastic_id,
            agreement=body["agreement"],
            reference=body["reference"],
            now=current_time(),
        )
        return _shown(registered)


def _opened(encrypted: str) -> dict[str, Any]:
    return provisioning.open_card(services().transport_keys, encrypted, _CARD)


def _usable_plastic(typed: dict[str, Any]) -> Plastic | None:
    """The plastic of a number that could pay now, its card locked; None, and one answer, for all else.

    A number that is nobody's is looked at as far as one that is somebody's, and only what fits is locked, which goes to
    the disk: else the time would tell which numbers there are. The CVC comes last: so would what a wrong one writes.
    """
    found = cards.find_from_number_on(session(), services().vault, typed["number"].reveal())
    if found is None:
        return None
    plastic = cards.plastic(session(), found.card_id, found.plastic_id)
    if not _fits(session().get_one(Card, found.card_id), plastic, typed):
        return None
    card = cards.lock(session(), found.card_id)
    session().refresh(plastic)  # what was looked at before the lock may be so no more
    if card is None or plastic_unusable(card, plastic, current_time()) is not None:
        return None
    return plastic if _cvc_fits(plastic, card.holder_id, typed) else None


def _fits(card: Card, plastic: Plastic, typed: dict[str, Any]) -> bool:
    """Each is looked at, whatever the others say."""
    said = (
        _is_its_number(plastic, typed["number"]),
        cards.month(plastic.expiry) == typed["expiry"],
        plastic_unusable(card, plastic, current_time()) is None,
    )
    return all(said)


def _is_its_number(plastic: Plastic, number: Number) -> bool:
    return cards.has_number(session(), services().vault, plastic.card_id, plastic.plastic_id, number)


def _cvc_fits(plastic: Plastic, holder_id: UUID, typed: dict[str, Any]) -> bool:
    """A merchant need not ask for it; where one is given, it must be right, and is one of the day's few guesses."""
    if typed["cvc"] is None:
        return True
    ring, now = services().vault.ring, current_time()
    policy = policies.load(session(), now).payments
    guess = plastic, typed["number"], typed["cvc"]
    return cvc_guesses.try_one(session(), ring, *guess, holder_id=holder_id, policy=policy, now=now)


def _not_verified() -> Response:
    """Returned, never raised: a wrong CVC stays counted."""
    return problem(422, "card-not-verified", "the card could not be verified")


@blueprint.route("/credentials/<credential_id>")
class OneCredential(MethodView):
    """One card on file."""

    @requires("merchant")
    @reads
    @blueprint.response(200, schemas.MerchantCredential)
    def get(self, credential_id: str) -> Any:
        """What the merchant knows of it."""
        return _shown(_own(credential_id)[1])

    @requires("merchant")
    @writes()
    @blueprint.response(200, schemas.MerchantCredential)
    def delete(self, credential_id: str) -> Any:
        """Keep it no more."""
        card, credential = _own(credential_id, lock=True)
        credentials.withdraw(session(), card, credential, by="merchant", now=current_time())
        return _shown(credential)


def _own(text: str, *, lock: bool = False) -> tuple[Card, Credential]:
    """A credential of the calling merchant, and its card. Raises NotFound."""
    credential_id = owned.id_from("cred", text)
    card_id = credentials.card_of(session(), credential_id)
    if card_id is None:
        raise NotFound
    card = cards.lock(session(), card_id) if lock else session().get(Card, card_id)
    credential = session().get(Credential, (card_id, credential_id), populate_existing=True)
    if card is None or credential is None or credential.requestor_id != caller().requestor_id:
        raise NotFound
    return card, credential


@blueprint.route("/card-updates")
class CardUpdates(MethodView):
    """What webhooks may have missed."""

    @requires("merchant")
    @notes
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, updates.CredentialUpdates)
    def get(self, page: dict[str, Any]) -> Any:
        """Every update since `cursor`, oldest first, in the shape of the webhooks."""
        return webhooks.feed(credential_updates.CREDENTIAL_UPDATED, page)


@blueprint.route("/blocked-cards/check")
class BlockedCards(MethodView):
    """R-21."""

    @requires("merchant")
    @limited("register_per_client")
    @writes()
    @blueprint.arguments(schemas.NumbersToCheck())
    @blueprint.response(200, schemas.BlockedAnswer)
    def post(self, body: dict[str, Any]) -> Any:
        """Whether each number is in the register of blocked cards; never why."""
        numbers = [number.reveal() for number in body["numbers"]]
        return {"blocked": register.are_blocked(session(), services().vault, numbers)}
