"""Policies: versioned figures that the bank sets, each from a moment on. Amounts in minor units of DKK."""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from tokenization import events
from tokenization.errors import Invalid, NotFound
from tokenization.models import Policy
from tokenization.money import MAX_AMOUNT_MINOR
from tokenization.pipeline import Answer, Pipeline, compiled


@dataclass(frozen=True, slots=True)
class ProvisioningPolicy:
    """R-3.3c: how often a card may be put on phones."""

    active_tokens_per_card: int
    provisionings_per_window: int
    window_days: int
    phones_per_drawing_right: int
    wrong_card_entries: int
    pause_hours: int


@dataclass(frozen=True, slots=True)
class Ceilings:
    """R-2.10b: the scheme's own maximum over every drawing right."""

    per_payment: int
    per_day: int
    per_week: int
    per_month: int
    payments_per_day: int


@dataclass(frozen=True, slots=True)
class Contactless:
    """R-2.5a: above which amount a PIN is needed, and one counter of payments without: by `count` or by `amount`."""

    pin_above: int
    counter: str
    payments_without_pin: int
    amount_without_pin: int


@dataclass(frozen=True, slots=True)
class CardLimits:
    """R-2.6, R-2.7, R-2.8."""

    cash_per_day: int
    gambling_per_day: int
    visa_per_30_days: int
    visa_cash_per_day: int


@dataclass(frozen=True, slots=True)
class Holds:
    """R-3.1a: how long a hold lasts, and which may be captured above what was held."""

    days: int
    long_days: int
    long_categories: list[str]
    estimated_categories: list[str]
    estimated_percent: int


@dataclass(frozen=True, slots=True)
class TokensPolicy:
    """When a phone needs a second look (R-3.3a), how that is given it, and how many unused payment keys it may hold."""

    lost_within_days: int
    new_phones_per_hour: int
    home_countries: list[str]
    code_minutes: int
    code_tries: int
    codes_per_token: int
    codes_per_day: int
    mobile_settled_days: int
    unused_keys: int


@dataclass(frozen=True, slots=True)
class DrawingRightsPolicy:
    """How long an invitation, a pairing's yes and a request stand, how much may be asked, and what happens at 18.

    `at_majority`: `expire` ends a right that was granted to a child, `tell` only tells its grantor.
    """

    invitation_days: int
    at_majority: str
    pair_minutes: int
    one_off_hours: int
    open_requests: int
    requests_per_day: int
    request_days: int


@dataclass(frozen=True, slots=True)
class PaymentsPolicy:
    """How many wrong CVCs a plastic may be tried with on one day, and how old a rate may be that converts an amount."""

    wrong_cvcs_per_day: int
    rate_days: int


@dataclass(frozen=True, slots=True)
class CardsOnFilePolicy:
    """When the merchants of a card that stays blocked are told to ask their customer (R-3.6b), how long a registration
    waits for a yes and how many of one merchant and card do, and when a cardholder is told that a merchant could not be
    told (R-3.6c).
    """

    contact_after_days: int
    pending_days: int
    pending_per_merchant: int
    told_within_days: int


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy as it holds at one moment."""

    provisioning: ProvisioningPolicy
    ceilings: Ceilings
    contactless: Contactless
    card_limits: CardLimits
    holds: Holds
    tokens: TokensPolicy
    drawing_rights: DrawingRightsPolicy
    payments: PaymentsPolicy
    cards_on_file: CardsOnFilePolicy


SHAPES: Final[dict[str, type[Any]]] = {
    "provisioning": ProvisioningPolicy,
    "ceilings": Ceilings,
    "contactless": Contactless,
    "card_limits": CardLimits,
    "holds": Holds,
    "tokens": TokensPolicy,
    "drawing_rights": DrawingRightsPolicy,
    "payments": PaymentsPolicy,
    "cards_on_file": CardsOnFilePolicy,
}


_NEWEST: Final = (
    select(Policy.name, Policy.figures)
    .ext(distinct_on(Policy.name))
    .where(Policy.effective_at <= bindparam("now"))
    .order_by(Policy.name, Policy.version.desc())
)
_IN_FORCE: Final = compiled(_NEWEST)


def load(session: Session, now: datetime) -> Policies:
    """The newest version of each policy that holds at `now`."""
    return of_rows(session.execute(_NEWEST, {"now": now}))


def find(pipe: Pipeline, now: datetime) -> Answer:
    """The same, to be read by `of_rows`."""
    return pipe.send(_IN_FORCE, now=now)


def of_rows(rows: Iterable[Any]) -> Policies:
    """Policies from the name and the figures of each."""
    return Policies(**{row.name: SHAPES[row.name](**row.figures) for row in rows})


def history(session: Session, offset: int, limit: int) -> list[Policy]:
    """Versions of all policies, by name, newest first: so many of them after `offset`."""
    ordered = select(Policy).order_by(Policy.name, Policy.version.desc())
    return list(session.scalars(ordered.offset(offset).limit(limit)))


def put(
    session: Session, name: str, figures: dict[str, Any], effective_at: datetime, set_by: str, now: datetime
) -> Policy:
    """A new version of a policy, instead of all that were to hold from its moment on or later. Raises as `check` does,
    and Invalid for a time that has passed.
    """
    check(name, figures)
    if effective_at < now:
        raise Invalid("effective_at", "is in the past")
    hold(session, name, read=False)
    version = session.scalars(select(func.max(Policy.version)).where(Policy.name == name)).one() + 1
    before = _in_force(session, name, effective_at)
    policy = Policy(
        name=name, version=version, figures=figures, effective_at=effective_at, set_by=set_by, created_at=now
    )
    session.add(policy)
    event = events.PolicySet(
        at=now,
        subject_id=subject_id(name),
        name=name,
        version=version,
        figures=figures,
        effective_at=effective_at,
        lowered=_lowered(before, figures),
    )
    events.emit(session, event)
    return policy


def _in_force(session: Session, name: str, at: datetime) -> dict[str, Any]:
    """The figures that hold at a moment, as `load` has them, whether or not that is still to come."""
    wanted = (Policy.name == name, Policy.effective_at <= at)
    newest = select(Policy.figures).where(*wanted).order_by(Policy.version.desc()).limit(1)
    figures: dict[str, Any] = session.scalars(newest).one()
    return figures


def hold(session: Session, name: str, *, read: bool = True) -> None:
    """Let nobody set a new version of a policy before this transaction ends: the first version's row is the lock."""
    first = select(Policy.version).where(Policy.name == name, Policy.version == 1)
    session.execute(first.with_for_update(read=read))


