"""The one place that commits. At commit, what the rules emitted goes to the journal and to the outbox."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from notifications import outbox
from tokenization.events import act_as, take_by_actor
from tokenization.journal import entries
from tokenization.keys.ring import KeyRing
from wallet import migrations
from wallet.settings import Settings

_AFTERWARDS: Final = "after_commit"
# A list that is given as JSON counts as a hundred rows to PostgreSQL, however few they are. Where pages in no order
# cost four times those in order, as on disks that turn, it then reads 10,000 cards whole to find a few (measured: 1,400
# of them for each payment).
_PAGES: Final = "-c random_page_cost=1.1"


def connect(settings: Settings) -> Engine:
    """An engine on the configured PostgreSQL, READ COMMITTED, with a lock time-out; its errors show no parameters."""
    url = make_url(settings.database_url.get_secret_value())
    ours = f"-c lock_timeout={settings.lock_timeout_seconds}s -c timezone=UTC {_PAGES}"
    return create_engine(
        url.difference_update_query(["options"]),
        hide_parameters=True,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.lock_timeout_seconds,
        connect_args={"options": f"{ours} {url.query.get('options', '')}"},  # the bank's own come last, and win
    )


def migrate(settings: Settings) -> None:
    """Bring the schema up to this version of Tegnebog, in one transaction."""
    engine = connect(settings)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()


class Database:
    """Transactions over an engine, or in tests over one connection.

    `announce` is called after a commit that put something in the outbox: it wakes the relay. `custody` stands before
    each transaction, and raises where nothing may be written.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        ring: KeyRing,
        announce: Callable[[], None],
        custody: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self._sessions = sessions
        self._ring = ring
        self._announce = announce
        self._custody = custody

    @contextmanager
    def transaction(self, actor: str) -> Iterator[Session]:
        """A session that commits at the end and rolls back on an exception. `actor` stands in the journal.

        Expected refusals are values, so that what they record is committed.
        """
        with self._sessions() as session:
            with session.begin():
                self._custody(session)
                act_as(session, actor)
                yield session
                session.flush()
                happened = take_by_actor(session)
                recorded = [entry for who, what in happened for entry in entries.append(session, self._ring, what, who)]
                told = outbox.write(session, recorded)
            for act in session.info.get(_AFTERWARDS, ()):
                act()
        if told:
            self._announce()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for looking only: whatever it changes is rolled back."""
        with self._sessions() as session:
            yield session

    def close(self) -> None:
        """Let go of the connections that wait in the pool."""
        with self._sessions() as session:
            bind = session.get_bind()
        if isinstance(bind, Engine):
            bind.dispose()


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Do something once the transaction has committed, and never if it has not."""
    session.info.setdefault(_AFTERWARDS, []).append(act)
