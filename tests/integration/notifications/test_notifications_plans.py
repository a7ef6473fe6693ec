"""Statements that run often are prepared, and must be planned well for whatever parameters."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement, Engine, event, text

from notifications import replay
from notifications.models import Delivery
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock
from wallet.resources import webhooks

# An update a minute, each delivered at once.
MANY = """
    WITH entries AS (
        INSERT INTO notifications.updates
            (requestor_id, seq, event_id, kind, card_id, subject_id, version, facts, at, number_given)
        SELECT :shop, nth, gen_random_uuid(), 'token.updated', gen_random_uuid(), gen_random_uuid(), 1, '{}',
            CAST(:now AS timestamptz) - make_interval(mins => :count - nth), false
        FROM generate_series(1, :count) AS nth
        RETURNING requestor_id, seq, subject_id, kind, at
    )
    INSERT INTO notifications.deliveries
        (requestor_id, delivery_id, seq, subject_id, kind, state, attempts, next_attempt_at, created_at, finished_at)
    SELECT requestor_id, gen_random_uuid(), seq, subject_id, kind, 'delivered', 1, at, at, at FROM entries
"""
# What the indexes for what waits are for (models.PENDING, WAITING; tokens.LIVE).
AS_A_PARAMETER = re.compile(
    r"(?:deliveries|sms_messages|tokens)\.state (?:=|!=) %\(|SET state=[^;]* WHERE [^;]*\.state = %\("
)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_what_an_index_is_for_stands_in_the_statement_itself(
    town: Town, receiver: Receiver, clock: SetClock, engine: Engine
) -> None:
    receiver.answers = [500, 410]
    card_id, shop, wallet = town.card(), town.requestor(), town.requestor("wallet", "Lommen")
    for each in (shop, wallet):
        town.listen(each, receiver.url)
    town.on_file(card_id, shop)
    town.phone_in_use(card_id, wallet)
    with statements(engine) as seen:
        for _ in range(3):
            town.replace(card_id)
            town.tell_all()
            clock.advance(timedelta(minutes=6))
    assert len(seen) > 100
    assert [statement for statement in seen if AS_A_PARAMETER.search(statement)] == []


@pytest.fixture
def much(town: Town) -> UUID:
    """A requestor of which much is known."""
    shop = town.requestor()
    with town.transaction() as session:
        session.execute(text(MANY), {"shop": shop, "now": town.clock.now(), "count": 2_000})
        session.execute(text("ANALYZE notifications.updates, notifications.deliveries"))
    return shop


def scans(engine: Engine, statement: ClauseElement) -> tuple[set[str], str]:
    """By which indexes a statement is answered, and the whole plan."""
    written = statement.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {written}").scalars())
    return set(re.findall(r"Scan (?:Backward )?(?:using|on) ((?:ix|pk)_\w+)", plan)), plan


def test_what_is_to_be_sent_again_is_found_by_indexes(engine: Engine, town: Town, much: UUID) -> None:
    hour = town.clock.now() - timedelta(hours=1)
    used, plan = scans(engine, replay.STANDING.bindparams(requestor_id=much, since=hour, most=replay.AT_MOST))
    assert used == {
        "ix_updates_requestor_id_at",
        "ix_deliveries_finished",
        "ix_deliveries_requestor_id_seq",
        "ix_updates_requestor_id_subject_id_seq",
    }
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("state", ["failed", "superseded"])
def test_the_few_that_were_not_delivered_are_found_among_many(engine: Engine, much: UUID, state: str) -> None:
    listed = webhooks.sent_to(much, state).order_by(Delivery.delivery_id.desc()).limit(51)
    used, plan = scans(engine, listed)
    assert used == {"ix_deliveries_not_delivered"}
    assert "Sort" not in plan
    sent = listed.compile(engine, compile_kwargs={"render_postcompile": True})
    assert f"state = '{state}'" in str(sent)
