"""What happens to the place where a requestor listens. It stands in the requestor's journal.

Of a URL only the host is told: some receivers keep a secret in the path.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tokenization.events import SubjectEvent


@dataclass(frozen=True, kw_only=True)
class EndpointEvent(SubjectEvent):
    """Something that happened to a webhook endpoint."""

    requestor_id: UUID
    host: str


@dataclass(frozen=True, kw_only=True)
class EndpointSet(EndpointEvent):
    """`thumbprint` (RFC 7638) is of the key that card numbers are to be encrypted to."""

    type = "endpoint.set"
    update_format: str
    thumbprint: str | None


@dataclass(frozen=True, kw_only=True)
class EndpointSecretRotated(EndpointEvent):
    type = "endpoint.secret_rotated"


@dataclass(frozen=True, kw_only=True)
class EndpointKeyApproved(EndpointEvent):
    """The issuer's yes to the key with that thumbprint (R-S1)."""

    type = "endpoint.key_approved"
    thumbprint: str


@dataclass(frozen=True, kw_only=True)
class EndpointReplayed(EndpointEvent):
    """All that stood in its feed since then was queued again."""

    type = "endpoint.replayed"
    since: datetime
    queued: int


@dataclass(frozen=True, kw_only=True)
class EndpointDisabled(EndpointEvent):
    """Nothing is sent there any more."""

    type = "endpoint.disabled"
    reason: str
