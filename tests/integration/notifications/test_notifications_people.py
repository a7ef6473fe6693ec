from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing, requests
from delegation.events import DrawingRightExpired, DrawingRightWeekEnded
from delegation.models import DrawingRequest, DrawingRight
from delegation.terms import Ceiling
from notifications import inbox, wording
from notifications.models import Message, SmsMessage, Update
from tests.drawing_rights import POLICY
from tests.integration.notifications.town import Town
from tokenization import ids
from tokenization.errors import NotFound
from tokenization.models import Card
from wallet.payments.events import PaymentApproved, PaymentDeclined, PaymentEvent, PaymentRefunded, PaymentReversed

LIMIT = {"name": "per_payment", "limit": 20_000, "spent": 0, "of": "drawing_right"}
DECLINED: dict[str, Any] = {"reason": "amount_limit", "limit": LIMIT}


def read(town: Town, recipient_id: UUID) -> list[Message]:
    """An inbox, oldest first, after a relay did its work."""
    town.tell()
    with town.database.reading() as session:
        messages = inbox.page(session, recipient_id, 50)
        session.expunge_all()
        return messages[::-1]


def kinds(town: Town, recipient_id: UUID) -> list[str]:
    return [message.kind for message in read(town, recipient_id)]


def newest(town: Town, recipient_id: UUID) -> Message:
    return read(town, recipient_id)[-1]


def test_a_block_tells_reason_and_time_in_the_inbox_and_by_sms(town: Town, card_id: UUID) -> None:
    town.block(card_id, "stolen")
    message = newest(town, town.holder_of(card_id))
    assert message.kind == "card.blocked"
    assert "the card is stolen" in message.text
    assert f"{town.clock.now():%Y}" in message.text
    [shown] = town.screen.messages
    assert (shown.to, shown.text.reveal()) == ("+45 ****** 01", message.text)


def test_a_danish_cardholder_reads_danish(town: Town) -> None:
    card_id = town.card(cpr="0101700102", language="da")
    town.block(card_id)
    message = newest(town, town.holder_of(card_id))
    assert (message.language, message.title) == ("da", "Dit kort er spærret")


