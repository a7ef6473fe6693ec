"""Who gets a card's number, and of which cards anything is shown: with a thief's eyes. Consent is looked at when an
update is sent or read, whatever was true when it was entered.
"""

from collections.abc import Callable
from uuid import UUID

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from notifications import bodies, credential_updates
from notifications.models import Update
from tests.integration.notifications.feeds import NOWHERE, feed, holding_numbers, last4s, read, told, withdraw
from tests.integration.notifications.town import Town
from tokenization import erasure, requestors
from tokenization.models import Card, Credential, Requestor

KEY = ECKey.generate_key("P-256")


def listen(town: Town, shop: UUID, key: ECKey, update_format: str) -> None:
    town.listen(shop, NOWHERE, update_format=update_format, encryption_key=dict(key.as_dict(private=False)))


def forbid(town: Town, shop: UUID) -> None:
    with town.transaction() as session:
        requestor: Requestor = requestors.get(session, shop, lock=True)
        requestors.change(session, requestor, {"may_hold_numbers": False}, town.clock.now())


def erase(town: Town, card_id: UUID) -> None:
    town.close(card_id)
    town.change(card_id, lambda session, card: erasure.erase(session, card, town.clock.now()))


def back_to_pending(town: Town, card_id: UUID) -> None:
    """No rule leads there: what is entered must not be enough."""

    def put_back(session: Session, _: Card) -> None:
        session.scalars(select(Credential).where(Credential.card_id == card_id)).one().state = "pending"

    town.change(card_id, put_back)


Act = Callable[[Town, UUID, UUID, UUID], None]
TAKEN_AWAY: dict[str, Act] = {
    "waits for a yes": lambda town, shop, card, kept: back_to_pending(town, card),
    "withdrawn by the cardholder": lambda town, shop, card, kept: withdraw(town, card, kept, "cardholder"),
    "withdrawn by the merchant": lambda town, shop, card, kept: withdraw(town, card, kept, "merchant"),
    "opted out": lambda town, shop, card, kept: town.choose(card, kept, False),
    "merchant suspended": lambda town, shop, card, kept: town.set_status(shop, "suspended"),
    "closed": lambda town, shop, card, kept: town.close(card),
    "erased": lambda town, shop, card, kept: erase(town, card),
    "may hold numbers no more": lambda town, shop, card, kept: forbid(town, shop),
    "another key": lambda town, shop, card, kept: listen(town, shop, ECKey.generate_key("P-256"), "encrypted_card"),
    "tokens again": lambda town, shop, card, kept: listen(town, shop, KEY, "token"),
    "another card since": lambda town, shop, card, kept: town.replace(card),
}


@pytest.mark.parametrize("what", [None, *TAKEN_AWAY])
def test_what_was_entered_gives_a_number_only_while_all_that_allows_it_stands(
    town: Town, card_id: UUID, what: str | None
) -> None:
    shop = holding_numbers(town, KEY)
    kept = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    if what is not None:
        TAKEN_AWAY[what](town, shop, card_id, kept)
    given = [body for body in feed(town, shop).bodies if bodies.gives_number(body)]
    with town.database.reading() as session:
        entry = session.scalars(select(Update).order_by(Update.seq)).first()
        assert entry is not None
        sent = bodies.compose(session, town.vault, entry, town.clock.now())
    assert bool(given) == (sent is not None and bodies.gives_number(sent)) == (what is None)


def test_who_may_not_hold_numbers_is_told_last_4_and_expiry_of_the_new_card(
    town: Town, shop: UUID, card_id: UUID
) -> None:
    listen(town, shop, KEY, "token")
    town.on_file(card_id, shop)
    town.replace(card_id)
    [data] = told(town, shop)
    assert data["encrypted_card"] is None
    assert data["current"] == {"last4": last4s(town, card_id)[1], "expiry": "2029-11"}


@pytest.mark.parametrize("was_read", [True, False])
def test_after_opting_out_a_shop_is_shown_no_card_that_it_has_not_had(
    town: Town, shop: UUID, card_id: UUID, was_read: bool
) -> None:
    kept = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    if was_read:
        read(town, shop)
    town.choose(card_id, kept, False)
    had = last4s(town, card_id)[1 if was_read else 0]
    [data] = told(town, shop)
    assert (data["code"], data["previous"]["last4"]) == ("O", had)
    with town.database.reading() as session:
        credential = session.get_one(Credential, (card_id, kept))
        assert credential_updates.known_plastics(session, [credential])[kept].last4 == had


