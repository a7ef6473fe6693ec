"""Every message as docs/messages.md shows it: `python -m notifications.message_book`."""

import sys
from collections.abc import Iterator
from typing import Final

from notifications import kinds
from notifications.audiences import Audience
from notifications.texts import FOR_CHILDREN, FOR_DELEGATES, FOR_HOLDERS, Texts

_HEADING: Final = "| kind | SMS | can be switched off | Danish | English |\n| --- | --- | --- | --- | --- |"


def to_holders() -> str:
    """What a cardholder is told."""
    return _table(FOR_HOLDERS, Audience.HOLDER)


def to_delegates() -> str:
    """What whoever has a drawing right is told."""
    return _table(FOR_DELEGATES, Audience.DELEGATE)


def to_children() -> str:
    """What a delegate that is not of age is told instead."""
    return _table(FOR_CHILDREN, Audience.DELEGATE)


def _table(texts: Texts, audience: Audience) -> str:
    return "\n".join([_HEADING, *_rows(texts, audience)])


def _rows(texts: Texts, audience: Audience) -> Iterator[str]:
    for kind, by_language in texts.items():
        by_sms = "yes" if kind in kinds.BY_SMS and audience is Audience.HOLDER else ""
        free = "" if kinds.of(audience)[kind].is_fixed else "yes"
        said = " | ".join(f"**{title}** {text}" for title, text in (by_language["da"], by_language["en"]))
        yield f"| `{kind}` | {by_sms} | {free} | {said} |"


if __name__ == "__main__":
    sys.stdout.write("\n\n".join((to_holders(), to_delegates(), to_children(), "")))
