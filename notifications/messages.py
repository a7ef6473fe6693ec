"""From an event to what a person reads. Pure: the tables are in audiences.py and texts/."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from notifications import wording
from notifications.audiences import Audience, Telling
from notifications.texts import FOR_CHILDREN, FOR_DELEGATES, FOR_HOLDERS, Texts
from tokenization.clock import local_date

_TO_CHILDREN: Final[Texts] = {**FOR_DELEGATES, **FOR_CHILDREN}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and what the database knows around it. `card_last4` is the current plastic's, `is_child` whether the
    delegate is one that day, `until` when a yes lapses.
    """

    type: str
    payload: Mapping[str, Any]
    at: datetime
    card_last4: str
    delegate_name: str | None = None
    wallet_name: str | None = None
    not_updated: Sequence[str] = ()
    is_child: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in one language; for whom, and whether it comes by SMS too unless somebody chose otherwise."""

    kind: str
    language: str
    title: str
    text: str
    audience: Audience
    sms: bool


def render(telling: Telling, happening: Happening, language: str) -> Rendered:
    """Put a happening into words, for one audience."""
    kind, to = telling.kind or happening.type, wording.language(language)
    for_delegate = telling.audience is not Audience.HOLDER
    to_delegates = _TO_CHILDREN if happening.is_child else FOR_DELEGATES
    title, text = (to_delegates if for_delegate else FOR_HOLDERS)[kind][to]
    values = _Values(happening, to, for_delegate)
    return Rendered(kind, to, title.format_map(values), text.format_map(values), telling.audience, telling.sms)


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
        return wording.asked_for(payload, to)
    return wording.paid(payload, "amount", to)


def _delegate(happening: Happening, _: str) -> str:
    return wording.name(happening.delegate_name or happening.payload["delegate_name"])


_PARTS: Final[Mapping[str, Callable[[Happening, str], str]]] = {
    "card": _card,
    "at": lambda happening, to: wording.moment(happening.at, to),
    "today": lambda happening, to: wording.day(local_date(happening.at), to),
    "day": lambda happening, to: wording.day(happening.payload["from"], to),
    "week": lambda happening, to: wording.week(happening.payload["week"], to),
    "reason": lambda happening, to: wording.reason(happening.payload["reason"], to),
    "previous": lambda happening, _: str(happening.payload["previous_last4"]),
    "expiry": lambda happening, to: wording.month(happening.payload["expiry"], to),
    "more": lambda happening, to: wording.after_replacement(happening.payload["reason"], happening.not_updated, to),
    "device": lambda happening, _: wording.device(happening.payload["device_name"]),
    "by": lambda happening, to: wording.who_did_it(happening.payload, to),
    "by_payment": lambda happening, to: wording.by_payment(happening.payload, to),
    "guesses": lambda happening, to: wording.number(happening.payload["guesses"], to),
    "merchant": lambda happening, _: wording.name(happening.payload["merchant"]),
    "place": lambda happening, to: wording.place(happening.payload["merchant"], happening.payload["country"], to),
    "wallet": lambda happening, _: wording.name(happening.wallet_name or ""),
    "delegate": _delegate,
    "owner": lambda happening, to: wording.genitive(_delegate(happening, to), to),
    "amount": _amount,
    "spent": lambda happening, to: wording.amount(happening.payload["spent"], wording.ACCOUNT_CURRENCY, to),
    "payments": lambda happening, to: wording.payments(happening.payload["payments"], to),
    "may_become": lambda happening, to: wording.may_become(happening.payload, to),
    "left": lambda happening, to: wording.left(happening.payload, to),
    "next": lambda happening, to: wording.what_next(happening.payload, to, is_child=happening.is_child),
    "stopped": lambda happening, to: wording.stopped(happening.payload, to),
    "message": lambda happening, to: wording.quoted(happening.payload["message"], to),
    "granted": lambda happening, to: wording.granted(happening.payload, happening.until, to),
    "pin_above": lambda happening, to: wording.amount(happening.payload["pin_above"], wording.ACCOUNT_CURRENCY, to),
    "pin_above_before": lambda happening, to: wording.amount(
        happening.payload["pin_above_before"], wording.ACCOUNT_CURRENCY, to
    ),
    "figures": lambda happening, to: wording.figures(happening.payload["figures"], to),
}
