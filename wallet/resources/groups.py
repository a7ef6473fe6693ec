"""Authorisations in groups: whatever waits is decided in one transaction (docs/adr/032)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Flask, current_app
from sqlalchemy.orm import Session

from tokenization.errors import Invalid
from tokenization.pipeline import pipeline
from wallet import metrics
from wallet.access import sessions
from wallet.access.sessions import Standing
from wallet.payments import authorization, references
from wallet.payments.leading import Leading
from wallet.payments.references import Answer, ReferenceReused
from wallet.payments.requests import Authorization
from wallet.services import services

EXTENSION: Final = "tegnebog_authorizations"
CLOCK_SKEW_MAX: Final = timedelta(hours=24)
_TOO_FAR_OFF: Final = "is more than 24 hours away from our clock"

# In a group's transaction alone. PostgreSQL cannot tell how long a list in JSON is, and would plan for each anew.
_PLANNED_ONCE: Final = "SET LOCAL plan_cache_mode = force_generic_plan"
_IMPATIENT: Final = "SET LOCAL lock_timeout = '500ms'"

Decided = Answer | ReferenceReused | Invalid
Outcome = Decided | Standing


@dataclass(frozen=True, slots=True)
class Asked:
    """What an acquirer asks, and when it was by its own clock."""

    authorization: Authorization
    at: datetime

    @property
    def client_id(self) -> str:
        """Who asks."""
        return self.authorization.reference.client_id


def init(app: Flask) -> None:
    """Let an app's authorisations wait for each other."""
    most = app.extensions["tegnebog"].settings.payments_in_a_group
    app.extensions[EXTENSION] = Leading(decide_group, decide_alone, most)


def decided(asked: Asked) -> Outcome:
    """What comes of it, in whichever group."""
    waiting: Leading[Asked, Outcome] = current_app.extensions[EXTENSION]
    return waiting.ask(asked)


def decide(session: Session, asked: Sequence[Asked]) -> list[Decided]:
    """Decide in order of arrival, all at one moment of our clock. An `at` that is too far off is Invalid."""
    now = services().clock.now()
    are_off = [_is_off(session, each, now) for each in asked]
    near = [each.authorization for each, is_off in zip(asked, are_off, strict=True) if not is_off]
    answers = iter(authorization.authorize(session, services().vault, services().rates, near, now))
    return [Invalid("at", _TOO_FAR_OFF) if is_off else next(answers) for is_off in are_off]


def _is_off(session: Session, asked: Asked, now: datetime) -> bool:
    """A repeat is never off: it gets its answer for ever."""
    return abs(asked.at - now) > CLOCK_SKEW_MAX and not references.is_known(session, asked.authorization.reference)


def decide_group(group: Sequence[Asked]) -> list[Outcome]:
    """Decide what waits, in one transaction. Of a client that may not call nothing is decided: its standing is told.

    Whoever leads waits for no lock for long, or one card that somebody holds would keep everybody waiting.
    """
    metrics.GROUPS.observe(len(group))
    return _decided_together(group, _PLANNED_ONCE, _IMPATIENT)


def decide_alone(asked: Asked) -> Outcome:
    """The same of one, with patience."""
    (outcome,) = _decided_together([asked], _PLANNED_ONCE)
    return outcome


def _decided_together(group: Sequence[Asked], *settings: str) -> list[Outcome]:
    with services().database.transaction("network") as session:
        with pipeline(session) as pipe:
            for each in settings:
                pipe.send(each)
            found = sessions.find_machines(pipe, {each.client_id for each in group})
        standings = sessions.standings(found.rows(), {each.client_id for each in group})
        admitted = [each for each in group if standings[each.client_id].may_call]
        outcomes = iter(decide(session, admitted))
        return [next(outcomes) if standings[each.client_id].may_call else standings[each.client_id] for each in group]
