"""Events that cannot be told, as of a version of tomorrow: they cost the others nothing, and are seen."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from notifications import outbox
from notifications.leases import LEASE
from notifications.models import OutboxRow
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.town import Town, until
from tokenization.clock import SetClock


def poison(town: Town, **changed: Any) -> None:
    """An event that nobody can be told of."""
    town.block(town.card(cpr="0101700109"))
    with town.transaction() as session:
        row = session.scalars(select(OutboxRow)).one()
        for name, value in changed.items():
            setattr(row, name, value)


def attempts(town: Town) -> list[int]:
    with town.database.reading() as session:
        return list(session.scalars(select(OutboxRow.attempts)))


@pytest.mark.parametrize("changed", [{"payload": {}}, {"type": "card.of_tomorrow"}], ids=["payload", "type"])
def test_an_event_that_cannot_be_told_is_tried_once_a_lease_and_seen_while_all_others_are_told(
    town: Town, clock: SetClock, changed: dict[str, Any]
) -> None:
    poison(town, **changed)
    since, card_id = clock.now(), town.card()
    with capture_logs() as logs, town.relay() as relay, at_work(relay):
        for _ in range(3):
            town.block(card_id)
            town.unblock(card_id)
            assert until(lambda: attempts(town) == [1])
        clock.advance(LEASE + timedelta(seconds=1))
        outbox.wake(town.redis)
        assert until(lambda: attempts(town) == [2])
        assert until(lambda: [entry["event"] for entry in logs].count("event_not_told") == 2)
    with town.database.reading() as session:
        assert outbox.depth(session) == outbox.Depth(1, since)
