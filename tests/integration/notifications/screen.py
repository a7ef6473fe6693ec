"""Somebody who sends text messages, and keeps what was sent."""

from collections import deque
from dataclasses import dataclass, field

from tokenization.phone_numbers import masked
from tokenization.secret import Secret


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it came. It may hold a code, so its text is a secret."""

    to: str
    text: Secret[str]
    reference: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Takes everything."""

    messages: deque[Shown] = field(default_factory=deque)

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Keep the message."""
        self.messages.append(Shown(masked(mobile), text, reference))
