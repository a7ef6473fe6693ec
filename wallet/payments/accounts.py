"""Accounts, where the money is: what is available, and to reserve, release, capture and give back, under the account's
lock. All that payments ask of an account stands here: one day a bank's core system will stand behind it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import ids
from tokenization.errors import NotFound
from tokenization.pipeline import Answer, Pipeline, changing, looking_up
from wallet.payments.models import Account

_MOVED: Final = ("account_id", "balance_minor", "held_minor")
_LOCK: Final = looking_up(Account, ["account_id"], and_then="ORDER BY account_id FOR UPDATE OF t")
MOVE: Final = changing(Account, _MOVED[:1], _MOVED[1:])


def open_account(
    session: Session, *, holder_id: UUID, currency: str, balance_minor: int, overdraft_limit_minor: int, now: datetime
) -> Account:
    """A new account of a cardholder; amounts in minor units of its currency."""
    account = Account(
        account_id=ids.new_id(),
        holder_id=holder_id,
        currency=currency,
        balance_minor=balance_minor,
        overdraft_limit_minor=overdraft_limit_minor,
        held_minor=0,
        created_at=now,
    )
    session.add(account)
    return account


def get(session: Session, account_id: UUID) -> Account:
    """The account, as it stands. Raises NotFound."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound
    return account


def lock(session: Session, account_id: UUID) -> Account:
    """The account, locked. Raises NotFound."""
    statement = select(Account).where(Account.account_id == account_id).with_for_update()
    account = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if account is None:
        raise NotFound
    return account


def lock_many(pipe: Pipeline, account_ids: Iterable[UUID]) -> Answer:
    """Lock accounts in ascending order, after every card's lock."""
    return pipe.find(_LOCK, ((account_id,) for account_id in account_ids))


def rows_of(changed: Iterable[Account]) -> list[dict[str, Any]]:
    """The rows that MOVE writes for accounts that `lock_many` locked."""
    return [{name: getattr(account, name) for name in _MOVED} for account in changed]


def available_minor(account: Account) -> int:
    """Balance plus overdraft limit less what is held (R-2.4)."""
    return account.balance_minor + account.overdraft_limit_minor - account.held_minor


def reserve(account: Account, minor: int) -> None:
    """Hold so much of what is available."""
    account.held_minor += minor


def release(account: Account, minor: int) -> None:
    """Hold so much less."""
    account.held_minor -= minor


def capture(account: Account, minor: int) -> None:
    """Take so much; what was held for it is released by itself."""
    account.balance_minor -= minor


def give_back(account: Account, minor: int) -> None:
    """Put so much back that was taken."""
    account.balance_minor += minor
