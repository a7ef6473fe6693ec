"""Relays that are killed, real processes by SIGKILL: in the middle of telling of many tokens, and while events come."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, TextClause, delete, insert, select, text

from delegation.models import DrawingRight
from notifications import pieces
from notifications.leases import LEASE
from notifications.models import Feed, Message, OutboxRow, Update
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.relay_process import running, started_by
from tests.integration.notifications.street import Street
from tests.integration.notifications.test_notifications_relay import waiting
from tests.integration.notifications.town import Town, until
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.models import Policy, Token
from wallet import embedded

CEILINGS = "drawing_right.ceilings_lowered"
TOKENS = 1_200  # of each wallet: the second one's begin within the third piece
KILLS = int(os.environ.get("KILLS", "3"))  # `make races`: 24
AT_ONCE = 2  # relays
BACKLOG = 40  # events: no more come in while so many wait
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
OPEN = text(
    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
)


@pytest.fixture
def command(servers: embedded.Servers, engine: Engine, ring_folder: Path, texts: Receiver) -> list[str]:
    """That starts a relay over the town."""
    database_url = engine.url.render_as_string(hide_password=False)
    return started_by(database_url, servers.redis_url, ring_folder, texts.url)


def test_a_relay_that_is_killed_has_told_nobody_twice_and_the_next_leaves_nobody_out(
    town: Town, command: list[str], clock: SetClock
) -> None:
    card_id = town.card()
    right_id = town.right(card_id)
    wallets = [town.requestor("wallet", name) for name in ("Lommen", "Pungen")]
    for nth, wallet in enumerate(wallets):
        town.copies(town.token(card_id, wallet), TOKENS, first=nth * TOKENS)
    with town.transaction() as session:
        town.fan_out_all(session)
    before = len(entries(town))
    town.block(card_id)
    with town.transaction() as session, running(command) as process:
        session.scalars(select(Feed).where(Feed.requestor_id == wallets[1]).with_for_update()).one()
        assert until(lambda: somebody_waits(town), 60)
        process.kill()
        process.wait()
        assert len(entries(town)) - before == 2 * pieces.SIZE
        assert progress(town) is not None
    clock.advance(LEASE * 2)
    while waiting(town):
        town.tell()
    with town.database.reading() as session:
        living = [tuple(row) for row in session.execute(select(Token.requestor_id, Token.token_id))]
    assert sorted(entries(town)[before:]) == sorted(living)
    assert told_of_the_block(town) == sorted([town.holder_of(card_id), right_id])


def test_a_relay_that_is_killed_between_the_pieces_of_a_lowered_ceiling_has_told_nobody_twice(
    town: Town, engine: Engine, command: list[str], clock: SetClock
) -> None:
    card_id = town.card()
    first = town.right(card_id)
    town.copies_of_right(first, pieces.SIZE + 1)
    with town.transaction() as session:
        town.fan_out_all(session)
    town.set_ceilings(per_day=200_000)
    with town.database.reading() as session:
        *_, last = rights = session.scalars(select(DrawingRight.right_id).order_by(DrawingRight.right_id)).all()
    with engine.connect() as connection, running(command) as process:
        connection.execute(insert(Message).values(message_in_the_way(town, last)))
        assert until(lambda: somebody_waits(town), 60)
        process.kill()
        process.wait()
        assert len(told_of_ceilings(town)) == pieces.SIZE + 1
        assert progress(town) == rights[pieces.SIZE - 1]
    clock.advance(LEASE * 2)
    while waiting(town):
        town.tell()
    with engine.begin() as connection:
        connection.execute(delete(Policy).where(Policy.version > 1))
    assert told_of_ceilings(town) == sorted([*rights, town.holder_of(card_id)])


def message_in_the_way(town: Town, recipient_id: UUID) -> dict[str, Any]:
    """One that the relay will find there, not committed, and wait for."""
    with town.database.reading() as session:
        event_id = session.scalars(select(OutboxRow.event_id)).one()
    words = {"kind": CEILINGS, "language": "en", "title": "", "text": "", "at": town.clock.now()}
    return {"recipient_id": recipient_id, "message_id": ids.new_id(), "event_id": event_id, **words}


def told_of_ceilings(town: Town) -> list[UUID]:
    with town.database.reading() as session:
        return sorted(session.scalars(select(Message.recipient_id).where(Message.kind == CEILINGS)))


def entries(town: Town) -> list[tuple[UUID, UUID]]:
    """Requestor and token of each entry of the feeds, event by event."""
    in_order = select(Update.requestor_id, Update.subject_id).order_by(Update.event_id, Update.requestor_id, Update.seq)
    with town.database.reading() as session:
        return [(row.requestor_id, row.subject_id) for row in session.execute(in_order)]


def somebody_waits(town: Town) -> bool:
    with town.database.reading() as session:
        return bool(session.scalar(WAITING))


def progress(town: Town) -> UUID | None:
    with town.database.reading() as session:
        return session.scalars(select(OutboxRow.progress)).one()


def told_of_the_block(town: Town) -> list[UUID]:
    with town.database.reading() as session:
        return sorted(session.scalars(select(Message.recipient_id).where(Message.kind == "card.blocked")))


# While events come in


@pytest.fixture
def street(town: Town, receiver: Receiver, texts: Receiver) -> Street:
    return Street(town, receiver, texts, shops=3, cards=4)


@contextmanager
def events_coming_in(street: Street) -> Iterator[None]:
    """Cards are replaced, one after the other, until the end of the block."""
    over = Event()

    def replace() -> None:
        while not over.is_set():
            if street.town.waiting() > BACKLOG:
                over.wait(0.02)
            else:
                street.replace_all()

    thread = Thread(target=replace)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_relays_that_are_killed_while_events_come_in_lose_nothing_and_tell_nobody_twice(
    town: Town, street: Street, command: list[str]
) -> None:
    chance = Random(KILLS)
    for nth in range(KILLS):
        with events_coming_in(street), ExitStack() as relays:
            for _ in range(AT_ONCE):
                relays.enter_context(running(command, ahead=nth * 2 * LEASE))
            assert street.receiver.gets(chance.randrange(1, 60))
    assert until(lambda: count(town, OPEN) == 0)
    with running(command, ahead=KILLS * 2 * LEASE):
        assert until(street.is_quiet, 60)
    street.check()


def count(town: Town, statement: TextClause) -> int:
    with town.database.reading() as session:
        return int(session.scalar(statement))
