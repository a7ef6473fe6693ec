"""What happened to clients and sessions. `session` is a `sess_…` id, `client` a client id: never a token or a code."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from tokenization.events import SubjectEvent


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
class SessionStarted(SubjectEvent):
    type = "session.started"
    holder_id: UUID
    right_id: UUID | None
    session: str
    client: str


@dataclass(frozen=True, kw_only=True)
class SessionEnded(SubjectEvent):
    type = "session.ended"
    holder_id: UUID
    right_id: UUID | None
    session: str
    reason: str
