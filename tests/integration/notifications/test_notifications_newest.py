"""The newest of a subject is what its requestor ends with, whatever happens at once."""

import os
from collections import Counter
from datetime import timedelta
from threading import Thread
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text

from notifications.models import Update
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.test_notifications_killed import somebody_waits
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.test_notifications_webhooks import states
from tests.integration.notifications.town import Town, until
from tests.numbers import SPACE
from tokenization import cards, replacement
from tokenization.clock import SetClock
from tokenization.models import Card, Credential, Plastic

BURST: Final = int(os.environ.get("ROUNDS", "40"))  # `make races`: 3,000


def last4(town: Town, card_id: UUID) -> str:
    with town.database.reading() as session:
        card = session.get_one(Card, card_id)
        return session.get_one(Plastic, (card_id, card.current_plastic_id)).last4


def test_a_card_that_is_replaced_while_a_shop_is_told_of_the_one_before_gives_no_version_to_two_numbers(
    town: Town, shop: UUID, card_id: UUID
) -> None:
    credential_id = town.on_file(card_id, shop)
    town.tell_all()
    town.replace(card_id)
    with town.transaction() as session:
        card = cards.lock(session, card_id)
        assert card is not None
        replacement.replace(session, town.vault, SPACE, card, "bank", town.clock.now())
        session.flush()
        session.execute(text("LOCK TABLE tokenization.plastics IN ACCESS EXCLUSIVE MODE"))
        thread = Thread(target=town.tell)
        thread.start()
        assert until(lambda: somebody_waits(town))
    thread.join()
    town.tell_all()
    with town.database.reading() as session:
        entries = session.scalars(select(Update).where(Update.subject_id == credential_id).order_by(Update.seq)).all()
    versions = [entry.version for entry in entries]
    assert len(set(versions)) == len(versions)
    assert entries[-1].facts["current"]["last4"] == last4(town, card_id)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [request.body["data"] for request in receiver.requests]


def test_a_closure_goes_out_at_once_though_what_came_before_it_waits_to_be_tried_again_and_never_will_be(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.tell_all()
    receiver.answers = [500]
    with town.relay() as one, town.relay() as other, at_work(one, other):
        town.replace(card_id)
        assert until(lambda: states(town, shop) == ["pending"] and bool(receiver.requests))
        town.close(card_id)
        assert until(lambda: states(town, shop) == ["superseded", "delivered"])
        clock.advance(timedelta(hours=1))
        town.tell()
    assert [data["code"] for data in told(receiver)] == ["A", "C"]


def test_a_burst_of_changes_of_one_credential_ends_in_one_letter(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.listen(shop, receiver.url)
    credential_id = town.on_file(card_id, shop)
    town.tell_all()
    receiver.always = 500
    town.replace(card_id)
    town.tell_all()
    clock.advance(timedelta(seconds=10))  # so that it rests after the next
    town.replace(card_id)
    town.tell_all()
    before = len(receiver.requests)
    with town.relay() as one, town.relay() as other, at_work(one, other):
        for nth in range(BURST):
            town.choose(card_id, credential_id, automatic_update=nth % 2 == 1)
        assert until(lambda: not town.waiting(), 120)
    waiting = Counter(states(town, shop))
    assert waiting.pop("pending") == 1
    assert set(waiting) == {"superseded"}
    receiver.always = 204
    clock.advance(timedelta(minutes=6))
    town.tell()
    [data] = told(receiver)[before:]
    assert data["current"]["last4"] == last4(town, card_id)
    with town.database.reading() as session:
        assert data["version"] == session.get_one(Credential, (card_id, credential_id)).version
