"""Drawing rights to test with: made-up people, real cards."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.judging import Place
from delegation.limits import Attempt
from delegation.models import DrawingRight
from delegation.parties import Delegate
from delegation.terms import LIMITS, LISTS, Ceiling, Limits, RightTerms
from tests.numbers import SPACE
from tokenization import cardholders, cards, events, ids
from tokenization.models import Card
from tokenization.policies import DrawingRightsPolicy
from tokenization.vault import Vault

CEILING = Ceiling(
    per_payment=200_000, per_day=300_000, per_week=700_000, per_month=1_500_000, total=None, payments_per_day=20
)
NO_CEILING = Ceiling()
NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
EMIL = Delegate("Emil")
POLICY = DrawingRightsPolicy(
    invitation_days=30,
    at_majority="expire",
    pair_minutes=60,
    one_off_hours=24,
    open_requests=5,
    requests_per_day=20,
    request_days=7,
)


def permitting(**fields: Any) -> RightTerms:
    """Terms: limits by their names, and all the rest by theirs."""
    limits = Limits(**{name: fields.pop(name) for name in LIMITS if name in fields})
    rest: dict[str, Any] = {name: tuple(said) if name in LISTS else said for name, said in fields.items()}
    return RightTerms(limits, **rest)


def attempt(amount_minor: int = 10_000, **fields: Any) -> Attempt:
    """A purchase at a Danish grocer's, on a Sunday at noon."""
    usual = {
        "mcc": "5411",
        "country": "DK",
        "merchant_id": "DK-1",
        "client_id": "acquirer",
        "kind": "purchase",
        "at": NOON,
    }
    return Attempt(amount_minor=amount_minor, **{**usual, **fields})


def place(merchant_id: str = "DK-1", *categories: str, client_id: str = "acquirer", country: str = "DK") -> Place:
    """Where `attempt` is made, unless something else is said."""
    return Place(merchant_id, client_id, country, frozenset(categories or {"groceries"}))


def issue_card(session: Session, vault: Vault, now: datetime) -> Card:
    """A card, locked, of a made-up cardholder."""
    holder = cardholders.register(session, vault, name="Anna Prøve", cpr="0101700101", mobile=None, now=now)
    space = SPACE
    card = cards.issue(
        session,
        vault,
        space,
        holder_id=holder.holder_id,
        account_id=ids.new_id(),
        scheme="visa_dankort",
        now=now,
    )
    events.take_pending(session)
    return card


def grant(session: Session, card: Card, now: datetime, right_terms: RightTerms | None = None) -> DrawingRight:
    """A drawing right for Emil: DKK 200 a payment, unless the terms say something else."""
    right_terms = right_terms or permitting(per_payment=20_000)
    right = drawing_rights.grant(session, card, EMIL, right_terms, CEILING, policy=POLICY, now=now)
    assert isinstance(right, DrawingRight)
    return right
