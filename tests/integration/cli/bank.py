"""A bank in a database that commands work on: cards made through the rules, and what has become of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import cardholders, cards, ids
from tokenization.clock import last_of_month
from tokenization.journal.models import JournalEntry
from tokenization.models import Card, Plastic
from wallet import app
from wallet.payments import accounts
from wallet.services import Services
from wallet.settings import Settings


@dataclass
class Bank:
    """Its parts, over real commits."""

    parts: Services
    account: dict[str, UUID]

    def issue(self, how_many: int, ending: date | None = None) -> list[UUID]:
        """Cards of one holder; their plastics end with the month of `ending`, where that is said."""
        with self.parts.database.transaction("test") as session:
            issued = [self._issue(session) for _ in range(how_many)]
            for card in issued if ending else ():
                cards.current_plastic(session, card).expiry = last_of_month(ending or date.min)
            return [card.card_id for card in issued]

    def _issue(self, session: Session) -> Card:
        parts = self.parts
        about = self.account | {"scheme": "visa_dankort", "now": parts.clock.now()}
        return cards.issue(session, parts.vault, parts.settings.number_space, **about)  # type: ignore[arg-type]  # by name

    def block(self, card_id: UUID, reason: str = "lost") -> None:
        now = self.parts.clock.now()
        with self.parts.database.transaction("test") as session:
            card = cards.lock(session, card_id)
            assert card is not None
            cards.block(session, card, reason=reason, by="issuer", noticed_at=now, now=now, gross=True)

    def close(self, card_id: UUID) -> None:
        with self.parts.database.transaction("test") as session:
            card = cards.lock(session, card_id)
            assert card is not None
            cards.close(session, card, self.parts.clock.now())

    def plastics(self, card_id: UUID) -> list[str]:
        """Their states, the oldest first."""
        states = select(Plastic.state).where(Plastic.card_id == card_id).order_by(Plastic.plastic_id)
        with self.parts.database.reading() as session:
            return list(session.scalars(states))

    def number(self, card_id: UUID) -> str:
        """Of the newest plastic."""
        with self.parts.database.reading() as session:
            card = session.get_one(Card, card_id)
            return cards.reveal_number(session, self.parts.vault, card_id, card.current_plastic_id).reveal()

    def state(self, card_id: UUID) -> str:
        with self.parts.database.reading() as session:
            return session.get_one(Card, card_id).state

    def journal(self, card_id: UUID) -> list[tuple[str, str]]:
        """What happened to a card, and through whom."""
        rows = select(JournalEntry.type, JournalEntry.actor).where(JournalEntry.card_id == card_id)
        with self.parts.database.reading() as session:
            return [(type_, actor) for type_, actor in session.execute(rows.order_by(JournalEntry.seq))]


@contextmanager
def wired(environment: Mapping[str, str]) -> Iterator[Services]:
    """The parts of a service in the database of these settings."""
    parts = app.wire(
        Settings(
            database_url=SecretStr(environment["TEGNEBOG_DATABASE_URL"]),
            redis_url=SecretStr(environment["TEGNEBOG_REDIS_URL"]),
            key_ring=Path(environment["TEGNEBOG_KEY_RING"]),
        )
    )
    yield parts
    parts.database.close()


@contextmanager
def opened(environment: Mapping[str, str]) -> Iterator[Bank]:
    """The bank with one customer, there."""
    with wired(environment) as parts:
        yield Bank(parts, _customer(parts))


def _customer(parts: Services) -> dict[str, UUID]:
    now = parts.clock.now()
    with parts.database.transaction("test") as session:
        who = {"name": "Anna Prøve", "cpr": "0101700101", "mobile": None, "address": "Prøvevej 1"}
        holder = cardholders.register(session, parts.vault, **who, now=now)  # type: ignore[arg-type]  # by name
        money = {"currency": "DKK", "balance_minor": 0, "overdraft_limit_minor": 0}
        account = accounts.open_account(session, holder_id=holder.holder_id, **money, now=now)  # type: ignore[arg-type]  # by name
        session.flush()
        return {"holder_id": holder.holder_id, "account_id": account.account_id}


def id_of(card_id: UUID) -> str:
    return ids.to_text("card", card_id)
