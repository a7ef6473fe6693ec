"""A new card that a merchant has not had in time: its cardholder is told, once (R-3.6c)."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from notifications import missed_updates
from notifications.models import Message, Update
from tests.integration.notifications.feeds import last4s, read
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock

DAYS = timedelta(days=5)


def go_round(town: Town) -> int:
    return missed_updates.run(town.transaction, town.clock.now())


def heard(town: Town) -> list[str]:
    """What cardholders read of it, once relays have told it."""
    town.tell()
    wanted = select(Message.text).where(Message.kind == "credential.update_missed").order_by(Message.message_id)
    with town.database.reading() as session:
        return list(session.scalars(wanted))


def test_a_merchant_that_took_no_new_card_in_time_is_told_of_once(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(DAYS - timedelta(seconds=1))
    assert go_round(town) == 0
    clock.advance(timedelta(seconds=1))
    assert [go_round(town), go_round(town)] == [1, 0]
    [message] = heard(town)
    assert f"Filmfloden has not picked up your new card ending in {last4s(town, card_id)[1]}" in message
    with town.database.reading() as session:
        assert session.scalars(select(Update.missed_at)).all() == [clock.now()]


@pytest.mark.parametrize("how", ["webhook", "feed"])
def test_one_that_took_it_is_not(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock, receiver: Receiver, how: str
) -> None:
    town.on_file(card_id, shop)
    if how == "webhook":
        town.listen(shop, receiver.url)
    town.replace(card_id)
    town.tell()
    if how == "feed":
        read(town, shop)
    clock.advance(DAYS)
    assert go_round(town) == 0
    assert heard(town) == []


@pytest.mark.parametrize("what", ["another card", "opted out", "closed"])
def test_what_something_newer_made_pointless_is_not_told(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock, what: str
) -> None:
    credential_id = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(DAYS)
    newer = {
        "another card": lambda: town.replace(card_id),
        "opted out": lambda: town.choose(card_id, credential_id, False),
        "closed": lambda: town.close(card_id),
    }
    newer[what]()
    town.tell()
    assert go_round(town) == 1
    assert heard(town) == []
    clock.advance(DAYS)
    assert go_round(town) == (1 if what == "another card" else 0)


def test_a_merchant_that_reads_late_has_it_all_the_same(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(DAYS)
    go_round(town)
    read(town, shop)
    with town.database.reading() as session:
        [(received_at, missed_at)] = session.execute(select(Update.received_at, Update.missed_at)).all()
    assert received_at == missed_at == clock.now()


def test_the_search_for_them_reads_an_index_that_holds_nothing_else(town: Town) -> None:
    with town.database.reading() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        statement = text(
            "EXPLAIN SELECT at FROM notifications.updates WHERE code = 'A' AND received_at IS NULL "
            "AND missed_at IS NULL AND at <= now() ORDER BY at, requestor_id, seq LIMIT 100"
        )
        plan = "\n".join(session.scalars(statement))
    assert "ix_updates_not_received" in plan
    assert "Sort" not in plan


def test_how_long_one_has_waited_to_be_looked_at(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    clock.advance(DAYS + timedelta(minutes=3))
    with town.database.reading() as session:
        assert missed_updates.overdue(session, clock.now()) == timedelta(minutes=3)
