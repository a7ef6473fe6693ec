"""Where a cardholder is signed in, and how to end it: from another phone, or by the bank's blocking line."""

from typing import Any
from uuid import UUID

from flask.views import MethodView
from sqlalchemy import func, select

from delegation.models import Pairing
from tokenization import cardholders
from tokenization.errors import NotFound
from tokenization.models import Token
from wallet.access import sessions
from wallet.access.guard import caller, requires
from wallet.access.models import AccessSession, OAuthClient, RefreshChain
from wallet.api import Blueprint, reads, session, writes
from wallet.resources import owned, shown
from wallet.resources.pages import newest_first
from wallet.schemas import sessions as schemas
from wallet.schemas.pages import Page
from wallet.services import current_time

blueprint = Blueprint("sessions", __name__, url_prefix="/v1", description="Signed-in phones")


def _shown(row: AccessSession) -> shown.Shown:
    fields = ("session_id", "created_at", "ended_at", "end_reason")
    return {name: getattr(row, name) for name in fields} | {
        "app": session().get_one(OAuthClient, row.client_id).name,
        "device_name": _device_name(row),
        "drawing_right_id": row.right_id,
        "current": row.session_id == caller().session_id,
        "assurance": row.acr,
        "signed_in_at": row.auth_time,
        "last_used_at": _last_used(row),
    }


def _device_name(row: AccessSession) -> str | None:
    """As its parent saw it at the pairing, or as the phone named itself when it got its newest token."""
    if row.card_id and row.pairing_id:
        return session().get_one(Pairing, (row.card_id, row.pairing_id)).device_name
    of_phone = select(Token.device_name).where(Token.device_thumbprint == row.thumbprint)
    return session().scalar(of_phone.order_by(Token.token_id.desc()).limit(1))


def _last_used(row: AccessSession) -> Any:
    """When it last fetched an access token: each comes with a new refresh token."""
    newest = select(func.max(RefreshChain.issued_at)).where(RefreshChain.session_id == row.session_id)
    return session().scalar(newest) or row.created_at


@blueprint.route("/sessions")
class Sessions(MethodView):
    """One for each phone, and each child's phone."""

    @requires("wallet")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.SessionList)
    def get(self, page: dict[str, Any]) -> Any:
        """Those that go on, newest first: the cardholder's own, and those under the drawing rights given."""
        return _living_of(caller().holder_id, page)


@blueprint.route("/sessions/<session_id>")
class OneSession(MethodView):
    """One of them."""

    @requires("wallet")
    @reads
    @blueprint.response(200, schemas.SessionAnswer)
    def get(self, session_id: str) -> Any:
        """The session, ended ones too for thirty days."""
        return _shown(_own(session_id))

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.SessionAnswer)
    def delete(self, session_id: str) -> Any:
        """End it, at once: the phone must sign in with MitID again, a child's be paired again. Its card pays on; to
        stop that too, suspend its token as lost, or unpair.
        """
        return _ended(_own(session_id))


@blueprint.route("/issuer/cardholders/<holder_id>/sessions")
class OfCardholder(MethodView):
    """As the blocking line sees them."""

    @requires("issuer")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.SessionList)
    def get(self, page: dict[str, Any], holder_id: str) -> Any:
        """Those of a cardholder that go on, newest first."""
        return _living_of(cardholders.get(session(), owned.id_from("holder", holder_id)).holder_id, page)


@blueprint.route("/issuer/sessions/<session_id>")
class EndedByBank(MethodView):
    """One of them."""

    @requires("issuer")
    @writes()
    @blueprint.response(200, schemas.SessionAnswer)
    def delete(self, session_id: str) -> Any:
        """End it for a cardholder who called: a stolen phone without a card on it, a MitID in strange hands."""
        return _ended(_own(session_id))


def _living_of(holder_id: UUID | None, page: dict[str, Any]) -> dict[str, Any]:
    theirs = select(AccessSession).filter_by(holder_id=holder_id, ended_at=None)
    return newest_first(session(), theirs, AccessSession.session_id, page, _shown)


def _own(text: str) -> AccessSession:
    """A session of the calling cardholder, or any for the bank. Raises NotFound."""
    found, who = session().get(AccessSession, owned.id_from("sess", text)), caller()
    if found is None or (who.scope != "issuer" and found.holder_id != who.holder_id):
        raise NotFound
    return found


def _ended(found: AccessSession) -> shown.Shown:
    reason = "ended_by_bank" if caller().scope == "issuer" else "signed_out"
    sessions.end(session(), found.session_id, reason=reason, now=current_time())
    return _shown(found)
