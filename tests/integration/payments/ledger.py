"""Everything that a database holds, so that it can be compared: without what is new each time."""

from collections import defaultdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import ids
from tokenization.models import Base
from wallet.payments.models import Payment, ReferenceDirectory

# Made by chance, or out of it: that the chain of HMACs holds is looked at apart.
BY_CHANCE: Final = frozenset({"event_id", "salt", "digest", "link", "journal_head", "journal_seal"})
Rows = list[dict[str, Any]]


def read(session: Session) -> dict[str, Rows]:
    """Every row of every table, a payment called by its reference; and each card's payments in the order of ids."""
    named = names(session)
    found = {table.fullname: _rows(session, table, named) for table in Base.metadata.sorted_tables}
    return found | {"order of payments": _order(session, named)}


def names(session: Session) -> dict[Any, str]:
    """What to call a payment, by its id and by the text of it."""
    authorized = select(ReferenceDirectory).where(ReferenceDirectory.operation == "authorization")
    found: dict[Any, str] = {}
    for row in session.scalars(authorized.execution_options(populate_existing=True)):
        if row.payment_id is not None:
            found |= dict.fromkeys((row.payment_id, ids.to_text("pay", row.payment_id)), _name(row))
    return found


def _name(row: ReferenceDirectory) -> str:
    return f"payment {row.client_id} {row.network_reference}"


def named_by(names: dict[Any, str], value: Any) -> Any:
    """The value, each payment in it called by its name."""
    if isinstance(value, dict):
        return {key: named_by(names, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [named_by(names, inner) for inner in value]
    return names.get(value, value) if isinstance(value, str | UUID) else value


def _rows(session: Session, table: Any, names: dict[Any, str]) -> Rows:
    columns = [column for column in table.columns if column.name not in BY_CHANCE]
    rows = [dict(row) for row in session.execute(select(*columns)).mappings()]
    told = [{name: named_by(names, value) for name, value in row.items()} for row in rows]
    return sorted(told, key=repr)


def _order(session: Session, names: dict[Any, str]) -> Rows:
    of_card: dict[UUID, list[str]] = defaultdict(list)
    for card_id, payment_id in session.execute(
        select(Payment.card_id, Payment.payment_id).order_by(Payment.payment_id)
    ):
        of_card[card_id].append(names[payment_id])
    return [{"card_id": card_id, "payments": each} for card_id, each in sorted(of_card.items())]
