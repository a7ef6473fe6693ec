"""What the merchants that keep a card on file are told, and when there is anything to tell (R-3.6).

An entry records what changed, and is only made where that is still so: what happened since has an event of its own, and
an entry of its own. So the newest entry always says what stands (docs/adr/041).
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
    "card.stayed_blocked": frozenset("Q"),
    "card.unblocked": frozenset("A"),
    "card.closed": frozenset("C"),
    "credential.confirmed": frozenset("AQ"),
    "credential.update_chosen": frozenset("AQCO"),
    "credential.withdrawn": frozenset("O"),
}


@dataclass(frozen=True, slots=True)
class _Told:
    """What a feed says of one credential: the newest code and version, the plastic that the merchant knows or can still
    read of, and the one that it is known to have had; None where that is the one that it was shown.
    """

    code: str | None
    version: int = 0
    known: UUID | None = None
    had: UUID | None = None


# A merchant that was told nothing takes the card that it was shown to be good.
_NOTHING: Final = _Told("A")


@dataclass(frozen=True, slots=True)
class _Change:
    """What a merchant will be told of one credential: from the plastic that it knows, to the current one if `A`. `had`
    is the one that it is known to have.
    """

    credential: Credential
    code: str
    told: _Told
    known: Plastic
    had: Plastic
    current: Plastic

    @property
    def is_news(self) -> bool:
        """Not what the newest entry says already; a number that it has not had is, as whoever read on while the entry
        was hidden has passed it; and that an opted-out one was withdrawn.
        """
        another = self.code == "A" and self.had.plastic_id != self.current.plastic_id
        says_more = another or self.code == "O" or self.code != self.told.code
        return says_more and self.credential.version > self.told.version


def standing(card: Card, credential: Credential) -> str | None:
    """The code that is true of a credential now, or None while it waits for a yes. Consent first (R-3.6c)."""
    if credential.state == "withdrawn" or (credential.state == "active" and not credential.automatic_update):
        return "O"
    if credential.state != "active":
        return None
    if card.state == "closed":
        return "C"
    return "Q" if card.state == "blocked" and card.stayed_blocked_at is not None else "A"


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
    # In one statement: a version must never stand beside the number of another, as of a replacement that goes on.
    of_card = select(Card, Credential).join(Credential, Credential.card_id == Card.card_id).where(concerned)
    found = session.execute(of_card.order_by(Credential.credential_id), execution_options={"populate_existing": True})
    pairs = found.all()
    plastics = _plastics(session, event.card_id)
    told = _told(session, [credential for _, credential in pairs])
    for card, credential in pairs:
        code = standing(card, credential)
        if code is None or code not in _CODES[event.type]:
            continue
        before = told.get(credential.credential_id, _NOTHING)
        known, had = (plastics[_known(each, credential, before)] for each in (code, None))
        change = _Change(credential, code, before, known, had, plastics[card.current_plastic_id])
        if change.is_news:
            yield change


def _plastics(session: Session, card_id: UUID) -> dict[UUID, Plastic]:
    statement = select(Plastic).where(Plastic.card_id == card_id).order_by(Plastic.plastic_id)
    return {plastic.plastic_id: plastic for plastic in session.scalars(statement)}


def _told(session: Session, credentials: Sequence[Credential]) -> dict[UUID, _Told]:
    """By credential."""
    ours = (
        Update.requestor_id.in_({credential.requestor_id for credential in credentials}),
        Update.subject_id.in_([credential.credential_id for credential in credentials]),
    )
    columns = (Update.subject_id, Update.code, Update.version, Update.plastic_id, Update.received_at)
    told: dict[UUID, _Told] = {}
    for row in session.execute(select(*columns).where(*ours).order_by(Update.seq)):
        had = row.plastic_id if row.received_at and row.code == "A" else told.get(row.subject_id, _NOTHING).had
        # What it had not read of by then is hidden from it by anything but an `A`.
        told[row.subject_id] = _Told(row.code, row.version, row.plastic_id if row.code == "A" else had, had)
    return told


def _known(code: str | None, credential: Credential, told: _Told) -> UUID:
    """The plastic that a merchant may be taken to know where that code stands. But for an `A` it is shown none that it
    has not had: of those it may never be told.
    """
    return (told.known if code == "A" else told.had) or credential.plastic_id


def _as_row(event: Waiting, change: _Change) -> dict[str, Any]:
    current = change.current if change.code == "A" else None
    previous = change.had if change.known is current else change.known
    return {
        "event_id": event.event_id,
        "kind": CREDENTIAL_UPDATED,
        "card_id": event.card_id,
        "subject_id": change.credential.credential_id,
        "version": change.credential.version,
        "code": change.code,
        "change": CHANGES[change.code],
        "plastic_id": current.plastic_id if current else None,
        "facts": {"previous": _shown(previous), "current": _shown(current) if current else None},
        "at": event.at,
    }


def _shown(plastic: Plastic) -> dict[str, str]:
    return {"last4": plastic.last4, "expiry": cards.month(plastic.expiry)}


def known_plastics(session: Session, credentials: Sequence[Credential]) -> dict[UUID, Plastic]:
    """By credential, the plastic that its merchant knows of: what it may be shown without telling it of a newer one."""
    of_cards = {credential.card_id for credential in credentials}
    owners = {card.card_id: card for card in session.scalars(select(Card).where(Card.card_id.in_(of_cards)))}
    told = _told(session, credentials)
    known = {
        credential.credential_id: _known(
            standing(owners[credential.card_id], credential),
            credential,
            told.get(credential.credential_id, _NOTHING),
        )
        for credential in credentials
    }
    these = (Plastic.card_id.in_(of_cards), Plastic.plastic_id.in_(known.values()))
    plastics = {plastic.plastic_id: plastic for plastic in session.scalars(select(Plastic).where(*these))}
    return {credential_id: plastics[plastic_id] for credential_id, plastic_id in known.items()}


def is_newest(session: Session, update: Update) -> bool:
    """Whether no later entry says what has become of the same since."""
    same = (Update.requestor_id == update.requestor_id, Update.subject_id == update.subject_id)
    return session.scalar(select(Update.seq).where(*same, Update.seq > update.seq).limit(1)) is None


def had_before(session: Session, update: Update) -> dict[str, str] | None:
    """The card that the merchant has as it is sent an entry: those before it may not have arrived. None where a later
    entry says what has become of it since.
    """
    same = (Update.requestor_id == update.requestor_id, Update.subject_id == update.subject_id)
    columns = (Update.seq, Update.code, Update.received_at, Update.facts)
    *earlier, newest = session.execute(select(*columns).where(*same).order_by(Update.seq)).all()
    had = [entry.facts["current"] for entry in earlier if entry.code == "A" and entry.received_at is not None]
    first = earlier[0] if earlier else newest
    return (had[-1] if had else first.facts["previous"]) if newest.seq == update.seq else None
