"""A card that stays blocked: its merchants are told to ask their customer, and when it is good again (R-3.6b)."""

from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from notifications.models import Delivery, Message
from tests.integration.notifications.feeds import NOWHERE, last4s, told, withdraw
from tests.integration.notifications.town import Town
from tokenization import long_blocks
from tokenization.clock import SetClock
from tokenization.models import Card, Credential

TWO_WEEKS = timedelta(days=14)


def go_round(town: Town) -> int:
    return long_blocks.run(town.transaction, town.clock.now())


def stay_blocked(town: Town, clock: SetClock, card_id: UUID, reason: str = "lost") -> None:
    town.block(card_id, reason)
    clock.advance(TWO_WEEKS)
    assert go_round(town) == 1


def last(town: Town, shop: UUID) -> dict[str, Any]:
    return told(town, shop)[-1]


def test_after_two_weeks_of_a_block_each_shop_with_consent_is_told_once_to_ask(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.on_file(card_id, shop)
    town.on_file(card_id, without := town.requestor(name="Without"), automatic_update=False)
    town.registered(card_id, pending := town.requestor(name="Pending"))
    withdraw(town, card_id, town.on_file(card_id, left := town.requestor(name="Left")), "merchant")
    town.block(card_id, "stolen")
    clock.advance(TWO_WEEKS - timedelta(seconds=1))
    assert go_round(town) == 0
    clock.advance(timedelta(seconds=1))
    assert [go_round(town), go_round(town)] == [1, 0]
    [data] = told(town, shop)
    assert (data["code"], data["change"], data["current"]) == ("Q", "contact_cardholder", None)
    assert "stolen" not in str(data)
    assert [told(town, each) for each in (without, pending, left)] == [[], [], []]


def test_its_cardholder_hears_that_they_were(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id)
    town.tell()
    with town.database.reading() as session:
        titles = session.scalars(select(Message.title).where(Message.kind == "card.stayed_blocked")).all()
    assert titles == ["Your card is still blocked"]


def test_nobody_is_told_of_a_card_that_no_shop_keeps(town: Town, card_id: UUID, clock: SetClock) -> None:
    stay_blocked(town, clock, card_id)
    town.tell()
    with town.database.reading() as session:
        assert session.get_one(Card, card_id).stayed_blocked_at == clock.now()
        heard = select(func.count()).select_from(Message).where(Message.kind == "card.stayed_blocked")
        assert session.scalar(heard) == 0


def test_an_unblocked_card_pays_again_by_what_the_shop_had(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    credential_id = town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id)
    asked = last(town, shop)
    town.unblock(card_id)
    again = last(town, shop)
    assert (again["code"], again["current"]) == ("A", again["previous"])
    assert again["current"]["last4"] == last4s(town, card_id)[0]
    assert asked["version"] + 1 == again["version"]
    with town.database.reading() as session:
        assert session.get_one(Credential, (card_id, credential_id)).version == again["version"]
        assert session.get_one(Card, card_id).stayed_blocked_at is None


def test_a_card_that_is_unblocked_in_time_is_no_news(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    town.block(card_id)
    clock.advance(TWO_WEEKS - timedelta(seconds=1))
    town.unblock(card_id)
    clock.advance(TWO_WEEKS)
    assert go_round(town) == 0
    assert told(town, shop) == []


def test_blocked_anew_the_two_weeks_begin_anew(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id)
    town.unblock(card_id)
    town.block(card_id)
    assert go_round(town) == 0
    clock.advance(TWO_WEEKS)
    assert go_round(town) == 1


@pytest.mark.parametrize(
    ("reason", "new", "codes"),
    [("lost", "lost", ["Q", "A"]), ("account_closed", "bank", ["Q"])],
    ids=["a new card ends the block", "it does not"],
)
def test_a_new_card_is_told_where_it_ends_the_block(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock, reason: str, new: str, codes: list[str]
) -> None:
    town.listen(shop, NOWHERE)
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id, reason)
    town.tell()
    town.replace(card_id, new)
    town.tell()
    with town.database.reading() as session:
        entered = session.scalars(text("SELECT code FROM notifications.updates ORDER BY seq")).all()
        pending = select(func.count()).select_from(Delivery).where(Delivery.state == "pending")
        assert session.scalar(pending) == 1
    assert entered == codes
    assert last(town, shop)["code"] == codes[-1]


def test_a_new_card_under_a_block_that_stays_is_told_when_it_is_lifted(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id, "account_closed")
    town.replace(card_id, "bank")
    assert last(town, shop)["code"] == "Q"
    town.unblock(card_id)
    old, new = last4s(town, card_id)
    again = last(town, shop)
    assert (again["code"], again["previous"]["last4"], again["current"]["last4"]) == ("A", old, new)


def test_closing_it_is_c(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id)
    town.close(card_id)
    assert last(town, shop)["code"] == "C"
    clock.advance(TWO_WEEKS)
    assert go_round(town) == 0


def test_who_consents_while_it_lasts_is_told_what_stands(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    credential_id = town.on_file(card_id, shop, automatic_update=False)
    stay_blocked(town, clock, card_id)
    town.choose(card_id, credential_id, True)
    assert last(town, shop)["code"] == "Q"


def test_whoever_is_told_of_it_late_is_told_how_it_stands_then(
    town: Town, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    town.on_file(card_id, shop)
    stay_blocked(town, clock, card_id)
    town.unblock(card_id)
    assert told(town, shop) == []


def test_several_who_go_round_at_once_tell_once(town: Town, shop: UUID, card_id: UUID, clock: SetClock) -> None:
    town.on_file(card_id, shop)
    town.block(card_id)
    clock.advance(TWO_WEEKS)
    done: list[int] = []
    rounds = [Thread(target=lambda: done.append(go_round(town))) for _ in range(4)]
    for each in rounds:
        each.start()
    for each in rounds:
        each.join()
    assert sorted(done) == [0, 0, 0, 1]
    assert len(told(town, shop)) == 1


def test_one_that_was_unblocked_since_it_was_found_is_left_alone(town: Town, card_id: UUID, clock: SetClock) -> None:
    town.block(card_id)
    clock.advance(TWO_WEEKS)
    with town.database.reading() as session:
        [found] = long_blocks.due(session, clock.now(), None, 10)
    town.unblock(card_id)
    with town.transaction() as session:
        assert not long_blocks.look(session, found.card_id, clock.now())


def test_the_search_for_them_reads_an_index_that_holds_nobody_else(town: Town, card_id: UUID) -> None:
    town.block(card_id)
    with town.database.reading() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        statement = text(
            "EXPLAIN SELECT blocked_at, card_id FROM tokenization.cards WHERE state = 'blocked' "
            "AND stayed_blocked_at IS NULL AND blocked_at <= now() ORDER BY 1, 2 LIMIT 100"
        )
        plan = "\n".join(session.scalars(statement))
    assert "ix_cards_long_blocked" in plan
    assert "Sort" not in plan


def test_how_long_one_has_waited_to_be_told(town: Town, card_id: UUID, clock: SetClock) -> None:
    def overdue() -> timedelta:
        with town.database.reading() as session:
            return long_blocks.overdue(session, clock.now())

    assert overdue() == timedelta()
    town.block(card_id)
    clock.advance(TWO_WEEKS + timedelta(minutes=3))
    assert overdue() == timedelta(minutes=3)
    go_round(town)
    assert overdue() == timedelta()
