"""What every step of deciding needs at hand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tokenization.models import Card
from tokenization.policies import Policies
from tokenization.vault import Vault
from wallet.payments.models import Account
from wallet.payments.rates import Rates
from wallet.payments.requests import Authorization


@dataclass(frozen=True, slots=True)
class Desk:
    """Where requests are decided: the session that holds the locks, vault and rates, policies in force, the moment."""

    session: Session
    vault: Vault
    rates: Rates
    policies: Policies
    now: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A request whose card is known: the card and its account, both locked, and which plastic, token or credential."""

    asked: Authorization
    row_id: UUID
    card: Card
    account: Account
