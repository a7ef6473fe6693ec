"""What the merchants that keep a card on file are told, and when there is anything to tell (R-3.6).

An entry records what changed, and is only made where that is still so: what happened since has an event of its own, and
an entry of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from notifications.models import Feed, Update
from notifications.outbox import Waiting
from tokenization import cards
from tokenization.models import Card, Credential, Plastic

CREDENTIAL_UPDATED: Final = "credential.updated"

# The updaters' vocabulary (3-api.md, "Merchant"). `E` stays reserved: every new plastic has a new number.
CHANGES: Final[Mapping[str, str]] = {
    "A": "number_changed",
    "C": "closed",
    "Q": "contact_cardholder",
    "O": "opted_out",
}
# What each event may have to say. Anything else that is true by now is another event's to say.
_CODES: Final[Mapping[str, frozenset[str]]] = {
    "card.replaced": frozenset("A"),
    "card.closed": frozenset("C"),
    "credential.confirmed": frozenset("A"),
    "credential.update_chosen": frozenset("AO"),
    "credential.withdrawn": frozenset("O"),
}


@dataclass(frozen=True, slots=True)
class _Change:
    """What a merchant will be told of one credential: from the plastic that it knows, to the current one if `A`."""

    credential: Credential
    code: str
    known: Plastic
    current: Plastic

    @property
    def is_news(self) -> bool:
        """An `A` is none where the merchant knows the number already."""
        return self.code != "A" or self.known.plastic_id != self.current.plastic_id


def standing(card: Card, credential: Credential) -> str | None:
    """The code that is true of a credential now, or None while it waits for a yes. Consent first (R-3.6c)."""
    if credential.state == "withdrawn" or (credential.state == "active" and not credential.automatic_update):
        return "O"
    if credential.state != "active":
        return None
    return "C" if card.state == "closed" else "A"


def enter(session: Session, event: Waiting, concerned: ColumnElement[bool]) -> None:
    """Enter the event in the feeds of the merchants; their feeds are locked."""
    changes = list(_changes(session, event, concerned))
    requestors = {change.credential.requestor_id for change in changes}
    feeds = select(Feed.requestor_id, Feed.last_seq).where(Feed.requestor_id.in_(requestors))
    last_seq = dict(session.execute(feeds).all())
    rows = []
    for change in changes:
        requestor_id = change.credential.requestor_id
        last_seq[requestor_id] += 1
        rows.append({**_as_row(event, change), "requestor_id": requestor_id, "seq": last_seq[requestor_id]})
    if rows:
        session.execute(insert(Update), rows)


def _changes(session: Session, event: Waiting, concerned: ColumnElement[bool]) -> Iterator[_Change]:
    card = session.get_one(Card, event.card_id)
    plastics = _plastics(session, event.card_id)
    credentials = session.scalars(select(Credential).where(concerned).order_by(Credential.credential_id)).all()
    told = _told_plastics(session, credentials)
    for credential in credentials:
        code = standing(card, credential)
        if code is None or code not in _CODES[event.type]:
            continue
        known = told.get(credential.credential_id) or credential.plastic_id
        change = _Change(credential, code, plastics[known], plastics[card.current_plastic_id])
        if change.is_news:
            yield change


def _plastics(session: Session, card_id: UUID) -> dict[UUID, Plastic]:
    statement = select(Plastic).where(Plastic.card_id == card_id).order_by(Plastic.plastic_id)
    return {plastic.plastic_id: plastic for plastic in session.scalars(statement)}


def _told_plastics(session: Session, credentials: Sequence[Credential]) -> dict[UUID, UUID]:
    """credential -> the plastic of its newest `A`."""
    ours = (
        Update.requestor_id.in_({credential.requestor_id for credential in credentials}),
        Update.subject_id.in_([credential.credential_id for credential in credentials]),
        Update.code == "A",
    )
    oldest_first = select(Update.subject_id, Update.plastic_id).where(*ours).order_by(Update.seq)
    return {subject_id: plastic_id for subject_id, plastic_id in session.execute(oldest_first) if plastic_id}


def _as_row(event: Waiting, change: _Change) -> dict[str, Any]:
    current = change.current if change.code == "A" else None
    return {
        "event_id": event.event_id,
        "kind": CREDENTIAL_UPDATED,
        "card_id": event.card_id,
        "subject_id": change.credential.credential_id,
        "version": change.credential.version,
        "code": change.code,
        "change": CHANGES[change.code],
        "plastic_id": current.plastic_id if current else None,
        "facts": {"previous": _shown(change.known), "current": _shown(current) if current else None},
        "at": event.at,
    }


def _shown(plastic: Plastic) -> dict[str, str]:
    return {"last4": plastic.last4, "expiry": cards.month(plastic.expiry)}


def known_plastic(session: Session, credential: Credential) -> Plastic:
    """The plastic that the merchant knows of: what it may be shown without telling it of a newer one."""
    plastics = _plastics(session, credential.card_id)
    told = _told_plastics(session, [credential])
    return plastics[told.get(credential.credential_id) or credential.plastic_id]
