"""Who was not let in, in the access journal: the same refusal once a minute, so that nobody can fill it.

The same is: of the same client and session, with the same error, whatever the route. Of sign-ins, which have neither
yet, the same reason.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import structlog
from authlib.oauth2 import OAuth2Error
from flask import request
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from tokenization import events, ids
from wallet import metrics
from wallet.access import shelf
from wallet.access.access_tokens import Grant
from wallet.access.errors import AccessRefused
from wallet.access.events import Refused, client_subject, is_client_id
from wallet.access.models import AccessSession, OAuthClient
from wallet.services import services

_ONCE_A: Final = timedelta(minutes=1)
# Steps of an honest dialogue (RFC 8628 section 3.5, RFC 9449 section 8), or nobody's fault.
_NO_REFUSALS: Final = frozenset({"authorization_pending", "slow_down", "use_dpop_nonce", "temporarily_unavailable"})
# Whose descriptions are fixed sentences.
_EXPLAINED: Final = frozenset({"invalid_client", "invalid_grant", "invalid_dpop_proof"})
# Where the caller had shown who it is before it was refused.
_OF_WHO_PROVED_IT: Final = frozenset(
    {"insufficient-scope", "insufficient-user-authentication", "too-many-requests", "requestor-suspended"}
)
_UNCHECKED: Final[Any] = {"verify_signature": False}
log = structlog.get_logger()


def of_sign_in(client_id: str, error: str, reason: str) -> None:
    """A sign-in came to nothing. `reason` is what our log says; it holds nothing that the broker said."""
    _note(client_id, None, error, reason, as_one=reason)


def of_request(error: OAuth2Error) -> None:
    """A request of an app or a machine to the authorisation server was refused."""
    code = str(error.error)
    if code not in _NO_REFUSALS:
        reason = str(error).removeprefix(f"{code}: ") if code in _EXPLAINED else None
        _note(request.values.get("client_id") or _named_in_assertion(), None, code, reason)


def of_call(grant: Grant, refused: AccessRefused) -> None:
    """A call with a token of ours was refused: of another scope, by another key, without step-up."""
    if refused.status < 500 and refused.code.replace("-", "_") not in _NO_REFUSALS:
        _note(grant.client_id, grant.session_id, refused.code, refused.detail)


def _named_in_assertion() -> str:
    """Whom a client assertion that did not hold named. Believed for no more than whose journal says so."""
    with suppress(jwt.InvalidTokenError, RecursionError):
        return str(jwt.decode(request.form.get("client_assertion", ""), options=_UNCHECKED).get("sub"))
    return ""


def _note(client_id: str, session_id: UUID | None, error: str, reason: str | None, as_one: str = "") -> None:
    metrics.ACCESS_REFUSED.labels(error).inc()
    if not is_client_id(client_id):
        return
    log.info("access_refused", error=error, client=client_id, route=str(request.url_rule))
    if not _is_news(f"{client_id} {session_id} {error} {as_one}"):
        return
    told: dict[str, Any] = {"client": client_id, "error": error, "reason": reason}
    told["route"] = f"{request.method} {request.url_rule}"
    actor = f"client:{client_id}" if error in _OF_WHO_PROVED_IT else "unknown"
    with services().database.transaction(actor) as session:
        if session.get(OAuthClient, client_id) is not None:
            about = _subject(session, client_id, session_id)
            events.emit(session, Refused(at=services().clock.now(), **about, **told))


def _is_news(refusal: str) -> bool:
    """Without Redis nobody counts, and a stranger could fill the journal: so then it stands in the log alone."""
    try:
        return shelf.claim(services().redis, "refusal", refusal, _ONCE_A)
    except RedisError:
        return False


def _subject(session: Session, client_id: str, session_id: UUID | None) -> dict[str, Any]:
    """The holder whose phone it was, or the client."""
    found = session.get(AccessSession, session_id) if session_id else None
    if found is None:
        return {"subject_id": client_subject(client_id), "holder_id": None, "session": None}
    name = ids.to_text("sess", found.session_id)
    return {"subject_id": found.holder_id, "holder_id": found.holder_id, "session": name}
