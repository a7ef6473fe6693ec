"""Telling requestors, second half: what an entry of a feed says, worked out when it is sent or read.

Consent is checked now, not when the entry was made; a card number is opened now, for the current plastic only, and only
as a JWE to a key that the issuer has approved. So nothing that was withdrawn leaves late. What was sent or read is
noted as received (docs/adr/041).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from notifications.credential_updates import CREDENTIAL_UPDATED, had_before, standing
from notifications.models import Feed, Update, WebhookEndpoint
from tokenization import cards, envelopes, ids, token_status, tokens
from tokenization.errors import Invalid
from tokenization.events import rfc3339
from tokenization.models import Card, Credential, Plastic, Requestor, Token, TokenSuspension
from tokenization.vault import Vault, VaultError

Body = Mapping[str, Any]
_BEHIND_THE_SESSION: Final = {"synchronize_session": False}
_AHEAD: Final = (
    "is ahead of this feed: it is not one that we gave, or the feed was restored from a backup; "
    "read from the beginning, without a cursor"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a feed, oldest first. `last_seq` is where it ended: the next `after`, also when nothing was found.

    `received` and `with_number` are what is to be noted of it once it is shown (`note_received`).
    """

    bodies: list[Body]
    last_seq: int
    more: bool
    received: list[int]
    with_number: list[int]


def feed(
    session: Session, vault: Vault, requestor_id: UUID, kind: str, *, after: int = 0, limit: int, now: datetime
) -> Page:
    """What happened since, whether a webhook told it or not. `kind` is `credential.updated` or `token.updated`.

    Raises Invalid where `after` is ahead of the feed: whoever went on from there would silently miss what is to come.
    """
    ours = (Update.requestor_id == requestor_id, Update.kind == kind, Update.seq > after)
    found = session.scalars(select(Update).where(*ours).order_by(Update.seq).limit(limit + 1)).all()
    if not found and after > _last_seq(session, requestor_id):
        raise Invalid("cursor", _AHEAD)
    page = found[:limit]
    shown = [(entry, body) for entry in page if (body := _body(session, vault, entry, now)) is not None]
    return Page(
        bodies=[body for _, body in shown],
        last_seq=page[-1].seq if page else after,
        more=len(found) > limit,
        received=[entry.seq for entry, _ in shown if entry.received_at is None],
        with_number=[entry.seq for entry, body in shown if gives_number(body) and not entry.number_given],
    )


def _last_seq(session: Session, requestor_id: UUID) -> int:
    return session.scalar(select(Feed.last_seq).where(Feed.requestor_id == requestor_id)) or 0


def gives_number(body: Body) -> bool:
    """Whether a card number is in it, encrypted."""
    return body["data"].get("encrypted_card") is not None


def in_clear(body: Body) -> Body:
    """What it says, to be compared: of a card number, which is encrypted anew each time, whether there is one."""
    return {**body, "data": {**body["data"], "encrypted_card": gives_number(body)}}


def note_received(
    session: Session, requestor_id: UUID, received: Sequence[int], with_number: Sequence[int], now: datetime
) -> None:
    """Remember of entries of a feed, by their `seq`, that the requestor has them; and of which with a card number."""
    these = (Update.requestor_id == requestor_id, Update.seq.in_({*received, *with_number}))
    if len(received) > 1:  # in order: two who read the same feed at once must not wait for each other in a ring
        session.execute(select(Update.seq).where(*these).order_by(Update.seq).with_for_update())
    if received or with_number:
        first = func.coalesce(Update.received_at, now)
        given = or_(Update.number_given, Update.seq.in_(with_number))
        noted = update(Update).where(*these).values(received_at=first, number_given=given)
        session.execute(noted, execution_options=_BEHIND_THE_SESSION)


def compose(session: Session, vault: Vault, update: Update, now: datetime) -> Body | None:
    """The body of one entry that is to be sent, or None where it is true no more, or a newer one of the same credential
    says what is: nobody is sent an older version after a newer one. (A token's entry always says how it stands now.)
    """
    if update.kind != CREDENTIAL_UPDATED:
        return _body(session, vault, update, now)
    previous = had_before(session, update)
    body = _body(session, vault, update, now) if previous else None
    return None if body is None else {**body, "data": {**body["data"], "previous": previous}}


