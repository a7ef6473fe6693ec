"""The two parties to a drawing right, as values: a delegate who may draw, a grantor who wants to hear of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tokenization.clock import local_date
from tokenization.errors import Invalid
from tokenization.money import MAX_AMOUNT_MINOR

OLDEST: Final = date(1900, 1, 1)  # whoever seems older was written down wrongly
NOTIFY: Final = ("all", "declined", "none")
WATCHING: Final = ("notify_grantor", "notify_above", "weekly_summary")


@dataclass(frozen=True, slots=True)
class Delegate:
    """Who may draw on the card. The name is kept exactly as it was written."""

    name: str
    birthdate: date | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """What the grantor wants to hear of payments: all, declined or none; of approved ones only what is above
    `notify_above`, in minor units; a summary of each week.
    """

    notify_grantor: str = "all"
    notify_above: int | None = None
    weekly_summary: bool = True


UNLESS_SAID: Final = Watching()


def check(delegate: Delegate, watching: Watching, now: datetime) -> None:
    """Raise Invalid, which names the field, where one of them makes no sense."""
    _check_delegate(delegate, local_date(now))
    _check_watching(watching)


def _check_delegate(delegate: Delegate, today: date) -> None:
    if not delegate.name.strip():
        raise Invalid("delegate.name", "must not be empty")
    if delegate.birthdate is not None and delegate.birthdate > today:
        raise Invalid("delegate.birthdate", "must not be in the future")
    if delegate.birthdate is not None and delegate.birthdate < OLDEST:
        raise Invalid("delegate.birthdate", f"must not be before {OLDEST}")


def _check_watching(watching: Watching) -> None:
    if watching.notify_grantor not in NOTIFY:
        raise Invalid("notify_grantor", f"must be one of {', '.join(NOTIFY)}")
    if watching.notify_above is not None and not 0 <= watching.notify_above <= MAX_AMOUNT_MINOR:
        raise Invalid("notify_above", f"must be from 0 to {MAX_AMOUNT_MINOR}, or null for every payment")
