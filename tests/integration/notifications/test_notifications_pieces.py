"""Telling of many tokens, piece by piece: each person and each requestor once, whoever dies in the middle."""

from collections import Counter
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from notifications import inbox, pieces
from notifications.leases import LEASE
from notifications.models import Delivery, SmsMessage, Update
from notifications.telling import fan_out
from tests.integration.notifications.test_notifications_relay import broken_off, claim, kinds, waiting
from tests.integration.notifications.town import Town
from tokenization import requestors
from tokenization.clock import SetClock
from tokenization.models import Token

NOWHERE = "https://lommen.example/hooks"
SIZE = 2


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SIZE", SIZE)


@pytest.fixture
def wallet(town: Town) -> UUID:
    return town.requestor("wallet", "Lommen")


@pytest.fixture
def card_id(town: Town, wallet: UUID) -> UUID:
    """A card with five tokens, of which everybody knows."""
    card_id = town.card()
    town.copies(town.token(card_id, wallet), 4)
    town.tell()
    with town.transaction() as session:
        forget(session)
    return card_id


def forget(session: Session) -> None:
    for model in (Delivery, Update):
        session.execute(delete(model))


def entered(town: Town) -> list[UUID]:
    """Of which tokens there is an entry, in the order of the feeds."""
    with town.database.reading() as session:
        return list(session.scalars(select(Update.subject_id).order_by(Update.requestor_id, Update.seq)))


def test_people_hear_with_the_first_piece_and_requestors_piece_by_piece(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)
    town.block(card_id)
    grown = []
    while waiting(town):
        town.tell()
        assert kinds(town, holder_id)[-1] == "card.blocked"
        grown.append(len(entered(town)))
    assert grown == [2, 4, 5]
    assert kinds(town, holder_id).count("card.blocked") == 1
    assert len(set(entered(town))) == 5


def test_as_many_tokens_as_fit_are_one_piece(town: Town, wallet: UUID) -> None:
    card_id = town.card()
    town.copies(town.token(card_id, wallet), SIZE - 1)
    town.tell_all()
    town.block(card_id)
    assert town.tell_all() == 1


def test_the_webhooks_of_a_piece_are_queued_with_it_and_older_ones_replaced(
    town: Town, wallet: UUID, card_id: UUID
) -> None:
    town.listen(wallet, NOWHERE)
    town.block(card_id)
    with town.transaction() as session:
        town.fan_out_all(session)
    assert states(town) == {"pending": 5}
    town.unblock(card_id)
    with town.transaction() as session:
        town.fan_out_all(session)
    assert states(town) == {"superseded": 5, "pending": 5}


def states(town: Town) -> Counter[str]:
    with town.database.reading() as session:
        return Counter(session.scalars(select(Delivery.state)))


def test_a_merchant_is_told_with_the_first_piece_and_once(town: Town, card_id: UUID) -> None:
    shop = town.requestor()
    town.listen(shop, NOWHERE)
    town.on_file(card_id, shop)
    town.tell_all()
    town.close(card_id)
    with town.transaction() as session:
        town.fan_out_all(session)
    with town.database.reading() as session:
        codes = session.scalars(select(Update.code).where(Update.requestor_id == shop)).all()
        queued = session.scalar(select(func.count()).where(Delivery.requestor_id == shop))
    assert (codes, queued) == (["C"], 1)
    assert len(entered(town)) == 1 + 5


def test_a_later_event_passes_one_that_is_still_being_told_and_versions_decide(
    town: Town, wallet: UUID, card_id: UUID
) -> None:
    holder_id = town.holder_of(card_id)
    town.block(card_id)
    town.tell()
    town.unblock(card_id)
    town.tell()
    assert kinds(town, holder_id)[-2:] == ["card.blocked", "card.unblocked"]
    assert waiting(town) == 2
    town.tell_all()
    with town.database.reading() as session:
        entries = session.execute(select(Update.subject_id, Update.version).order_by(Update.seq)).all()
    newest: dict[UUID, int] = {}
    for subject_id, version in entries:
        assert version >= newest.get(subject_id, 0)
        newest[subject_id] = version
    assert Counter(subject_id for subject_id, _ in entries) == Counter(dict.fromkeys(newest, 2))
    assert len(set(newest.values())) == 1


def test_who_is_told_first_waits_for_no_card_with_many_tokens(town: Town, card_id: UUID) -> None:
    other = town.card(cpr="0101700102")
    town.block(card_id)
    town.tell()
    town.block(other)
    [fresh, begun] = claim(town, limit=1)
    assert (fresh.card_id, begun.card_id) == (other, card_id)
    assert (fresh.is_fresh, begun.is_fresh) == (True, False)


def test_a_piece_that_breaks_off_is_told_again_and_what_was_told_is_not(town: Town, card_id: UUID) -> None:
    town.block(card_id)
    town.tell()
    [event] = claim(town)
    with broken_off(town) as session:
        fan_out(session, event, town.clock.now())
    assert len(entered(town)) == SIZE
    with town.transaction() as session:
        fan_out(session, event, town.clock.now())
    town.tell_all()
    assert len(entered(town)) == len(set(entered(town))) == 5
    assert kinds(town, town.holder_of(card_id)).count("card.blocked") == 1


