"""What people chose to hear, where messages are written."""

from uuid import UUID

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from notifications import inbox, preferences
from notifications.audiences import Audience
from notifications.models import Inbox, Message, Preference, SmsMessage
from notifications.preferences import PreferenceFixed, Ways
from tests.integration.notifications.town import Town
from tokenization.errors import Invalid, NotFound
from wallet.payments.events import PaymentApproved, PaymentDeclined, PaymentRefunded

HOLDER, DELEGATE = Audience.HOLDER, Audience.DELEGATE


def choose(
    town: Town, recipient_id: UUID, kind: str, *, inbox: bool, sms: bool | None = None, audience: Audience = HOLDER
) -> Ways:
    with town.transaction() as session:
        return preferences.choose(session, recipient_id, audience, kind, inbox=inbox, sms=sms).ways


def told(town: Town, recipient_id: UUID) -> tuple[list[str], list[str]]:
    """The kinds that came, in the inbox and by SMS."""
    town.tell()
    with town.database.reading() as session:
        messages = [each.kind for each in inbox.page(session, recipient_id, 50)]
        texts = session.scalars(select(SmsMessage.kind).where(SmsMessage.recipient_id == recipient_id))
        return messages, list(texts)


@pytest.mark.parametrize(
    ("in_inbox", "by_sms", "expected"),
    [
        (True, False, (["payment.refunded"], [])),
        (True, True, (["payment.refunded"], ["payment.refunded"])),
        (False, True, ([], ["payment.refunded"])),
        (False, False, ([], [])),
    ],
)
def test_a_message_comes_as_was_chosen(
    town: Town, card_id: UUID, in_inbox: bool, by_sms: bool, expected: tuple[list[str], list[str]]
) -> None:
    choose(town, town.holder_of(card_id), "payment.refunded", inbox=in_inbox, sms=by_sms)
    town.pay(card_id, PaymentRefunded)
    assert told(town, town.holder_of(card_id)) == expected


def test_both_must_say_yes_to_a_childs_payment_the_right_and_the_preference(town: Town, card_id: UUID) -> None:
    right_id, holder_id = town.right(card_id, "declined"), town.holder_of(card_id)
    kind = "drawing_right.payment_declined"
    choose(town, holder_id, "drawing_right.payment_approved", inbox=True, sms=True)
    choose(town, holder_id, kind, inbox=True, sms=True)
    town.pay(card_id, PaymentApproved, right_id=right_id)
    town.pay(card_id, PaymentDeclined, right_id=right_id)
    messages, texts = told(town, holder_id)
    assert ([each for each in messages if "payment" in each], texts) == ([kind], [kind])
    choose(town, holder_id, kind, inbox=False, sms=False)
    town.pay(card_id, PaymentDeclined, right_id=right_id)
    assert told(town, holder_id) == (messages, texts)


def test_a_child_chooses_for_its_own_inbox_alone(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    choose(town, right_id, "payment.approved", inbox=False, audience=DELEGATE)
    town.pay(card_id, PaymentApproved, right_id=right_id)
    assert "drawing_right.payment_approved" in told(town, town.holder_of(card_id))[0]
    assert "payment.approved" not in told(town, right_id)[0]


def test_what_must_be_told_cannot_be_switched_off(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)
    for in_inbox, by_sms in ((False, None), (True, False)):
        with pytest.raises(PreferenceFixed):
            choose(town, holder_id, "card.blocked", inbox=in_inbox, sms=by_sms)
    assert choose(town, holder_id, "card.unblocked", inbox=True, sms=True) == Ways(inbox=True, sms=True)


def test_what_was_switched_off_before_it_had_to_be_told_is_told(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)
    with town.transaction() as session:
        session.add(Preference(recipient_id=holder_id, kind="card.blocked", inbox=False, sms=False))
    town.block(card_id)
    assert told(town, holder_id) == (["card.blocked"], ["card.blocked"])


def test_only_what_is_not_as_delivered_is_kept(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)

    def kept() -> list[tuple[bool, bool]]:
        with town.database.reading() as session:
            rows = session.execute(select(Preference.inbox, Preference.sms))
            return [(row.inbox, row.sms) for row in rows]

    choose(town, holder_id, "payment.refunded", inbox=False)
    assert kept() == [(False, False)]
    choose(town, holder_id, "payment.refunded", inbox=True, sms=True)
    assert kept() == [(True, True)]
    choose(town, holder_id, "payment.refunded", inbox=True)
    assert kept() == []


def test_a_child_has_no_text_messages_and_a_kind_that_is_not_there_cannot_be_chosen(town: Town, card_id: UUID) -> None:
    right_id = town.right(card_id)
    with pytest.raises(Invalid):
        choose(town, right_id, "payment.approved", inbox=True, sms=False, audience=DELEGATE)
    for kind in ("payment.refunded", "nothing"):
        with pytest.raises(NotFound):
            choose(town, right_id, kind, inbox=True, audience=DELEGATE)


def test_a_crowds_choices_are_asked_for_in_one_query(town: Town) -> None:
    cards = [town.card(cpr=f"01017001{nth:02}") for nth in range(1, 4)]
    wallet = town.requestor("wallet", "Lommen")
    for card_id in cards:
        town.phone_in_use(card_id, wallet)
    town.tell_all()
    choose(town, town.holder_of(cards[0]), "requestor.suspended", inbox=True, sms=True)
    town.set_status(wallet, "suspended")
    asked: list[str] = []
    with town.transaction() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
        town.fan_out_all(session)
    assert len([statement for statement in asked if "notifications.preferences" in statement]) == 1
    with town.database.reading() as session:
        of_kind = Message.kind == "requestor.suspended"
        assert set(session.scalars(select(Message.recipient_id).where(of_kind))) == {
            town.holder_of(each) for each in cards
        }
        texts = session.scalars(select(SmsMessage.recipient_id).where(SmsMessage.kind == "requestor.suspended"))
        assert list(texts) == [town.holder_of(cards[0])]


# The order of an inbox


def test_nothing_that_commits_late_stands_before_what_was_seen(town: Town, card_id: UUID) -> None:
    """Else a stream, or a page, that has gone on never shows it."""
    right_id, holder_id = town.right(card_id), town.holder_of(card_id)
    town.tell_all()

    def newest(session: Session) -> UUID:
        return inbox.new_ids(session, [holder_id, right_id])[0]

    with town.transaction() as slow:
        early = newest(slow)
        with town.database.reading() as other:
            other.connection().exec_driver_sql("SET LOCAL lock_timeout = '20ms'")
            with pytest.raises(Exception, match="lock timeout"):
                newest(other)
    with town.transaction() as session:
        assert newest(session) > early


def test_a_host_whose_clock_is_behind_writes_behind_what_is_there(town: Town, card_id: UUID) -> None:
    holder_id = town.holder_of(card_id)
    with town.transaction() as session:
        [first] = inbox.new_ids(session, [holder_id])
        ahead = UUID(int=first.int + (3_600_000 << 80))
        session.execute(update(Inbox).values(newest=ahead))
    with town.transaction() as session:
        second, third = inbox.new_ids(session, [holder_id, holder_id])
    with town.transaction() as session:
        [fourth] = inbox.new_ids(session, [holder_id])
    assert ahead < second < third < fourth
