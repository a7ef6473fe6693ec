"""The life of a place where webhooks go: looked at, failing, disabled, set again; and who is told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select
from standardwebhooks import WebhookVerificationError

from notifications import deliveries, webhooks
from notifications.models import SmsMessage, WebhookEndpoint
from notifications.sending import Answer
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.test_notifications_webhooks import queue_test, states
from tests.integration.notifications.town import LOOPBACK, Town
from tokenization import requestors
from tokenization.clock import SetClock
from tokenization.errors import IllegalMove, Invalid
from tokenization.journal.models import SubjectJournalEntry
from tokenization.models import Requestor
from tokenization.secret import Secret

NOWHERE = "http://127.0.0.1:9/hooks"
DAY = timedelta(days=1)
CONTACT = {"mobile": "+4520123478", "language": "en"}


def endpoint_of(town: Town, requestor_id: UUID) -> WebhookEndpoint:
    with town.database.reading() as session:
        endpoint = webhooks.get_endpoint(session, requestor_id)
        session.expunge_all()
        return endpoint


def journal(town: Town, requestor_id: UUID) -> list[tuple[str, str, dict[str, Any] | None]]:
    """What stands in its journal of its endpoint: type, actor, payload."""
    entries = select(SubjectJournalEntry).where(SubjectJournalEntry.subject_id == requestor_id)
    with town.database.reading() as session:
        found = session.scalars(entries.order_by(SubjectJournalEntry.seq)).all()
        return [(entry.type, entry.actor, entry.payload) for entry in found if entry.type.startswith("endpoint.")]


def fail(town: Town, requestor_id: UUID, *, gone: bool = False) -> bool:
    with town.transaction() as session:
        return webhooks.failed(session, requestor_id, town.clock.now(), gone=gone)


def set_contact(town: Town, requestor_id: UUID, contact: dict[str, str] | None) -> None:
    with town.transaction() as session:
        requestor = requestors.get(session, requestor_id, lock=True)
        requestors.set_contact(session, town.vault, requestor, contact, town.clock.now())


def texts_to(town: Town, requestor_id: UUID) -> list[tuple[str, str, str]]:
    with town.database.reading() as session:
        rows = session.scalars(select(SmsMessage).where(SmsMessage.recipient_id == requestor_id)).all()
        return [(row.to, row.kind, row.text) for row in sorted(rows, key=lambda row: row.at)]


def rotate(town: Town, requestor_id: UUID) -> str:
    with town.transaction() as session:
        return webhooks.rotate_secret(session, town.vault, requestor_id, town.clock.now()).reveal()


def send_test(town: Town, requestor_id: UUID) -> None:
    with town.transaction() as session:
        webhooks.send_test(session, requestor_id, town.clock.now())
    town.tell()


# A look at it


def test_an_endpoint_that_was_set_is_looked_at_and_sent_nothing(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, receiver.url)
    assert endpoint_of(town, shop).check_result is None
    town.tell()
    looked_at = endpoint_of(town, shop)
    assert (looked_at.checked_at, looked_at.check_result) == (town.clock.now(), "ok")
    assert receiver.requests == []


def test_what_is_wrong_with_it_is_said_and_it_stays_enabled(town: Town, receiver: Receiver, shop: UUID) -> None:
    town.listen(shop, NOWHERE)
    town.tell()
    looked_at = endpoint_of(town, shop)
    assert (looked_at.check_result, looked_at.state, looked_at.failing_since) == ("not_reached", "enabled", None)
    town.listen(shop, receiver.url)
    town.tell()
    assert endpoint_of(town, shop).check_result == "ok"


# Failing for days


def test_five_days_of_nothing_but_failures_disable_it(town: Town, shop: UUID, clock: SetClock) -> None:
    town.listen(shop, NOWHERE)
    since = clock.now()
    assert not fail(town, shop)
    clock.advance(5 * DAY - timedelta(seconds=1))
    assert not fail(town, shop)
    clock.advance(timedelta(seconds=1))
    assert fail(town, shop)
    endpoint = endpoint_of(town, shop)
    assert (endpoint.state, endpoint.disabled_at, endpoint.failing_since) == ("disabled", clock.now(), since)


def test_one_success_within_them_starts_the_count_anew(town: Town, shop: UUID, clock: SetClock) -> None:
    town.listen(shop, NOWHERE)
    fail(town, shop)
    clock.advance(3 * DAY)
    with town.transaction() as session:
        webhooks.answered(session, shop)
    fail(town, shop)
    clock.advance(3 * DAY)
    assert not fail(town, shop)


def test_what_fails_for_five_days_in_truth_is_disabled_by_the_relay(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    receiver.answers = [503] * 1000
    town.listen(shop, receiver.url)
    for _ in range(5):
        send_test(town, shop)
        clock.advance(DAY)
    assert endpoint_of(town, shop).state == "enabled"
    send_test(town, shop)
    assert endpoint_of(town, shop).state == "disabled"


def test_nothing_is_queued_for_an_endpoint_that_is_disabled(town: Town, shop: UUID) -> None:
    town.listen(shop, NOWHERE)
    fail(town, shop, gone=True)
    now = town.clock.now()
    with town.database.reading() as session:
        with pytest.raises(IllegalMove):
            webhooks.send_test(session, shop, now)
        with pytest.raises(IllegalMove):
            webhooks.replay_since(session, shop, now, now)


@pytest.mark.parametrize("answer", [Answer(status=410), Answer(status=500)], ids=["gone", "failed"])
def test_what_was_sent_before_it_was_set_anew_is_not_held_against_it(
    town: Town, shop: UUID, clock: SetClock, answer: Answer
) -> None:
    town.listen(shop, NOWHERE)
    queue_test(town, shop)
    with town.transaction() as session:
        [lease] = deliveries.claim(session, clock.now(), 1, failing=False)
        job = deliveries.next_job(session, town.vault, lease, clock.now())
    assert job is not None
    clock.advance(timedelta(seconds=1))
    town.listen(shop, NOWHERE)
    with town.transaction() as session:
        deliveries.settle(session, lease, job, answer, clock.now(), 0)
    endpoint = endpoint_of(town, shop)
    assert (endpoint.state, endpoint.failing_since) == ("enabled", None)
    assert states(town, shop) == ["pending"]


def test_whoever_sets_it_while_a_relay_disables_it_has_the_last_word(town: Town, shop: UUID) -> None:
    town.listen(shop, NOWHERE)
    with town.transaction() as session:
        requestor = session.get_one(Requestor, shop)
        webhooks.get_endpoint(session, shop)  # read while it was enabled
        fail(town, shop, gone=True)
        webhooks.put_endpoint(session, town.vault, LOOPBACK, requestor, url=NOWHERE, now=town.clock.now())
    endpoint = endpoint_of(town, shop)
    assert (endpoint.state, endpoint.disabled_at, endpoint.failing_since) == ("enabled", None, None)


# Whoever looks after it


def test_its_contact_is_warned_after_a_day_and_told_when_it_is_disabled(
    town: Town, shop: UUID, clock: SetClock
) -> None:
    set_contact(town, shop, CONTACT)
    town.listen(shop, NOWHERE)
    for _ in range(41):  # every three hours, for five days
        fail(town, shop)
        clock.advance(timedelta(hours=3))
    assert [(to, kind) for to, kind, _ in texts_to(town, shop)] == [
        ("requestor", "endpoint.failing"),
        ("requestor", "endpoint.disabled"),
    ]
    town.tell()
    assert {message.to for message in town.screen.messages} == {"+45 ****** 78"}


@pytest.mark.parametrize("language", ["da", "en"])
@pytest.mark.parametrize("kind", ["endpoint.failing", "endpoint.disabled", "endpoint.gone"])
def test_it_is_told_in_its_language_and_without_a_link(town: Town, shop: UUID, kind: str, language: str) -> None:
    set_contact(town, shop, {**CONTACT, "language": language})
    town.listen(shop, "http://127.0.0.1:9/hooks/a-secret-path")
    fail(town, shop)
    hours = {"endpoint.failing": 24, "endpoint.disabled": 120, "endpoint.gone": 1}[kind]
    with town.transaction() as session:
        later = town.clock.now() + timedelta(hours=hours)
        webhooks.failed(session, shop, later, gone=kind == "endpoint.gone")
    [(_, told, text)] = texts_to(town, shop)
    assert told == kind
    assert text.startswith("Filmfloden: ")
    assert ("webhook-modtager" in text) == (language == "da")
    assert not {"{", "}", "/", "127.0.0.1", "a-secret-path"} & set(text.replace(".", " ").split())
    assert "://" not in text


def test_after_it_was_set_again_a_new_spell_of_failures_is_told_anew(town: Town, shop: UUID, clock: SetClock) -> None:
    set_contact(town, shop, CONTACT)
    for _ in range(2):
        town.listen(shop, NOWHERE)
        fail(town, shop, gone=True)
        clock.advance(DAY)
    assert [kind for _, kind, _ in texts_to(town, shop)] == ["endpoint.gone"] * 2


def test_who_sets_it_and_answers_410_in_a_loop_is_told_once_a_day(town: Town, shop: UUID, clock: SetClock) -> None:
    set_contact(town, shop, CONTACT)
    clock.set(datetime(2026, 11, 22, 6, tzinfo=UTC))
    for _ in range(2):
        for _ in range(3):
            town.listen(shop, NOWHERE)
            clock.advance(timedelta(hours=1))
            fail(town, shop, gone=True)
        clock.advance(DAY)
    assert [kind for _, kind, _ in texts_to(town, shop)] == ["endpoint.gone"] * 2


def test_without_a_contact_nobody_is_told(town: Town, shop: UUID) -> None:
    set_contact(town, shop, CONTACT)
    set_contact(town, shop, None)
    town.listen(shop, NOWHERE)
    fail(town, shop, gone=True)
    assert texts_to(town, shop) == []


def test_a_contact_stands_sealed_and_is_opened_again(town: Town, shop: UUID) -> None:
    set_contact(town, shop, CONTACT)
    with town.database.reading() as session:
        requestor = session.get_one(Requestor, shop)
        assert requestor.contact_mobile_sealed is not None
        assert b"20123478" not in requestor.contact_mobile_sealed
        opened = requestors.contact_mobile(session, town.vault, requestor)
        assert isinstance(opened, Secret)
        assert (opened.reveal(), requestor.contact_language) == (CONTACT["mobile"], "en")


def test_a_contact_that_is_no_number_is_refused_by_field(town: Town, shop: UUID) -> None:
    with pytest.raises(Invalid) as refused:
        set_contact(town, shop, {"mobile": "112", "language": "da"})
    assert refused.value.field == "contact.mobile"


# The journal


def test_every_change_of_it_stands_in_the_requestors_journal_with_who_did_it(town: Town, shop: UUID) -> None:
    town.listen(shop, "http://127.0.0.1:9/hooks/a-secret-path?key=another")
    secret = rotate(town, shop)
    fail(town, shop, gone=True)
    entries = journal(town, shop)
    assert [(kind, actor) for kind, actor, _ in entries] == [
        ("endpoint.set", "test"),
        ("endpoint.secret_rotated", "test"),
        ("endpoint.disabled", "test"),
    ]
    payloads = [payload for _, _, payload in entries if payload is not None]
    assert [payload["host"] for payload in payloads] == ["127.0.0.1"] * 3
    assert payloads[2]["reason"] == "answered_410"
    assert not any(hidden in str(payloads) for hidden in ("a-secret-path", "another", secret))


def test_the_key_that_it_wants_is_named_by_its_thumbprint(town: Town) -> None:
    shop, key = town.requestor(may_hold_numbers=True), ECKey.generate_key("P-256")
    town.listen(shop, NOWHERE, update_format="encrypted_card", encryption_key=key.as_dict(private=False))
    [(_, _, payload)] = journal(town, shop)
    assert payload is not None
    assert (payload["update_format"], payload["thumbprint"]) == ("encrypted_card", key.thumbprint())


# Its secrets


def test_setting_the_same_url_again_keeps_the_secret_that_its_receiver_knows(
    town: Town, receiver: Receiver, shop: UUID
) -> None:
    first = town.listen(shop, receiver.url)
    assert town.listen(shop, receiver.url) == first
    send_test(town, shop)
    [request] = receiver.requests
    request.verifies_with(first)
    assert len(request.headers["webhook-signature"].split()) == 1


def test_another_url_gets_another_secret_and_the_one_before_signs_along(
    town: Town, receiver: Receiver, shop: UUID
) -> None:
    first = town.listen(shop, NOWHERE)
    second = town.listen(shop, receiver.url)
    send_test(town, shop)
    [request] = receiver.requests
    assert first != second
    assert request.verifies_with(first) == request.verifies_with(second)


def test_for_a_day_the_secret_before_verifies_and_then_no_more(
    town: Town, receiver: Receiver, shop: UUID, clock: SetClock
) -> None:
    old, start = town.listen(shop, receiver.url), clock.now()
    clock.advance(-DAY)
    new = rotate(town, shop)  # a day ago, so that the signature is of now when it runs out
    clock.set(start - timedelta(seconds=1))
    send_test(town, shop)
    clock.set(start)
    send_test(town, shop)
    before, after = receiver.requests
    assert before.verifies_with(old) == before.verifies_with(new)
    after.verifies_with(new)
    with pytest.raises(WebhookVerificationError):
        after.verifies_with(old)


def test_who_rotates_again_within_the_day_ends_the_oldest(town: Town, receiver: Receiver, shop: UUID) -> None:
    oldest = town.listen(shop, receiver.url)
    middle, newest = rotate(town, shop), rotate(town, shop)
    send_test(town, shop)
    [request] = receiver.requests
    assert request.verifies_with(middle) == request.verifies_with(newest)
    assert len(request.headers["webhook-signature"].split()) == 2
    with pytest.raises(WebhookVerificationError):
        request.verifies_with(oldest)


def test_no_secret_comes_twice(town: Town, shop: UUID) -> None:
    first = town.listen(shop, NOWHERE)
    secrets = {first, *(rotate(town, shop) for _ in range(5)), town.listen(shop, "http://127.0.0.1:9/other")}
    assert len(secrets) == 7


def test_the_same_url_answers_the_newest_secret(town: Town, shop: UUID) -> None:
    town.listen(shop, NOWHERE)
    newest = rotate(town, shop)
    assert town.listen(shop, NOWHERE) == newest


def test_a_disabled_endpoint_that_is_set_again_keeps_its_secret(town: Town, receiver: Receiver, shop: UUID) -> None:
    secret = town.listen(shop, receiver.url)
    fail(town, shop, gone=True)
    assert town.listen(shop, receiver.url) == secret
    send_test(town, shop)
    assert receiver.requests[0].verifies_with(secret)["type"] == "webhook.test"
