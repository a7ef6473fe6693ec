"""Statements that run often are prepared, and must be planned well for whatever parameters."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event

from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization.clock import SetClock

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
