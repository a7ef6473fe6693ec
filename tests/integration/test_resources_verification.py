"""The yellow path: a card that the app names by its id wants a code that goes to the number that the bank holds."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from notifications import sms_queue
from notifications.models import SmsMessage
from tests.world import PIN_KEY, Phone, World
from tokenization import ids
from tokenization.secret import Secret

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def provision(world: World, phone: Phone, **changes: Any) -> httpx.Response:
    who = world.person("anna")
    body = {"card_id": who["card_id"], "cvc": who["card"]["cvc"], "device": phone.device()} | changes
    asked = {name: value for name, value in body.items() if value is not None}
    return phone.step_up("provision").request("POST", "/v1/tokens", asked)


def call(phone: Phone, token: dict[str, Any], what: str, **body: Any) -> httpx.Response:
    return phone.request("POST", f"/v1/tokens/{token['id']}/{what}", body)


def ask(phone: Phone, token: dict[str, Any]) -> httpx.Response:
    return call(phone, token, "verification", method="sms_code")


def sent(world: World) -> list[str]:
    """The codes in the text messages that wait to be sent, oldest first."""
    in_order = select(SmsMessage).where(SmsMessage.kind == sms_queue.CODE).order_by(SmsMessage.sms_id)
    with world.parts.database.reading() as session:
        texts = [opened(session, world, each) for each in session.scalars(in_order) if each.text_sealed]
    return [found[0] for each in texts if (found := re.findall(r"\b[0-9]{6}\b", each))]


def opened(session: Session, world: World, message: SmsMessage) -> str:
    assert message.text_sealed is not None
    data_key = world.parts.vault.party_key(session, message.recipient_id)
    return data_key.open(sms_queue.sealed_place(message.sms_id), message.text_sealed).decode()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def token(world: World, phone: Phone) -> dict[str, Any]:
    """An unverified token, by the card's id and the CVC."""
    made: dict[str, Any] = provision(world, phone).json()
    return made


def test_a_card_that_is_not_typed_in_must_be_verified(token: dict[str, Any], phone: Phone) -> None:
    assert (token["decision"], token["status"], token["because"]) == (
        "verification_required",
        "unverified",
        "unverified",
    )
    assert token["verification_methods"] == ["sms_code"]
    assert problem(call(phone, token, "activate", pin_key=PIN_KEY)) == (409, "illegal-state")


def test_the_code_that_was_sent_verifies_and_then_a_pin_can_be_chosen(
    world: World, phone: Phone, token: dict[str, Any]
) -> None:
    asked = ask(phone, token)
    assert (asked.status_code, asked.json()["status"]) == (200, "unverified")
    [code] = sent(world)
    assert code not in asked.text
    verified = call(phone, token, "verification/confirm", code=code).json()
    assert (verified["status"], verified["verification_methods"]) == ("inactive", [])
    assert verified["version"] > token["version"]
    assert call(phone, token, "activate", pin_key=PIN_KEY).json()["status"] == "active"
    assert problem(call(phone, token, "verification/confirm", code=code)) == (409, "illegal-state")
    assert problem(ask(phone, token)) == (409, "illegal-state")


def test_a_code_is_kept_as_a_keyed_hash_and_its_text_sealed_until_it_is_sent(
    world: World, phone: Phone, token: dict[str, Any]
) -> None:
    ask(phone, token)
    [code] = sent(world)
    with world.parts.database.transaction("relay") as session:
        kept = session.scalars(text("SELECT verification_codes::text FROM tokenization.verification_codes")).all()
        journal = session.scalars(text("SELECT payload::text FROM tokenization.journal_entries")).all()
        texts = session.scalars(text("SELECT text FROM notifications.sms_messages")).all()
        assert not any(code in row for row in [*kept, *journal, *texts])
        [message, *_] = sms_queue.claim(session, world.parts.vault, world.clock.now(), 10)
        assert (message.mobile, code in str(message.text and message.text.reveal())) == (Secret("+4500000001"), True)
        sms_queue.settle(session, message, sms_queue.SENT, world.clock.now(), 0.5)
    assert sent(world) == []


def test_a_wrong_code_costs_a_try_and_after_three_it_is_dead(world: World, phone: Phone, token: dict[str, Any]) -> None:
    ask(phone, token)
    [code] = sent(world)
    for left in (2, 1, 0):
        answer = call(phone, token, "verification/confirm", code=wrong(code))
        assert problem(answer) == (422, "wrong-code")
        assert answer.json()["remaining_attempts"] == left
        assert answer.json()["errors"][0]["field"] == "code"
    assert problem(call(phone, token, "verification/confirm", code=code)) == (409, "no-code")


