"""What happened, in the past tense. Rules `emit`; at commit the journal and the outbox receive it, all or nothing."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from sqlalchemy.orm import Session

from tokenization import ids

_PENDING = "pending_events"
_ACTOR = "actor"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `card_id` says whose journal it stands in; `at` is when it happened, UTC."""

    type: ClassVar[str]
    at: datetime

    def payload(self) -> dict[str, Any]:
        """The event's own fields as JSON values: ids as TypeIDs, times as RFC 3339. Never a secret."""
        return {name: _as_json(name, getattr(self, name)) for name in _told(cast(Any, type(self)))}


@cache
def _told(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.name not in {"at", "subject_id"})


@dataclass(frozen=True, kw_only=True)
class CardEvent(Event):
    """Something that happened to a card or to what belongs to it; emitted only while the card's lock is held."""

    card_id: UUID


@dataclass(frozen=True, kw_only=True)
class SubjectEvent(Event):
    """Something that happened to a policy, a requestor, a cardholder or a client."""

    subject_id: UUID


def emit(session: Session, event: Event) -> None:
    """Keep the event until commit, as the doing of whoever acts; a roll-back forgets it."""
    session.info.setdefault(_PENDING, []).append((session.info.get(_ACTOR), event))


def act_as(session: Session, actor: str) -> None:
    """What is emitted from now on is that actor's doing."""
    session.info[_ACTOR] = actor


def take_pending(session: Session) -> list[Event]:
    """The events emitted since the last call, in order; they are pending no more."""
    return [event for _, event in session.info.pop(_PENDING, ())]


def take_by_actor(session: Session) -> list[tuple[str, list[Event]]]:
    """The same, with whose doing they are: whoever acted several times in turn comes once for each turn."""
    turns = groupby(session.info.pop(_PENDING, ()), itemgetter(0))
    return [(actor, [event for _, event in turn]) for actor, turn in turns]


def rfc3339(at: datetime) -> str:
    """UTC with `Z`, to the microsecond only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _as_json(name: str, value: object) -> Any:
    if value is None or type(value) in {str, int, bool}:
        return value
    if isinstance(value, UUID):
        return ids.to_text(ids.PREFIX_BY_FIELD[name], value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {inner: _as_json(inner, item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(name, item) for item in value]
    return value


@dataclass(frozen=True, kw_only=True)
class CardIssued(CardEvent):
    type = "card.issued"
    holder_id: UUID
    account_id: UUID
    plastic_id: UUID
    scheme: str
    last4: str
    expiry: str


@dataclass(frozen=True, kw_only=True)
class PlasticActivated(CardEvent):
    type = "card.plastic_activated"
    plastic_id: UUID
    last4: str


@dataclass(frozen=True, kw_only=True)
class PlasticOrdered(CardEvent):
    """What is embossed went to who does it, encrypted to the key of this thumbprint (RFC 7638)."""

    type = "card.plastic_ordered"
    plastic_id: UUID
    last4: str
    thumbprint: str


@dataclass(frozen=True, kw_only=True)
class CardBlocked(CardEvent):
    """R-10.1b, R-11.4: reason, who, when the notice reached the bank; R-12.1: when it reminded, or that it need not."""

    type = "card.blocked"
    holder_id: UUID
    last4: str
    reason: str
    by: str
    noticed_at: datetime
    reported_by: str | None = None
    reminded_at: datetime | None = None
    gross: bool = False


@dataclass(frozen=True, kw_only=True)
class CvcGuessed(CardEvent):
    """So many wrong CVCs of a plastic came that none is compared any more on this day: once a day at most (R-S2)."""

    type = "card.cvc_guessed"
    holder_id: UUID
    plastic_id: UUID
    last4: str
    guesses: int


@dataclass(frozen=True, kw_only=True)
class CardUnblocked(CardEvent):
    type = "card.unblocked"
    holder_id: UUID
    last4: str


@dataclass(frozen=True, kw_only=True)
class CardStayedBlocked(CardEvent):
    """Blocked for so long, and no new card: the merchants that keep it are to ask their customer; never why."""

    type = "card.stayed_blocked"
    holder_id: UUID
    last4: str


@dataclass(frozen=True, kw_only=True)
class CardClosed(CardEvent):
    type = "card.closed"
    holder_id: UUID
    last4: str


@dataclass(frozen=True, kw_only=True)
class CardErased(CardEvent):
    """R-20: its numbers, and those of its tokens, can be read by nobody any more."""

    type = "card.erased"
    holder_id: UUID
    last4: str


@dataclass(frozen=True, kw_only=True)
class CardReplaced(CardEvent):
    """A new plastic, a new number, the same card. `retired`: its tokens were ended (misuse, or it had expired)."""

    type = "card.replaced"
    holder_id: UUID
    reason: str
    previous_plastic_id: UUID
    plastic_id: UUID
    previous_last4: str
    previous_expiry: str
    last4: str
    expiry: str
    unblocked: bool
    retired: bool


@dataclass(frozen=True, kw_only=True)
class ProvisioningRefused(CardEvent):
    type = "token.provisioning_refused"
    holder_id: UUID
    right_id: UUID | None
    requestor_id: UUID
    device_name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TokenEvent(CardEvent):
    """One token changed; its requestor is told (`token.updated`)."""

    holder_id: UUID
    token_id: UUID
    right_id: UUID | None
    requestor_id: UUID
    device_name: str


@dataclass(frozen=True, kw_only=True)
class TokenProvisioned(TokenEvent):
    """`reason` is why it waits for its verification; None where it does not."""

    type = "token.provisioned"
    decision: str
    reason: str | None = None
    scheme: str
    last4: str


@dataclass(frozen=True, kw_only=True)
class TokenCodeSent(TokenEvent):
    type = "token.code_sent"


@dataclass(frozen=True, kw_only=True)
class TokenCodeRefused(TokenEvent):
    type = "token.code_refused"
    tries_left: int


@dataclass(frozen=True, kw_only=True)
class TokenVerified(TokenEvent):
    type = "token.verified"
    method: str


@dataclass(frozen=True, kw_only=True)
class TokenActivated(TokenEvent):
    type = "token.activated"


@dataclass(frozen=True, kw_only=True)
class TokenKeysIssued(TokenEvent):
    type = "token.keys_issued"
    first_atc: int
    last_atc: int
    key_version: int


@dataclass(frozen=True, kw_only=True)
class TokenPinChanged(TokenEvent):
    type = "token.pin_changed"


@dataclass(frozen=True, kw_only=True)
class TokenSuspended(TokenEvent):
    """`by_delegate`: who has the drawing right that the token is under did it, for the cardholder (R-10.2)."""

    type = "token.suspended"
    by: str
    reason: str
    by_delegate: bool


@dataclass(frozen=True, kw_only=True)
class TokenResumed(TokenEvent):
    """`by` lifted the suspension of `held_by`: its own, or by agreement with the bank the cardholder's (R-10.2)."""

    type = "token.resumed"
    by: str
    held_by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TokenDeactivated(TokenEvent):
    type = "token.deactivated"
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CredentialEvent(CardEvent):
    """A stored credential changed; `merchant` is the requestor's name as the cardholder knows it."""

    holder_id: UUID
    credential_id: UUID
    requestor_id: UUID
    merchant: str
    version: int