def test_delegates_are_told_that_the_card_is_paused_and_not_why(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    town.block(card_id, "stolen")
    message = newest(town, right_id)
    assert (message.kind, message.title, message.card_id) == ("card.blocked", "Your card is paused", None)
    assert "stolen" not in message.text


def test_a_delegate_whose_right_has_ended_is_told_nothing_more(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)

    def revoke(session: Session, _: Card) -> None:
        drawing_rights.revoke(session, session.get_one(DrawingRight, (card_id, right_id)), town.clock.now())

    town.change(card_id, revoke)
    before = kinds(town, right_id)
    town.block(card_id)
    assert before[-1] == "drawing_right.revoked"
    assert kinds(town, right_id) == before


def test_a_declined_child_payment_is_told_to_both_with_the_limit(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    town.pay(card_id, PaymentDeclined, right_id=right_id, **DECLINED)
    parent, child = newest(town, town.holder_of(card_id)), newest(town, right_id)
    assert (parent.kind, child.kind) == ("drawing_right.payment_declined", "payment.declined")
    assert "Emil wanted to pay DKK 250.00 at Netto Vesterbro" in parent.text
    assert parent.text.endswith("The limit per payment is DKK 200.00.")
    assert child.text.endswith("The limit per payment is DKK 200.00. You can ask for more in the app.")


@pytest.mark.parametrize(
    ("notify_grantor", "told"),
    [
        ("all", ["drawing_right.payment_approved", "drawing_right.payment_declined"]),
        ("declined", ["drawing_right.payment_declined"]),
        ("none", []),
    ],
)
def test_the_grantor_is_told_of_payments_as_wished(
    town: Town, card_id: UUID, notify_grantor: str, told: list[str]
) -> None:
    right_id = town.right(card_id, notify_grantor)
    town.pay(card_id, PaymentApproved, right_id=right_id)
    town.pay(card_id, PaymentDeclined, right_id=right_id, **DECLINED)
    payments = [kind for kind in kinds(town, town.holder_of(card_id)) if "payment" in kind]
    assert sorted(payments) == told


def test_only_payments_above_an_amount_are_told_where_the_grantor_chose_so(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id, notify_above=10_000)
    for amount in (10_000, 10_001):
        town.pay(card_id, PaymentApproved, right_id=right_id, amount=amount)
    town.pay(card_id, PaymentDeclined, right_id=right_id, amount=1, **DECLINED)
    told = [message.title for message in read(town, town.holder_of(card_id)) if "payment" in message.kind]
    assert sorted(told) == ["Emil paid DKK 100.01", "Emil's payment was declined"]
    assert kinds(town, right_id).count("payment.approved") == 2


@pytest.mark.parametrize("kind", [PaymentReversed, PaymentRefunded])
@pytest.mark.parametrize(("notify_grantor", "above", "told"), [("all", 24_999, 1), ("all", 25_000, 0), ("none", 0, 0)])
def test_what_came_back_is_told_to_those_who_were_told_of_the_payment(
    town: Town, card_id: UUID, kind: type[PaymentEvent], notify_grantor: str, above: int, told: int
) -> None:
    right_id = town.right(card_id, notify_grantor, notify_above=above)
    town.pay(card_id, kind, right_id=right_id, amount=1_000, most=25_000)
    assert newest(town, right_id).title == "You got DKK 10.00 back"
    grantors = [message.title for message in read(town, town.holder_of(card_id)) if "payment" in message.kind]
    assert grantors == ["Emil got DKK 10.00 back"] * told
    assert not town.screen.messages


def test_ones_own_refund_is_told_and_ones_own_reversal_is_not(town: Town, card_id: UUID) -> None:
    town.pay(card_id, PaymentReversed)
    town.pay(card_id, PaymentRefunded)
    assert kinds(town, town.holder_of(card_id)) == ["payment.refunded"]


def test_a_delegate_reads_what_is_left_after_a_payment_and_gets_no_text(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id, "none")
    town.pay(card_id, PaymentApproved, right_id=right_id, left={"limit": "per_day", "remaining": 38_000})
    message = newest(town, right_id)
    assert (message.kind, message.title) == ("payment.approved", "You paid DKK 250.00")
    assert message.text.endswith(" Left today: DKK 380.00.")
    assert not town.screen.messages


@pytest.mark.parametrize(("birthdate", "asks"), [(None, False), (date(1990, 1, 1), False), (date(2020, 1, 1), True)])
def test_only_who_is_known_to_be_a_child_is_told_to_ask_a_grown_up(
    town: Town, card_id: UUID, birthdate: date | None, asks: bool
) -> None:
    right_id = town.right(card_id, birthdate=birthdate)
    town.block(card_id)
    message = newest(town, right_id)
    assert (message.kind, "grown-up" in message.text) == ("card.blocked", asks)


def test_a_request_says_what_for_and_where_and_a_yes_until_when_it_is_good(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id, "none")

    def ask_and_approve(session: Session, _: Card) -> None:
        right = session.get_one(DrawingRight, (card_id, right_id))
        shop = {"id": "DK-1", "name": "Gallerian", "country": "SE", "categories": ["clothing"], "stopped_by": "country"}
        wanted = requests.Wanted("one_off", 30_000, "per_payment", merchant=shop, message="Må jeg?")
        [phone] = pairing.live_pairings(session, card_id, right_id)
        request = requests.ask(session, right, wanted, phone=phone, policy=POLICY, now=town.clock.now())
        assert isinstance(request, DrawingRequest)
        requests.approve(session, right, request, Ceiling(), policy=POLICY, now=town.clock.now())

    town.change(card_id, ask_and_approve)
    asked = newest(town, town.holder_of(card_id)).text
    assert asked.startswith("Emil asks for DKK 300.00 for one payment at Gallerian (Sweden, clothes and shoes) on the")
    assert "declined because you do not allow payments in that country. Message: “Må jeg?”. Answer in the" in asked
    tomorrow = wording.moment(town.clock.now() + timedelta(hours=24), "en")
    assert newest(town, right_id).text.endswith(f" You can pay until {tomorrow}.")


def test_a_right_that_expired_is_told_to_both_and_to_its_wallet(town: Town, card_id: UUID) -> None:
    right_id, wallet = town.right(card_id), town.requestor("wallet", "Lommen")
    town.token(card_id, wallet, right_id, "Emil's phone")

    def expire(session: Session, _: Card) -> None:
        right, now = session.get_one(DrawingRight, (card_id, right_id)), town.clock.now()
        drawing_rights.announce(session, DrawingRightExpired, right, now, why="came_of_age")

    town.tell()
    town.change(card_id, expire)
    assert kinds(town, town.holder_of(card_id))[-1] == kinds(town, right_id)[-1] == "drawing_right.ended_of_age"
    with town.database.reading() as session:
        newest_facts = session.scalars(select(Update.facts).order_by(Update.seq.desc())).first()
    assert newest_facts == {"operation": "expire_right", "reason": None, "by": None}


def test_a_week_is_told_to_the_grantor_alone(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)

    def end(session: Session, _: Card) -> None:
        right = session.get_one(DrawingRight, (card_id, right_id))
        week = {"week": "2026-11-16", "spent": 31_000, "payments": 4}
        drawing_rights.announce(session, DrawingRightWeekEnded, right, town.clock.now(), **week)

    before = kinds(town, right_id)
    town.change(card_id, end)
    assert newest(town, town.holder_of(card_id)).title == "Emil's week: DKK 310.00"
    assert kinds(town, right_id) == before


def test_a_child_does_not_read_what_the_parent_spends(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    of_the_card = {"name": "per_day", "limit": 500_000, "spent": 480_000, "of": "card"}
    town.pay(card_id, PaymentDeclined, right_id=right_id, reason="amount_limit", limit=of_the_card)
    assert newest(town, right_id).text.endswith("An amount limit is reached.")


def test_ones_own_declined_payment_is_no_news(town: Town, card_id: UUID) -> None:
    town.pay(card_id, PaymentDeclined, **DECLINED)
    assert kinds(town, town.holder_of(card_id)) == []


def test_a_new_card_names_the_shops_that_are_not_told(town: Town, card_id: UUID) -> None:
    town.on_file(card_id, town.requestor(name="Filmfloden"), automatic_update=False)
    town.on_file(card_id, town.requestor(name="Bogbutikken"))
    town.replace(card_id)
    assert newest(town, town.holder_of(card_id)).text.endswith("These are not told: Filmfloden.")


def test_a_replacement_that_ends_a_block_tells_the_delegates(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    town.block(card_id, "lost")
    town.replace(card_id, "lost")
    assert kinds(town, right_id)[-2:] == ["card.blocked", "card.unblocked"]


def test_every_provisioning_is_told_by_inbox_and_sms(town: Town, card_id: UUID) -> None:
    wallet = town.requestor("wallet", "Lommen")
    town.token(card_id, wallet)
    town.token(card_id, wallet, town.right(card_id), "Emil's phone")
    told = kinds(town, town.holder_of(card_id))
    assert {"token.provisioned", "drawing_right.token_provisioned"} <= set(told)
    assert len(town.screen.messages) == 2


def test_without_a_mobile_number_no_text_is_sent(town: Town) -> None:
    card_id = town.card(cpr="0101700103", mobile=None)
    town.block(card_id)
    town.tell()
    assert not town.screen.messages
    with town.database.reading() as session:
        assert session.scalars(select(SmsMessage.state)).all() == ["no_number"]


# The inbox


def test_an_inbox_is_read_newest_first_page_by_page(town: Town, card_id: UUID) -> None:
    town.block(card_id)
    town.replace(card_id, "lost")
    holder_id = town.holder_of(card_id)
    town.tell()
    with town.database.reading() as session:
        [first] = inbox.page(session, holder_id, 1)
        [second] = inbox.page(session, holder_id, 1, before=first.message_id)
        assert [first.kind, second.kind] == ["card.replaced", "card.blocked"]
        assert inbox.page(session, holder_id, 1, before=second.message_id) == []


def test_a_stream_gets_what_came_since(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)
    town.block(card_id)
    seen = newest(town, holder_id).message_id
    town.replace(card_id, "lost")
    town.tell()
    with town.database.reading() as session:
        assert [message.kind for message in inbox.arrived(session, holder_id, seen, 10)] == ["card.replaced"]


def test_reading_keeps_the_first_time(town: Town, card_id: UUID) -> None:
    town.block(card_id)
    holder_id, first_time = town.holder_of(card_id), town.clock.now()
    message_id = newest(town, holder_id).message_id
    with town.transaction() as session:
        inbox.mark_read(session, holder_id, message_id, first_time)
    with town.transaction() as session:
        later = first_time.replace(year=first_time.year + 1)
        assert inbox.mark_read(session, holder_id, message_id, later).read_at == first_time


def test_nobody_elses_message_can_be_marked(town: Town, card_id: UUID) -> None:
    town.block(card_id)
    message_id = newest(town, town.holder_of(card_id)).message_id
    with town.database.reading() as session, pytest.raises(NotFound):
        inbox.mark_read(session, ids.new_id(), message_id, town.clock.now())
