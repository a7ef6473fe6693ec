"""What happened to clients and sessions. `session` is a `sess_…` id, `client` a client id: never a token or a code."""

import re
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from tokenization.events import SubjectEvent

_CLIENT_ID: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def is_client_id(text: str) -> bool:
    """Whether a client could be called that. Anything else is not asked for: PostgreSQL takes no zero byte."""
    return bool(_CLIENT_ID.fullmatch(text))


def client_subject(client_id: str) -> UUID:
    """Whose journal a client's events stand in: a stable UUID made of its id."""
    return uuid5(NAMESPACE_URL, f"urn:tegnebog:client:{client_id}")


@dataclass(frozen=True, kw_only=True)
class ClientRegistered(SubjectEvent):
    type = "client.registered"
    client: str
    scope: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ClientChanged(SubjectEvent):
    """Where an app is reached, and which keys a machine has, from now on."""

    type = "client.changed"
    client: str
    redirect_uris: list[str]
    key_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class SignInLinked(SubjectEvent):
    """The first sign-in: from now on this MitID is this cardholder's."""

    type = "sign_in.linked"
    holder_id: UUID


@dataclass(frozen=True, kw_only=True)
class SignInSucceeded(SubjectEvent):
    """MitID said who it is. `acr` is the level of assurance."""

    type = "sign_in.succeeded"
    holder_id: UUID
    client: str
    acr: str


@dataclass(frozen=True, kw_only=True)
class SteppedUp(SubjectEvent):
    """The same, for one purpose, which MitID showed."""

    type = "step_up.succeeded"
    holder_id: UUID
    client: str
    acr: str
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Refused(SubjectEvent):
    """Somebody was not let in. In the holder's journal where it is known whose phone it was, else in the client's.

    `error` is what the caller was told, `reason` what only the bank may know.
    """

    type = "access.refused"
    client: str
    holder_id: UUID | None
    session: str | None
    route: str
    error: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class SessionEvent(SubjectEvent):
    """Something that happened to a session: a phone on which somebody signed in."""

    holder_id: UUID
    right_id: UUID | None
    session: str
    client: str


@dataclass(frozen=True, kw_only=True)
class SessionStarted(SessionEvent):
    type = "session.started"


@dataclass(frozen=True, kw_only=True)
class SessionRenewed(SessionEvent):
    """Somebody signed in anew on the phone."""

    type = "session.renewed"


@dataclass(frozen=True, kw_only=True)
class SessionEnded(SessionEvent):
    type = "session.ended"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClientSuspended(SubjectEvent):
    """It is not let in, nor what it was given, until it is resumed."""

    type = "client.suspended"
    client: str


@dataclass(frozen=True, kw_only=True)
class ClientResumed(SubjectEvent):
    type = "client.resumed"
    client: str


@dataclass(frozen=True, kw_only=True)
class ClientRevoked(SubjectEvent):
    """It is never let in again."""

    type = "client.revoked"
    client: str