Credentialed = TypeVar("Credentialed", bound=CredentialEvent)


@dataclass(frozen=True, kw_only=True)
class CredentialRegistered(CredentialEvent):
    type = "credential.registered"
    agreement: str


@dataclass(frozen=True, kw_only=True)
class CredentialConfirmed(CredentialEvent):
    """`by_payment`: the yes was a first payment that the cardholder authenticated (R-3.6a)."""

    type = "credential.confirmed"
    automatic_update: bool
    by_payment: bool = False


@dataclass(frozen=True, kw_only=True)
class CredentialUpdateChosen(CredentialEvent):
    type = "credential.update_chosen"
    automatic_update: bool


@dataclass(frozen=True, kw_only=True)
class CredentialWithdrawn(CredentialEvent):
    type = "credential.withdrawn"
    by: str


@dataclass(frozen=True, kw_only=True)
class CredentialUpdateMissed(CredentialEvent):
    """R-3.6c: the merchant has not had the new card within its time."""

    type = "credential.update_missed"


@dataclass(frozen=True, kw_only=True)
class CardholderRegistered(SubjectEvent):
    type = "cardholder.registered"
    holder_id: UUID


@dataclass(frozen=True, kw_only=True)
class CardholderChanged(SubjectEvent):
    """`fields` names what changed, never what it became."""

    type = "cardholder.changed"
    holder_id: UUID
    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class RequestorRegistered(SubjectEvent):
    type = "requestor.registered"
    requestor_id: UUID
    kind: str
    name: str
    status: str


@dataclass(frozen=True, kw_only=True)
class RequestorChanged(SubjectEvent):
    """What the bank allows it from now on, by field."""

    type = "requestor.changed"
    requestor_id: UUID
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PolicySet(SubjectEvent):
    """`lowered` names the figures that are less than in the version before."""

    type = "policy.set"
    name: str
    version: int
    figures: dict[str, Any]
    effective_at: datetime
    lowered: list[str] = field(default_factory=list)