def test_a_relay_that_wakes_too_late_tells_no_piece_twice(town: Town, card_id: UUID, clock: SetClock) -> None:
    town.block(card_id)
    town.tell()
    [stale] = claim(town)
    clock.advance(LEASE * 2)
    town.tell()
    with town.transaction() as session:
        assert fan_out(session, stale, clock.now()) == frozenset()
    assert len(entered(town)) == 2 * SIZE
    town.tell_all()
    assert len(entered(town)) == len(set(entered(town))) == 5


def test_four_relays_over_one_card_lose_no_token_and_repeat_none(town: Town, wallet: UUID) -> None:
    other, card_id = town.requestor("wallet", "Pungen"), town.card()
    for each in (wallet, other):
        town.copies(town.token(card_id, each), 9, first=100 if each == other else 0)
    town.tell_all()
    with town.transaction() as session:
        forget(session)
    town.block(card_id)
    threads = [Thread(target=town.tell_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entered(town)) == len(set(entered(town))) == 20
    assert kinds(town, town.holder_of(card_id)).count("card.blocked") == 1


# A wallet that is suspended, and comes back


def read(town: Town, recipient_id: UUID) -> list[str]:
    """What somebody was told of the wallet."""
    return [kind for kind in kinds(town, recipient_id) if kind.startswith("requestor.")]


def test_when_a_wallet_is_suspended_and_comes_back_its_server_hears_of_each_token(
    town: Town, wallet: UUID, card_id: UUID
) -> None:
    town.token(town.card(cpr="0101700102"), town.requestor("wallet", "Pungen"))
    town.tell_all()
    with town.transaction() as session:
        forget(session)
    for status, told in (("suspended", 5), ("active", 10)):
        town.set_status(wallet, status)
        assert town.tell_all() == 3
        assert len(entered(town)) == told
    assert Counter(Counter(entered(town)).values()) == {2: 5}


def test_whoever_pays_with_it_is_told_once_and_by_no_text(town: Town, wallet: UUID) -> None:
    """Anna has it twice, Bo has chosen no PIN, Carla's card is closed; Emil pays under a right of Anna's."""
    anna, bo, carla = (town.card(cpr=f"010170010{n}") for n in range(3))
    right_id = town.right(anna)
    for card_id, right in ((anna, None), (anna, None), (anna, right_id), (carla, None)):
        town.phone_in_use(card_id, wallet, right)
    town.token(bo, wallet)
    town.close(carla)
    town.tell_all()
    texts = len(town.screen.messages)
    town.set_status(wallet, "suspended")
    town.tell_all()
    people, stopped = [town.holder_of(card_id) for card_id in (anna, bo, carla)], ["requestor.suspended"]
    assert [read(town, each) for each in (*people, right_id)] == [stopped, [], [], stopped]
    town.set_status(wallet, "active")
    town.tell_all()
    for each in (people[0], right_id):
        assert read(town, each) == ["requestor.suspended", "requestor.resumed"]
    assert len(town.screen.messages) == texts
    with town.database.reading() as session:
        newest = inbox.page(session, people[0], 1)[0]
        assert (newest.title, newest.card_id) == ("Lommen works again", None)
        assert not session.scalars(select(SmsMessage).where(SmsMessage.kind.startswith("requestor."))).all()


def test_a_wallet_that_is_back_before_all_have_heard_is_told_of_as_it_is(town: Town, wallet: UUID) -> None:
    """Nobody reads that it stopped after reading that it works again."""
    holders = []
    for n in range(4):
        card_id = town.card(cpr=f"010170010{n}")
        town.phone_in_use(card_id, wallet)
        holders.append(town.holder_of(card_id))
    town.tell_all()
    town.set_status(wallet, "suspended")
    town.tell()
    town.set_status(wallet, "active")
    town.tell_all()
    told = Counter(tuple(read(town, each)) for each in holders)
    assert told == {("requestor.suspended", "requestor.resumed"): SIZE, ("requestor.resumed",): 2}


@pytest.mark.parametrize(("kind", "change"), [("wallet", {"name": "Pungen"}), ("merchant", {"status": "suspended"})])
def test_what_stops_no_phone_is_told_nobody(town: Town, kind: str, change: dict[str, str]) -> None:
    requestor_id, card_id = town.requestor(kind), town.card()
    if kind == "wallet":
        town.phone_in_use(card_id, requestor_id)
    else:
        town.on_file(card_id, requestor_id)
    town.tell_all()
    before = len(entered(town))
    with town.transaction() as session:
        requestors.change(session, requestors.get(session, requestor_id, lock=True), change, town.clock.now())
    town.tell_all()
    assert read(town, town.holder_of(card_id)) == []
    assert len(entered(town)) == before


def test_a_token_that_has_ended_is_told_of_no_more(town: Town, wallet: UUID, card_id: UUID) -> None:
    with town.transaction() as session:
        session.execute(update(Token).values(state="deactivated"))
    town.set_status(wallet, "suspended")
    assert town.tell_all() == 1
    assert entered(town) == []
