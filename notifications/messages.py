"""From an event to what a person reads. Pure: the tables are in audiences.py and texts.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from notifications import wording
from notifications.audiences import Audience, Telling
from notifications.texts import FOR_DELEGATES, FOR_HOLDERS


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and what the database knows around it. `card_last4` is the current plastic's."""

    type: str
    payload: Mapping[str, Any]
    at: datetime
    card_last4: str
    delegate_name: str | None = None
    wallet_name: str | None = None
    not_updated: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in one language."""

    kind: str
    language: str
    title: str
    text: str


def render(telling: Telling, happening: Happening, language: str) -> Rendered:
    """Put a happening into words, for one audience."""
    kind, to = telling.kind or happening.type, wording.language(language)
    for_delegate = telling.audience is not Audience.HOLDER
    title, text = (FOR_DELEGATES if for_delegate else FOR_HOLDERS)[kind][to]
    values = _Values(happening, to, for_delegate)
    return Rendered(kind, to, title.format_map(values), text.format_map(values))


class _Values(dict[str, str]):
    """Only what a text asks for is worked out."""

    def __init__(self, happening: Happening, language: str, for_delegate: bool) -> None:
        super().__init__()
        self._happening, self._language, self._for_delegate = happening, language, for_delegate

    def __missing__(self, part: str) -> str:
        if part == "why":
            payload = self._happening.payload
            return wording.why_declined(payload, self._language, for_delegate=self._for_delegate)
        return _PARTS[part](self._happening, self._language)


def _card(happening: Happening, _: str) -> str:
    # A token's `last4` is its own number's, which nobody knows; people know their card.
    own = happening.type.startswith("card.")
    return str(happening.payload["last4"]) if own else happening.card_last4


def _amount(happening: Happening, to: str) -> str:
    payload = happening.payload
    if happening.type.startswith("drawing_request."):
        return wording.asked_for(payload, wording.ACCOUNT_CURRENCY, to)
    return wording.amount(payload["amount"], payload["currency"], to)


def _delegate(happening: Happening, _: str) -> str:
    return wording.name(happening.delegate_name or happening.payload["delegate_name"])


_PARTS: Final[Mapping[str, Callable[[Happening, str], str]]] = {
    "card": _card,
    "at": lambda happening, to: wording.moment(happening.at, to),
    "reason": lambda happening, to: wording.reason(happening.payload["reason"], to),
    "previous": lambda happening, _: str(happening.payload["previous_last4"]),
    "expiry": lambda happening, to: wording.month(happening.payload["expiry"], to),
    "more": lambda happening, to: wording.after_replacement(happening.payload["reason"], happening.not_updated, to),
    "device": lambda happening, _: wording.name(happening.payload["device_name"]),
    "merchant": lambda happening, _: wording.name(happening.payload["merchant"]),
    "wallet": lambda happening, _: wording.name(happening.wallet_name or ""),
    "delegate": _delegate,
    "owner": lambda happening, to: wording.genitive(_delegate(happening, to), to),
    "amount": _amount,
}