def test_cards_that_came_and_went_without_consent_are_never_named(town: Town, shop: UUID, card_id: UUID) -> None:
    kept = town.on_file(card_id, shop)
    town.choose(card_id, kept, False)
    town.replace(card_id)
    town.tell()
    town.replace(card_id)
    town.choose(card_id, kept, True)
    town.tell()
    with town.database.reading() as session:
        dump = str(session.execute(text("SELECT facts FROM notifications.updates")).all())
    first, between, newest = last4s(town, card_id)
    assert (first in dump, between in dump, newest in dump) == (True, False, True)


def test_who_opts_in_again_is_told_the_new_card_though_its_cursor_has_passed_it(
    town: Town, shop: UUID, card_id: UUID
) -> None:
    """It was entered, hidden by opting out before it was read, and stands behind the cursor by now."""
    kept = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.choose(card_id, kept, False)
    town.tell()
    opted_out = read(town, shop)
    town.choose(card_id, kept, True)
    town.tell()
    [body] = read(town, shop, after=opted_out.last_seq).bodies
    old, new = last4s(town, card_id)
    told_again = (body["data"]["code"], body["data"]["previous"]["last4"], body["data"]["current"]["last4"])
    assert told_again == ("A", old, new)


def test_who_reads_on_while_consent_is_gone_for_a_moment_is_told_the_new_card_all_the_same(
    town: Town, shop: UUID, card_id: UUID
) -> None:
    """No relay came between the two choices, and the entry that was hidden stands behind the cursor by now."""
    kept = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.choose(card_id, kept, False)
    nothing = read(town, shop)
    town.choose(card_id, kept, True)
    town.tell()
    [body] = read(town, shop, after=nothing.last_seq).bodies
    assert (nothing.bodies, body["data"]["previous"]["last4"]) == ([], last4s(town, card_id)[0])
    assert body["data"]["current"]["last4"] == last4s(town, card_id)[1]


def test_who_withdraws_what_was_opted_out_tells_so_and_opting_out_before_a_relay_came_is_one_update(
    town: Town, shop: UUID, card_id: UUID
) -> None:
    kept = town.on_file(card_id, shop)
    town.choose(card_id, kept, False)
    withdraw(town, card_id, kept, "cardholder")
    [both] = told(town, shop)
    other = town.on_file(card_id, shop)
    town.choose(card_id, other, False)
    town.tell()
    withdraw(town, card_id, other, "cardholder")
    assert [(data["code"], data["version"]) for data in told(town, shop)] == [("O", 4), ("O", 3), ("O", 4)]
    assert both["version"] == 4


def test_a_receipt_says_whether_a_number_was_in_it(town: Town, card_id: UUID) -> None:
    shop = holding_numbers(town, KEY, approved=False)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    seen = []
    for _ in range(2):
        read(town, shop)
        with town.database.reading() as session:
            seen.append(session.execute(select(Update.received_at, Update.number_given)).one())
        with town.transaction() as session:
            webhook = text("UPDATE notifications.webhook_endpoints SET encryption_key_approved = true")
            session.execute(webhook)
    assert [tuple(each) for each in seen] == [(town.clock.now(), False), (town.clock.now(), True)]


def test_a_number_that_was_given_stays_so_when_the_same_was_read_at_once_without_it(town: Town, card_id: UUID) -> None:
    shop = holding_numbers(town, KEY)
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    with_it = feed(town, shop)
    forbid(town, shop)
    without = feed(town, shop)
    assert [(page.received, page.with_number) for page in (with_it, without)] == [([1], [1]), ([1], [])]
    for page in (with_it, without):
        with town.transaction() as session:
            bodies.note_received(session, shop, page.received, page.with_number, town.clock.now())
    with town.database.reading() as session:
        assert session.scalars(select(Update.number_given)).all() == [True]


def test_what_is_hidden_was_not_received(town: Town, shop: UUID, card_id: UUID) -> None:
    kept = town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.choose(card_id, kept, False)
    read(town, shop)
    with town.database.reading() as session:
        assert session.scalars(select(Update.received_at)).all() == [None]
