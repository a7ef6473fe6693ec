"""The one place that commits. At commit, what the rules emitted goes to the journal and to the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from notifications import outbox
from tokenization import journal
from tokenization.events import take_pending
from tokenization.keys import KeyRing
from wallet.settings import Settings


def connect(settings: Settings) -> Engine:
    """An engine on the configured PostgreSQL, READ COMMITTED, with a lock time-out."""
    return create_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"options": f"-c lock_timeout={settings.lock_timeout_seconds}s -c timezone=UTC"},
    )


class Database:
    """Transactions over an engine, or in tests over one connection."""

    def __init__(self, sessions: sessionmaker[Session], ring: KeyRing) -> None:
        self._sessions = sessions
        self._ring = ring

    @contextmanager
    def transaction(self, actor: str) -> Iterator[Session]:
        """A session that commits at the end and rolls back on an exception. `actor` stands in the journal.

        Expected refusals are values, so that what they record is committed.
        """
        with self._sessions() as session, session.begin():
            yield session
            session.flush()
            recorded = journal.append(session, self._ring, take_pending(session), actor)
            outbox.write(session, recorded)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for looking only: whatever it changes is rolled back."""
        with self._sessions() as session:
            yield session