def _lowered(before: dict[str, Any], figures: dict[str, Any]) -> list[str]:
    """Which figures are less than they were; words and lists are neither more nor less."""
    return [name for name, figure in figures.items() if isinstance(figure, int) and figure < before.get(name, figure)]


def subject_id(name: str) -> UUID:
    """Whose journal the changes of a policy stand in."""
    return uuid5(NAMESPACE_URL, f"urn:tegnebog:policy:{name}")


# What a figure may be, where it is no amount: from, to.
_BOUNDS: Final = {
    "active_tokens_per_card": (0, 10_000),
    "provisionings_per_window": (0, 10_000),
    "window_days": (1, 3_660),
    "phones_per_drawing_right": (0, 10_000),
    "wrong_card_entries": (1, 100),
    "pause_hours": (1, 8_784),
    "payments_per_day": (0, 10_000),
    "payments_without_pin": (0, 10_000),
    "days": (1, 366),
    "long_days": (1, 366),
    "estimated_percent": (100, 1_000),
    "lost_within_days": (0, 3_660),
    "new_phones_per_hour": (0, 10_000),
    "code_minutes": (1, 60),
    "code_tries": (1, 10),
    "codes_per_token": (0, 100),
    "codes_per_day": (0, 1_000),
    "mobile_settled_days": (0, 366),
    "unused_keys": (10, 10_000),
    "invitation_days": (1, 366),
    "pair_minutes": (1, 1_440),
    "one_off_hours": (1, 744),
    "open_requests": (0, 100),
    "requests_per_day": (0, 1_000),
    "request_days": (1, 366),
    "wrong_cvcs_per_day": (1, 100),
    "rate_days": (1, 366),
    "contact_after_days": (1, 366),
    "pending_days": (1, 366),
    "pending_per_merchant": (1, 100),
    "told_within_days": (1, 366),
}
_CHOICES: Final = {"counter": ("count", "amount"), "at_majority": ("expire", "tell")}
_AMOUNT: Final = (0, MAX_AMOUNT_MINOR)
_LISTS: Final = {
    "categories": ("categories", re.compile(r"[a-z_]{1,40}", re.ASCII)),
    "countries": ("countries (ISO 3166, two letters)", re.compile(r"[A-Z]{2}", re.ASCII)),
}


def check(name: str, figures: dict[str, Any]) -> None:
    """Raise NotFound for an unknown policy, and Invalid, which names the figure that is missing or wrong."""
    if name not in SHAPES:
        raise NotFound
    expected = {field.name: field.type for field in dataclasses.fields(SHAPES[name])}
    for figure in [*expected, *figures]:
        if figure not in expected:
            raise Invalid("figures", f"there is no figure of another name than {', '.join(expected)} in this policy")
        if figure not in figures:
            raise Invalid(f"figures.{figure}", "is missing")
        if problem := _problem(figure, expected[figure], figures[figure]):
            raise Invalid(f"figures.{figure}", problem)


def _problem(name: str, expected: Any, value: object) -> str | None:
    """What is wrong with a figure; None if nothing is."""
    if expected is int:
        least, most = _BOUNDS.get(name, _AMOUNT)
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if fits else f"is a whole number from {least} to {most}"
    if expected is str:
        return None if value in _CHOICES[name] else f"is {' or '.join(_CHOICES[name])}"
    what, pattern = _LISTS["countries" if "countries" in name else "categories"]
    fits = isinstance(value, list) and all(isinstance(each, str) and pattern.fullmatch(each) for each in value)
    return None if fits else f"is a list of {what}"
