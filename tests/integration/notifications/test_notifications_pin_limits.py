"""The bank changes how much may be paid without a PIN: by half or more, and every cardholder is told, once (R-2.5b)."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, event, update

from notifications import inbox, pieces, wording
from notifications.models import Message
from tests import payments
from tests.integration.notifications.town import Town
from tokenization import policies
from tokenization.clock import local_date
from tokenization.models import Plastic, Policy

SIZE = 2


@pytest.fixture(autouse=True)
def as_delivered(engine: Engine, town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small pieces; and the policies, which other tests have in common, as they were."""
    monkeypatch.setattr(pieces, "SIZE", SIZE)
    yield
    with engine.begin() as connection:
        connection.execute(delete(Policy).where(Policy.version > 1))


def set_limit(town: Town, pin_above: int, *, in_days: int = 0) -> None:
    figures, now = asdict(payments.POLICIES.contactless), town.clock.now()
    with town.transaction() as session:
        moment = now + timedelta(days=in_days)
        policies.put(session, "contactless", figures | {"pin_above": pin_above}, moment, "bank", now)


def read(town: Town, card_id: UUID) -> list[Message]:
    """What its cardholder has read of the limit, oldest first."""
    with town.database.reading() as session:
        messages = inbox.page(session, town.holder_of(card_id), 50)
        return [message for message in reversed(messages) if message.kind.startswith("contactless.")]


def day(town: Town, in_days: int, language: str) -> str:
    return wording.day(local_date(town.clock.now() + timedelta(days=in_days)), language)


def test_cardholders_read_both_amounts_and_the_day_each_in_their_language_and_by_no_text(town: Town) -> None:
    danish, english = town.card(language="da"), town.card(cpr="0101700102")
    town.tell_all()
    set_limit(town, 52_500, in_days=30)
    town.tell_all()
    assert [(each.title, each.text) for each in (*read(town, danish), *read(town, english))] == [
        (
            "Ny grænse for at betale uden pinkode",
            f"Når du betaler kontaktløst for mere end 525,00 kr., skal du fra {day(town, 30, 'da')} bruge pinkode. "
            "Hidtil har 350,00 kr. været grænsen.",
        ),
        (
            "A new limit for paying without your PIN",
            f"From {day(town, 30, 'en')} you need your PIN for contactless payments above DKK 525.00. "
            "The limit used to be DKK 350.00.",
        ),
    ]
    assert not town.screen.messages


def test_a_change_by_less_is_told_nobody(town: Town) -> None:
    card_id = town.card()
    set_limit(town, 52_400)
    town.tell_all()
    assert read(town, card_id) == []


def test_everybody_with_a_card_that_lives_is_told_once_piece_by_piece(town: Town) -> None:
    cards = [town.card(cpr=f"010170010{n}") for n in range(SIZE * 2 + 1)]
    closed, expired, blocked, *_ = cards
    town.close(closed)
    town.block(blocked)
    with town.transaction() as session:
        today = local_date(town.clock.now())
        session.execute(update(Plastic).where(Plastic.card_id == expired).values(expiry=today - timedelta(days=1)))
    town.tell_all()
    set_limit(town, 100_000)
    assert town.tell_all() == 3
    assert [len(read(town, each)) for each in cards] == [0, 0, 1, 1, 1]


def test_what_was_told_and_called_off_is_told_as_such(town: Town) -> None:
    card_id = town.card()
    set_limit(town, 100_000, in_days=30)
    town.tell_all()
    set_limit(town, 35_000)
    town.tell_all()
    assert [each.kind for each in read(town, card_id)] == ["contactless.limit_changed", "contactless.limit_not_as_told"]
    assert read(town, card_id)[1].text == (
        "What you were told of a new limit no longer holds. "
        f"From {day(town, 0, 'en')} you need your PIN for contactless payments above DKK 350.00."
    )


def test_a_mistake_that_is_put_right_before_all_have_heard_is_told_nobody_more(town: Town) -> None:
    cards = [town.card(cpr=f"010170010{n}") for n in range(SIZE * 2)]
    town.tell_all()
    set_limit(town, 3_500_000, in_days=1)
    town.tell()
    set_limit(town, 35_000)
    town.tell_all()
    assert sorted(len(read(town, each)) for each in cards) == [1] * SIZE + [2] * SIZE


def test_no_piece_loads_more_people_than_fit(town: Town, engine: Engine) -> None:
    for n in range(SIZE * 2 + 1):
        town.card(cpr=f"010170010{n}")
    town.tell_all()
    set_limit(town, 100_000)
    rows: list[int] = []

    def count(_: object, cursor: Any, *__: object) -> None:
        rows.append(cursor.rowcount)

    event.listen(engine, "after_cursor_execute", count)
    town.tell()
    event.remove(engine, "after_cursor_execute", count)
    assert max(rows) == SIZE + 1
