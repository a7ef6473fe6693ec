"""What was done to the key ring, by purpose and version: never a key."""

from dataclasses import dataclass
from datetime import datetime

from tokenization.events import SubjectEvent


@dataclass(frozen=True, kw_only=True)
class KeyEvent(SubjectEvent):
    """A ceremony. Each purpose has a journal of its own."""

    purpose: str
    version: int


@dataclass(frozen=True, kw_only=True)
class KeyRotated(KeyEvent):
    """A new version; what it made stays good until it is retired."""

    type = "key.rotated"
    active_from: datetime


@dataclass(frozen=True, kw_only=True)
class KeyRetired(KeyEvent):
    """It is refused. `forced`: although the database still needed it, or could not say."""

    type = "key.retired"
    forced: bool


@dataclass(frozen=True, kw_only=True)
class KeyReinstated(KeyEvent):
    """A retirement was taken back."""

    type = "key.reinstated"


@dataclass(frozen=True, kw_only=True)
class KeyDestroyed(KeyEvent):
    """Its key is forgotten, for good."""

    type = "key.destroyed"
    forced: bool