def test_a_code_lives_ten_minutes(world: World, phone: Phone, token: dict[str, Any]) -> None:
    assert problem(call(phone, token, "verification/confirm", code="123456")) == (409, "no-code")
    ask(phone, token)
    [code] = sent(world)
    world.clock.advance(10 * MINUTE)
    assert problem(call(phone, token, "verification/confirm", code=code)) == (409, "no-code")
    ask(phone, token)
    world.clock.advance(10 * MINUTE - timedelta(seconds=1))
    assert call(phone, token, "verification/confirm", code=sent(world)[-1]).json()["status"] == "inactive"


def test_only_the_newest_code_counts_and_there_are_three(world: World, phone: Phone, token: dict[str, Any]) -> None:
    for _ in range(3):
        assert ask(phone, token).status_code == 200
    assert problem(ask(phone, token)) == (409, "no-more-codes")
    first, _, newest = sent(world)
    if first != newest:
        assert problem(call(phone, token, "verification/confirm", code=first)) == (422, "wrong-code")
    assert call(phone, token, "verification/confirm", code=newest).json()["status"] == "inactive"


def test_no_code_goes_to_a_number_within_a_week_of_its_change(world: World) -> None:
    path = f"/v1/issuer/cardholders/{world.person('anna')['cardholder_id']}"
    bank, phone = world.machine("issuer"), world.phone()
    token = provision(world, phone).json()
    bank.request("PATCH", path, {"mobile": "+4500000099"})
    assert problem(ask(phone, token)) == (409, "verification-unavailable")
    assert problem(provision(world, world.phone())) == (409, "verification-unavailable")
    world.clock.advance(7 * DAY)
    assert ask(phone, token).status_code == 200
    bank.request("PATCH", path, {"mobile": None})
    world.clock.advance(7 * DAY)
    assert problem(provision(world, world.phone())) == (409, "verification-unavailable")


def test_a_card_that_is_not_ones_own_is_not_verified_and_counted(world: World) -> None:
    phone, cvc = world.phone(), world.person("anna")["card"]["cvc"]
    bo = world.person("bo")
    for changes in (
        {"cvc": f"{(int(cvc) + 1) % 1000:03}"},
        {"card_id": bo["card_id"], "cvc": bo["card"]["cvc"]},
        {"card_id": ids.to_text("card", ids.new_id())},
        {"cvc": f"{(int(cvc) + 2) % 1000:03}"},
        {"cvc": f"{(int(cvc) + 3) % 1000:03}"},
    ):
        assert problem(provision(world, phone, **changes)) == (422, "card-not-verified"), changes
    assert problem(provision(world, phone)) == (429, "too-many-attempts")


def test_what_belongs_together_comes_together(world: World) -> None:
    phone = world.phone()
    typed = world.person("anna")["card"]
    for changes, field in (
        ({"cvc": None}, "cvc"),
        ({"card": typed}, "card"),
        ({"card_id": None, "card": typed}, "cvc"),
    ):
        answer = provision(world, phone, **changes)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), changes


def test_a_code_is_six_digits_by_text_message(phone: Phone, token: dict[str, Any]) -> None:
    for code in ("12345", "1234567", "12345a", "１２３４５６", 123456, None):
        answer = call(phone, token, "verification/confirm", code=code)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code"), code
    answer = call(phone, token, "verification", method="email")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "method")


def test_it_is_for_the_tokens_own_phone_and_its_own_people(world: World, token: dict[str, Any]) -> None:
    for stranger, expected in ((world.phone(), (403, "wrong-device")), (world.phone("bo"), (404, "not-found"))):
        assert problem(ask(stranger, token)) == expected
        assert problem(call(stranger, token, "verification/confirm", code="123456")) == expected


def test_what_happened_stands_in_the_journal(world: World, phone: Phone, token: dict[str, Any]) -> None:
    ask(phone, token)
    [code] = sent(world)
    call(phone, token, "verification/confirm", code=wrong(code))
    call(phone, token, "verification/confirm", code=code)
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/journal"
    entries = world.machine("issuer").request("GET", path).json()["data"]
    assert [entry["type"] for entry in entries[-3:]] == ["token.code_sent", "token.code_refused", "token.verified"]
