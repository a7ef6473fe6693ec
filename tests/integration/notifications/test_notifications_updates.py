import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from notifications import webhooks
from notifications.models import Delivery, Update
from tests.integration.notifications.feeds import (
    NOWHERE,
    feed,
    holding_numbers,
    last4s,
    number_of,
    told,
    withdraw,
)
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.town import Town
from tokenization import ids, life_cycle
from tokenization.clock import SetClock
from tokenization.models import Base, Card, Token
from wallet.payments.events import PaymentApproved


@pytest.fixture
def wallet(town: Town) -> UUID:
    return town.requestor("wallet", "Lommen")


# Cards on file


def test_a_replacement_tells_from_which_card_to_which(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.on_file(card_id, shop)
    town.replace(card_id)
    old, new = last4s(town, card_id)
    [data] = told(town, shop)
    assert data == {
        "credential_id": ids.to_text("cred", credential_id),
        "reference": "customer-42",
        "version": 3,
        "code": "A",
        "change": "number_changed",
        "previous": {"last4": old, "expiry": "2029-11"},
        "current": {"last4": new, "expiry": "2029-11"},
        "encrypted_card": None,
    }


def test_a_closed_card_is_c_without_a_current_one(town: Town, shop: UUID, card_id: UUID) -> None:
    town.on_file(card_id, shop)
    town.close(card_id)
    [data] = told(town, shop)
    assert (data["code"], data["change"], data["current"]) == ("C", "closed", None)


def test_a_registration_that_waits_for_a_yes_is_told_nothing(town: Town, shop: UUID, card_id: UUID) -> None:
    town.registered(card_id, shop)
    town.replace(card_id)
    town.close(card_id)
    assert told(town, shop) == []


def test_a_shop_without_consent_is_told_nothing(town: Town, shop: UUID, card_id: UUID) -> None:
    town.on_file(card_id, shop, automatic_update=False)
    town.replace(card_id)
    assert told(town, shop) == []


def test_who_withdraws_from_a_shop_has_opted_out(town: Town, shop: UUID, card_id: UUID) -> None:
    withdraw(town, card_id, town.on_file(card_id, shop), "cardholder")
    [data] = told(town, shop)
    assert (data["code"], data["change"], data["current"]) == ("O", "opted_out", None)


def test_a_shop_that_withdraws_itself_needs_no_telling(town: Town, shop: UUID, card_id: UUID) -> None:
    withdraw(town, card_id, town.on_file(card_id, shop), "merchant")
    assert told(town, shop) == []


def test_switching_the_update_off_is_opting_out(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.on_file(card_id, shop)
    town.choose(card_id, credential_id, False)
    [data] = told(town, shop)
    assert data["code"] == "O"


def test_switching_it_on_again_tells_the_number_that_was_missed(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.on_file(card_id, shop)
    town.choose(card_id, credential_id, False)
    town.replace(card_id)
    town.choose(card_id, credential_id, True)
    old, new = last4s(town, card_id)
    [data] = told(town, shop)
    assert (data["code"], data["previous"]["last4"], data["current"]["last4"]) == ("A", old, new)


def test_switching_it_on_again_tells_nothing_where_nothing_was_missed(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.on_file(card_id, shop)
    town.choose(card_id, credential_id, False)
    town.choose(card_id, credential_id, True)
    assert told(town, shop) == []


def test_a_late_yes_tells_the_number_that_came_while_it_was_waited_for(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.registered(card_id, shop)
    town.replace(card_id)
    town.confirm(card_id, credential_id)
    [data] = told(town, shop)
    assert data["current"]["last4"] == last4s(town, card_id)[1]


def test_two_replacements_before_the_relay_came_are_one_update(town: Town, shop: UUID, card_id: UUID) -> None:
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.replace(card_id)
    old, _, newest = last4s(town, card_id)
    [data] = told(town, shop)
    assert (data["previous"]["last4"], data["current"]["last4"]) == (old, newest)


def test_an_update_is_withheld_once_consent_is_gone(town: Town, shop: UUID, card_id: UUID) -> None:
    credential_id = town.on_file(card_id, shop)
    town.replace(card_id)
    assert [data["code"] for data in told(town, shop)] == ["A"]
    withdraw(town, card_id, credential_id, "cardholder")
    assert feed(town, shop).bodies == []
    assert [data["code"] for data in told(town, shop)] == ["O"]


def test_versions_grow(town: Town, shop: UUID, card_id: UUID) -> None:
    town.on_file(card_id, shop)
    versions = []
    for _ in range(3):
        town.replace(card_id)
        versions.append(told(town, shop)[-1]["version"])
    assert versions == sorted(set(versions))


def test_each_shop_has_a_feed_of_its_own(town: Town, shop: UUID, card_id: UUID) -> None:
    other = town.requestor(name="Bogbutikken")
    town.on_file(card_id, shop)
    town.on_file(town.card(cpr="0101700102"), other)
    town.replace(card_id)
    assert len(told(town, shop)) == 1
    assert feed(town, other).bodies == []


def test_a_feed_goes_on_where_it_was_left(town: Town, shop: UUID) -> None:
    for n in range(3):
        card_id = town.card(cpr=f"010170010{n}")
        town.on_file(card_id, shop)
        town.replace(card_id)
    town.tell()
    first = feed(town, shop, limit=2)
    rest = feed(town, shop, after=first.last_seq, limit=2)
    end = feed(town, shop, after=rest.last_seq, limit=2)
    assert [len(page.bodies) for page in (first, rest, end)] == [2, 1, 0]
    assert [page.more for page in (first, rest, end)] == [True, False, False]
    assert end.last_seq == rest.last_seq == 3


def test_the_feed_has_what_no_webhook_could_deliver(
    town: Town, receiver: Receiver, shop: UUID, card_id: UUID, clock: SetClock
) -> None:
    receiver.answers = [500] * 20
    town.listen(shop, receiver.url)
    town.on_file(card_id, shop)
    town.replace(card_id)
    for _ in range(11):
        town.tell()
        clock.advance(timedelta(hours=30))
    assert [data["code"] for data in told(town, shop)] == ["A"]


# The number itself


def test_who_may_hold_numbers_gets_the_new_one_encrypted(town: Town, card_id: UUID) -> None:
    key = ECKey.generate_key("P-256")
    shop = holding_numbers(town, key)
    town.on_file(card_id, shop)
    town.replace(card_id)
    [data] = told(town, shop)
    opened = jwe.decrypt_compact(data["encrypted_card"], key, algorithms=["ECDH-ES", "A256GCM"])
    assert opened.plaintext is not None
    assert json.loads(opened.plaintext) == {"number": number_of(town, card_id), "expiry": "2029-11"}


@pytest.mark.parametrize(("approved", "allowed"), [(False, True), (True, False)])
def test_without_the_issuers_yes_there_is_no_number(town: Town, card_id: UUID, approved: bool, allowed: bool) -> None:
    shop = holding_numbers(town, ECKey.generate_key("P-256"), approved=approved, allowed=allowed)
    town.on_file(card_id, shop)
    town.replace(card_id)
    [data] = told(town, shop)
    assert data["encrypted_card"] is None


def test_a_new_key_waits_for_the_issuers_yes_again(town: Town) -> None:
    shop = holding_numbers(town, ECKey.generate_key("P-256"))
    other = dict(ECKey.generate_key("P-256").as_dict(private=False))
    town.listen(shop, NOWHERE, update_format="encrypted_card", encryption_key=other)
    with town.database.reading() as session:
        assert not webhooks.get_endpoint(session, shop).encryption_key_approved


@pytest.mark.parametrize("more", [{}, {"kid": "2026"}], ids=["as it was", "by a name"])
def test_the_same_key_put_again_stays_approved(town: Town, more: dict[str, str]) -> None:
    key = ECKey.generate_key("P-256")
    shop, again = holding_numbers(town, key), dict(key.as_dict(private=False)) | more
    town.listen(shop, NOWHERE, update_format="encrypted_card", encryption_key=again)
    with town.database.reading() as session:
        endpoint = webhooks.get_endpoint(session, shop)
        assert (endpoint.encryption_key_approved, endpoint.encryption_key) == (True, again)


def test_only_the_current_plastics_number_is_told(town: Town, card_id: UUID) -> None:
    shop = holding_numbers(town, ECKey.generate_key("P-256"))
    town.on_file(card_id, shop)
    town.replace(card_id)
    town.tell()
    town.replace(card_id)
    before, now = told(town, shop)
    assert before["encrypted_card"] is None
    assert now["encrypted_card"] is not None


def test_no_number_stands_in_these_tables(town: Town, card_id: UUID) -> None:
    shop = holding_numbers(town, ECKey.generate_key("P-256"))
    town.on_file(card_id, shop)
    town.replace(card_id)
    told(town, shop)
    with town.database.reading() as session:
        tables = [table for table in Base.metadata.sorted_tables if table.schema == "notifications"]
        dump = "".join(str(session.execute(select(table)).all()) for table in tables)
    assert "credential.updated" in dump
    assert number_of(town, card_id) not in dump


# Tokens


def state_of(town: Town, wallet: UUID) -> list[tuple[str, str | None]]:
    return [(data["status"], data["because"]) for data in told(town, wallet, "token.updated")]


def suspend(town: Town, card_id: UUID, token_id: UUID) -> None:
    def act(session: Session, card: Card) -> None:
        token = session.get_one(Token, (card_id, token_id))
        life_cycle.suspend(session, card, token, by="wallet_provider", reason="fraud", now=town.clock.now())

    town.change(card_id, act)


def test_a_new_token_is_told_to_its_wallet(town: Town, wallet: UUID, card_id: UUID) -> None:
    token_id = town.token(card_id, wallet)
    [data] = told(town, wallet, "token.updated")
    assert data["token_id"] == ids.to_text("tok", token_id)
    assert (data["status"], data["because"], data["expiry"]) == ("inactive", "inactive", "2029-11")
    assert len(data["par"]) == 29


def test_a_block_is_told_of_every_token_with_why_and_when(town: Town, wallet: UUID, card_id: UUID) -> None:
    for n in range(3):
        town.token(card_id, wallet, phone=f"Phone {n}")
    town.tell()
    town.block(card_id, "stolen")
    now = told(town, wallet, "token.updated")[3:]
    assert {(data["status"], data["because"], data["reason"]) for data in now} == {
        ("suspended", "card_blocked", "stolen")
    }
    assert len({data["token_id"] for data in now}) == 3


def test_a_status_is_worked_out_when_it_is_read(town: Town, wallet: UUID, card_id: UUID) -> None:
    town.token(card_id, wallet)
    town.tell()
    town.block(card_id)
    assert state_of(town, wallet) == [("suspended", "card_blocked")] * 2


def test_a_suspension_tells_its_own_reason(town: Town, wallet: UUID, card_id: UUID) -> None:
    suspend(town, card_id, town.token(card_id, wallet))
    data = told(town, wallet, "token.updated")[-1]
    assert (data["because"], data["reason"]) == ("wallet_provider", "fraud")


def test_a_paused_drawing_right_is_told_of_its_own_tokens_only(town: Town, wallet: UUID, card_id: UUID) -> None:
    right_id = town.right(card_id)
    own, childs = town.token(card_id, wallet), town.token(card_id, wallet, right_id, "Emil's phone")
    town.tell()
    before = feed(town, wallet, "token.updated").last_seq

    def pause(session: Session, _: Card) -> None:
        drawing_rights.pause(session, session.get_one(DrawingRight, (card_id, right_id)), town.clock.now())

    town.change(card_id, pause)
    town.tell()
    [body] = feed(town, wallet, "token.updated", after=before).bodies
    assert (body["data"]["token_id"], body["data"]["because"]) == (
        ids.to_text("tok", childs),
        "drawing_right_paused",
    )
    assert own != childs


def test_a_pause_of_before_it_was_said_by_whom_was_the_cardholders(town: Town, wallet: UUID, card_id: UUID) -> None:
    """It stood in the outbox while the service was upgraded; so did what has terms now, and what names a one-off."""
    right_id = town.right(card_id)
    town.token(card_id, wallet, right_id, "Emil's phone")

    def pause(session: Session, _: Card) -> None:
        drawing_rights.pause(session, session.get_one(DrawingRight, (card_id, right_id)), town.clock.now())

    town.change(card_id, pause)
    town.pay(card_id, PaymentApproved, right_id=right_id)
    with town.database.transaction("test") as session:
        before = text("UPDATE notifications.outbox SET payload = payload - CAST('{by,terms,one_off}' AS text[])")
        session.execute(before)
    data = told(town, wallet, "token.updated")[-1]
    assert data["operation"] == {"name": "pause_right", "reason": None, "by": "cardholder"}
    with town.database.reading() as session:
        assert session.scalars(text("SELECT type FROM notifications.outbox")).all() == []


def test_the_version_of_a_token_grows_with_all_that_it_hangs_on(town: Town, wallet: UUID, card_id: UUID) -> None:
    """A feed's entry computes it in SQL, what is read of it in Python: they are one (token_status.version)."""
    right_id = town.right(card_id)
    town.token(card_id, wallet, right_id, "Emil's phone")
    versions = [told(town, wallet, "token.updated")[-1]["version"]]

    def pause(session: Session, _: Card) -> None:
        drawing_rights.pause(session, session.get_one(DrawingRight, (card_id, right_id)), town.clock.now())

    changes: list[Callable[[], None]] = [
        lambda: town.block(card_id),
        lambda: town.set_status(wallet, "suspended"),
        lambda: town.change(card_id, pause),
    ]
    for change in changes:
        change()
        versions.append(told(town, wallet, "token.updated")[-1]["version"])
    assert versions == [versions[0] + n for n in range(4)]
    with town.database.reading() as session:
        assert session.scalars(select(Update.version).order_by(Update.seq)).all() == versions


def test_a_dead_token_is_told_nothing_of_its_card(town: Town, wallet: UUID, card_id: UUID) -> None:
    token_id = town.token(card_id, wallet)

    def end(session: Session, card: Card) -> None:
        token = session.get_one(Token, (card_id, token_id))
        life_cycle.deactivate(session, card, token, by="cardholder", now=town.clock.now())

    town.change(card_id, end)
    assert len(told(town, wallet, "token.updated")) == 2
    town.block(card_id)
    assert len(told(town, wallet, "token.updated")) == 2


def test_the_newest_state_replaces_undelivered_ones(town: Town, wallet: UUID, card_id: UUID) -> None:
    town.listen(wallet, NOWHERE)
    town.token(card_id, wallet)
    town.block(card_id)
    town.tell()
    with town.database.reading() as session:
        states = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state).order_by(Delivery.state))
        assert [tuple(row) for row in states] == [("pending", 1), ("superseded", 1)]
