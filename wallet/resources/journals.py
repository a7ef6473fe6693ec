"""The journals as the bank reads them: of a card, of a requestor, and who was let in or refused, of a cardholder and of
a client.
"""

from typing import Any, TypeVar
from uuid import UUID

from flask.views import MethodView
from sqlalchemy import select

from tokenization import cardholders, requestors
from tokenization.errors import NotFound
from tokenization.journal import chains
from tokenization.journal.chains import Verdict
from tokenization.journal.models import JournalEntry, SubjectJournalEntry
from wallet.access.events import client_subject, is_client_id
from wallet.access.guard import caller, requires
from wallet.access.models import OAuthClient
from wallet.api import Blueprint, reads, session
from wallet.resources import owned
from wallet.resources.pages import answer, position
from wallet.schemas import issuer as schemas
from wallet.schemas.pages import Page
from wallet.services import services

blueprint = Blueprint("journals", __name__, url_prefix="/v1/issuer", description="What happened, and who did it")
Entry = TypeVar("Entry", JournalEntry, SubjectJournalEntry)


def _page(kind: type[Entry], owner: Any, page: dict[str, Any]) -> dict[str, Any]:
    """Oldest first, after the number in the cursor."""
    wanted = select(kind).where(owner, kind.seq > position(page)).order_by(kind.seq).limit(page["limit"] + 1)
    return answer(session().scalars(wanted).all(), page, lambda last: str(last.seq))


def _card(text: str) -> UUID:
    return owned.card(session(), caller(), owned.id_from("card", text)).card_id


def _holder(text: str) -> UUID:
    return cardholders.get(session(), owned.id_from("holder", text)).holder_id


def _requestor(text: str) -> UUID:
    return requestors.get(session(), owned.id_from("reqr", text)).requestor_id


def _client(client_id: str) -> UUID:
    if not is_client_id(client_id) or session().get(OAuthClient, client_id) is None:
        raise NotFound
    return client_subject(client_id)


def _of_subject(subject_id: UUID, page: dict[str, Any]) -> dict[str, Any]:
    return _page(SubjectJournalEntry, SubjectJournalEntry.subject_id == subject_id, page)


def _verify(subject_id: UUID) -> Verdict:
    return chains.verify_subject(session(), services().vault.ring, subject_id)


@blueprint.route("/cards/<card_id>/journal")
class Journal(MethodView):
    """What happened to a card."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.JournalList)
    def get(self, page: dict[str, Any], card_id: str) -> Any:
        """Oldest first."""
        return _page(JournalEntry, JournalEntry.card_id == _card(card_id), page)


@blueprint.route("/cards/<card_id>/journal/verify")
class VerifyJournal(MethodView):
    """Whether anybody changed it."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.VerdictAnswer)
    def get(self, card_id: str) -> Any:
        """Walk the chain; `broken_at` is the first entry that doesn't hold."""
        return chains.verify_card(session(), services().vault.ring, _card(card_id))


@blueprint.route("/cardholders/<holder_id>/journal")
class HolderJournal(MethodView):
    """What happened to a cardholder: sign-ins, step-ups, refusals, sessions, changes."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.JournalList)
    def get(self, page: dict[str, Any], holder_id: str) -> Any:
        """Oldest first."""
        return _of_subject(_holder(holder_id), page)


@blueprint.route("/cardholders/<holder_id>/journal/verify")
class VerifyHolderJournal(MethodView):
    """Whether anybody changed it."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.VerdictAnswer)
    def get(self, holder_id: str) -> Any:
        """As for a card's."""
        return _verify(_holder(holder_id))


@blueprint.route("/requestors/<requestor_id>/journal")
class RequestorJournal(MethodView):
    """What happened to a requestor: approved, changed, suspended, and where it listens."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.JournalList)
    def get(self, page: dict[str, Any], requestor_id: str) -> Any:
        """Oldest first."""
        return _of_subject(_requestor(requestor_id), page)


@blueprint.route("/requestors/<requestor_id>/journal/verify")
class VerifyRequestorJournal(MethodView):
    """Whether anybody changed it."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.VerdictAnswer)
    def get(self, requestor_id: str) -> Any:
        """As for a card's."""
        return _verify(_requestor(requestor_id))


@blueprint.route("/clients/<client_id>/journal")
class ClientJournal(MethodView):
    """What happened to a client: registered, changed, revoked, and refused where no person is known."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.JournalList)
    def get(self, page: dict[str, Any], client_id: str) -> Any:
        """Oldest first."""
        return _of_subject(_client(client_id), page)


@blueprint.route("/clients/<client_id>/journal/verify")
class VerifyClientJournal(MethodView):
    """Whether anybody changed it."""

    @requires("issuer")
    @reads
    @blueprint.response(200, schemas.VerdictAnswer)
    def get(self, client_id: str) -> Any:
        """As for a card's."""
        return _verify(_client(client_id))