def _body(session: Session, vault: Vault, update: Update, now: datetime) -> Body | None:
    """The body of one entry as it may be shown now; None where it is true no more."""
    data = _credential(session, vault, update) if update.kind == CREDENTIAL_UPDATED else _token(session, update, now)
    return None if data is None else {"type": update.kind, "timestamp": rfc3339(update.at), "data": data}


def _credential(session: Session, vault: Vault, update: Update) -> Body | None:
    card = session.get_one(Card, update.card_id)
    credential = session.get_one(Credential, (update.card_id, update.subject_id))
    if standing(card, credential) != update.code:
        return None
    return {
        "credential_id": ids.to_text("cred", credential.credential_id),
        "reference": credential.reference,
        "version": update.version,
        "code": update.code,
        "change": update.change,
        "previous": update.facts["previous"],
        "current": update.facts["current"],
        "encrypted_card": _encrypted_card(session, vault, card, update),
    }


def _encrypted_card(session: Session, vault: Vault, card: Card, update: Update) -> str | None:
    if update.plastic_id is None or update.plastic_id != card.current_plastic_id:
        return None
    requestor = session.get_one(Requestor, update.requestor_id)
    endpoint = session.get(WebhookEndpoint, update.requestor_id)
    if endpoint is None or endpoint.encryption_key is None or not _may_get_numbers(requestor, endpoint):
        return None
    try:
        number = cards.reveal_number(session, vault, card.card_id, update.plastic_id)
    except VaultError:  # erased: there is no number to tell
        return None
    content = {"number": number.reveal(), "expiry": update.facts["current"]["expiry"]}
    key = ECKey.import_key(endpoint.encryption_key)
    return envelopes.sealed(content, key)


def _may_get_numbers(requestor: Requestor, endpoint: WebhookEndpoint) -> bool:
    allowed = requestor.may_hold_numbers and requestor.status == "active"
    return allowed and endpoint.update_format == "encrypted_card" and endpoint.encryption_key_approved


def _token(session: Session, update: Update, now: datetime) -> Body:
    token = session.get_one(Token, (update.card_id, update.subject_id))
    card = session.get_one(Card, update.card_id)
    plastic = session.get_one(Plastic, (card.card_id, card.current_plastic_id))
    right = session.get(DrawingRight, (card.card_id, token.right_id)) if token.right_id else None
    suspensions = tokens.suspensions(session, card.card_id, token.token_id)
    requestor = session.get_one(Requestor, token.requestor_id)
    also = drawing_rights.because(right, now) if right else frozenset()
    status = token_status.derive(token, card, plastic, requestor, [each.by for each in suspensions], now, also)
    return {
        "token_id": ids.to_text("tok", token.token_id),
        "version": token_status.version(token, card, requestor, right.revision if right else 0),
        "status": status.status,
        "because": status.because,
        "expiry": cards.month(plastic.expiry),
        "par": card.par,
        **_why_and_when(status.because, card, suspensions, update),
        "suspensions": [{"by": each.by, "reason": each.reason, "at": rfc3339(each.at)} for each in suspensions],
        "operation": _operation(update),
    }


def _operation(update: Update) -> dict[str, str | None] | None:
    """What happened, why, and by whom; the rest of the body is how it stands now. None in entries of before."""
    if "operation" not in update.facts:
        return None
    return {"name": update.facts["operation"], "reason": update.facts["reason"], "by": update.facts["by"]}


def _why_and_when(
    because: str | None, card: Card, suspensions: Sequence[TokenSuspension], update: Update
) -> dict[str, str | None]:
    """The reason and the time of what stands in a token's way (R-10.1b); without one, the time of the change."""
    if because == "card_blocked" and card.blocked_at is not None:
        return {"reason": card.block_reason, "at": rfc3339(card.blocked_at)}
    for suspension in suspensions:
        if suspension.by == because:
            return {"reason": suspension.reason, "at": rfc3339(suspension.at)}
    return {"reason": None, "at": rfc3339(update.at)}
