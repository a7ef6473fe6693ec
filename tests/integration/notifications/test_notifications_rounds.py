"""The relay goes round the drawing rights to which something came, beside all else that it does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from delegation import drawing_rights, rounds
from delegation.models import DrawingRight
from tests.integration.notifications.test_notifications_relay import broken_off, kinds, running_relay
from tests.integration.notifications.town import Town, until
from tokenization import cards, ids
from tokenization.clock import SetClock, local_date
from tokenization.journal.models import JournalEntry

CARDS = 12


@pytest.fixture
def ended(town: Town) -> UUID:
    """A right whose last day is over."""
    return right_that_ended(town, town.card())


def right_that_ended(town: Town, card_id: UUID) -> UUID:
    """A right whose last day is over, of which nobody has been told."""
    right_id, now = town.right(card_id), town.clock.now()
    over = {"valid_until": local_date(now) - timedelta(days=1), "looked_at": now - timedelta(days=2), "due_at": now}
    with town.transaction() as session:
        session.execute(update(DrawingRight).where(DrawingRight.right_id == right_id).values(over))
    return right_id


def card_of(town: Town, right_id: UUID) -> UUID:
    with town.database.reading() as session:
        card_id = drawing_rights.card_of(session, right_id)
    assert card_id is not None
    return card_id


def told_of(town: Town) -> list[str]:
    """The rights that the journals say ended."""
    ends = select(JournalEntry.payload["right_id"].astext).where(JournalEntry.type == "drawing_right.expired")
    with town.database.reading() as session:
        return sorted(session.scalars(ends))


def named(*right_ids: UUID) -> list[str]:
    return sorted(ids.to_text("right", right_id) for right_id in right_ids)


def test_a_relay_tells_what_came_with_time(town: Town, ended: UUID) -> None:
    town.tell()
    assert told_of(town) == named(ended)
    town.tell()
    assert told_of(town) == named(ended)


def test_two_relays_at_once_tell_each_thing_once(town: Town) -> None:
    ended = [right_that_ended(town, town.card(cpr=f"01017001{n:02}")) for n in range(CARDS)]
    together, told = Barrier(2), list[int]()

    def go_round() -> None:
        together.wait(10)
        told.append(rounds.run(town.transaction, town.clock.now()))

    threads = [Thread(target=go_round) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told) == CARDS
    assert told_of(town) == named(*ended)


def test_a_round_that_is_killed_has_told_nothing_and_the_next_tells_it(town: Town, ended: UUID) -> None:
    card_id = card_of(town, ended)
    with broken_off(town) as session:
        assert rounds.look(session, card_id, ended, town.clock.now()) == 1
    assert told_of(town) == []
    town.tell()
    assert told_of(town) == named(ended)


def test_a_relay_goes_round_once_a_minute(town: Town, clock: SetClock, ended: UUID) -> None:
    with town.relay() as relay:
        relay.run_once()
        later = right_that_ended(town, town.card(cpr="0101700102"))
        clock.advance(timedelta(seconds=59))
        relay.run_once()
        assert told_of(town) == named(ended)
        clock.advance(timedelta(seconds=1))
        relay.run_once()
    assert told_of(town) == named(ended, later)


def test_a_card_that_is_locked_for_long_holds_up_no_telling(town: Town, ended: UUID) -> None:
    other, held = town.card(cpr="0101700102"), card_of(town, ended)
    with ExitStack() as stack:
        with town.database.reading() as holding:
            cards.lock(holding, held)
            stack.enter_context(running_relay(town))
            town.block(other)
            assert until(lambda: kinds(town, town.holder_of(other)) == ["card.blocked"])
            assert told_of(town) == []
        assert until(lambda: told_of(town) == named(ended))


def test_the_other_rights_on_a_card_that_somebody_holds_are_not_waited_for(town: Town, ended: UUID) -> None:
    other, elsewhere = right_that_ended(town, card_of(town, ended)), right_that_ended(town, town.card(cpr="0101700109"))

    @contextmanager
    def impatient() -> Iterator[Session]:
        with town.transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '10ms'"))
            yield session

    with town.transaction() as holder, capture_logs() as logs:
        cards.lock(holder, card_of(town, ended))
        assert rounds.run(impatient, town.clock.now()) == 1
    assert [entry["event"] for entry in logs] == ["right_not_looked_at"]
    assert told_of(town) == named(elsewhere)
    rounds.run(town.transaction, town.clock.now())
    assert told_of(town) == named(ended, other, elsewhere)
