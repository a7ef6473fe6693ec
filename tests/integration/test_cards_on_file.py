"""The life of a registration: asked for, answered or not, taken away (R-3.6a)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.test_resources_merchant import another_shop, bank, card_of, problem, register
from tests.world import FILMFLODEN, Machine, Phone, World
from tokenization import credentials
from tokenization.models import Credential

AUTHENTICATED: dict[str, Any] = {"initiated_by": "cardholder", "authentication": "3ds"}
MOST = 5
DAYS = timedelta(days=30)
ANOTHER_DAY = timedelta(days=1)


def asked(world: World, reference: str = "customer-42", **changes: Any) -> str:
    """Filmfloden asks to keep Anna's card; the credential's id."""
    answer = register(world, reference=reference, **changes)
    assert answer.status_code == 201, answer.text
    credential_id: str = answer.json()["id"]
    return credential_id


def as_often_as_may_be(world: World) -> list[str]:
    return [asked(world, f"customer-{number}") for number in range(MOST)]


def act(phone: Phone, credential_id: str, what: str, automatic_update: bool = True) -> Any:
    """The cardholder's `POST /confirm`, `PATCH` or `DELETE`."""
    method, _, more = what.partition(" ")
    body = None if method == "DELETE" else {"automatic_update": automatic_update}
    return phone.request(method, f"/v1/credentials/{credential_id}{more}", body)


def listed(world: World, phone: Phone, query: str = "") -> list[dict[str, Any]]:
    answer = phone.request("GET", f"/v1/cards/{world.person('anna')['card_id']}/credentials{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def shown(world: World, credential_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.machine("merchant").request("GET", f"/v1/merchant/credentials/{credential_id}").json()
    return found


def policy(world: World, **figures: int) -> None:
    delivered = {"contact_after_days": 14, "pending_days": 30, "pending_per_merchant": MOST, "told_within_days": 5}
    put = {"figures": delivered | figures}
    answer = world.machine("issuer").request("PUT", "/v1/issuer/policies/cards_on_file", put)
    assert answer.status_code == 200, answer.text


def test_a_shop_asks_a_cardholder_no_more_often_than_the_bank_allows(world: World) -> None:
    """Else one with a stolen number could flood them."""
    first, *_ = as_often_as_may_be(world)
    phone = world.phone()
    assert problem(register(world, reference="one more")) == (409, "too-many-registrations")
    assert len(listed(world, phone)) == MOST
    assert asked(world, "customer-0") == first


def test_each_shop_and_each_card_is_counted_apart(world: World) -> None:
    as_often_as_may_be(world)
    assert register(world, card=card_of(world, "bo")).status_code == 201
    other = Machine(world, "merchant", another_shop(world))
    body = {"card": card_of(world), "agreement": "card_on_file", "reference": "customer-0"}
    assert other.request("POST", "/v1/merchant/credentials", body).status_code == 201


def test_a_yes_makes_room_for_another_question(world: World) -> None:
    first, *_ = as_often_as_may_be(world)
    assert act(world.phone(), first, "POST /confirm").status_code == 200
    assert register(world, reference="one more").status_code == 201
    assert problem(register(world, reference="and another")) == (409, "too-many-registrations")


@pytest.mark.parametrize("by", ["cardholder", "merchant"])
def test_what_was_taken_away_without_a_yes_counts_for_as_long(world: World, by: str) -> None:
    """Whoever takes it away: a no is a no, and a shop cannot take back and ask again all day."""
    phone, shop = world.phone(), world.machine("merchant")
    for credential_id in as_often_as_may_be(world):
        if by == "cardholder":
            assert act(phone, credential_id, "DELETE").status_code == 200
        else:
            assert shop.request("DELETE", f"/v1/merchant/credentials/{credential_id}").status_code == 200
    assert problem(register(world, reference="one more")) == (409, "too-many-registrations")
    world.clock.advance(DAYS)
    assert register(world, reference="one more").status_code == 201


def test_who_may_not_ask_is_told_no_more_of_a_card_than_who_may(world: World) -> None:
    as_often_as_may_be(world)
    wrong_cvc = f"{(int(world.person('anna')['card']['cvc']) + 1) % 1000:03}"
    for wrong in ({"expiry": "2031-01"}, {"number": "4111111111111111"}, {"cvc": wrong_cvc}):
        answer = register(world, reference="one more", card=card_of(world) | wrong)
        assert problem(answer) == (422, "card-not-verified")


def test_another_agreement_is_another_question(world: World) -> None:
    assert asked(world) != asked(world, agreement="digital_wallet")
    assert {each["agreement"] for each in listed(world, world.phone())} == {"subscription", "digital_wallet"}


def test_a_newer_card_is_another_question(world: World) -> None:
    """What a shop knows begins with the card that it was shown."""
    first, new = asked(world), bank(world, "/replace", {"reason": "damaged"})
    bank(world, "/activate-plastic")
    assert asked(world, card={name: new[name] for name in ("number", "expiry")}) != first


def test_what_nobody_said_yes_to_lapses(world: World) -> None:
    phone, credential_id = world.phone(), asked(world)
    [waiting] = listed(world, phone)
    assert (waiting["status"], waiting["pending_until"]) == ("pending", "2026-12-22T10:15:00Z")
    assert shown(world, credential_id)["pending_until"] == waiting["pending_until"]
    world.clock.advance(DAYS)
    assert listed(world, phone) == []
    after = shown(world, credential_id)
    assert (after["status"], after["pending_until"]) == ("withdrawn", None)
    for what in ("POST /confirm", "PATCH", "DELETE"):
        assert problem(act(phone, credential_id, what)) == (409, "illegal-state"), what
    gone = world.machine("merchant").request("DELETE", f"/v1/merchant/credentials/{credential_id}")
    assert problem(gone) == (409, "illegal-state")
    paid = world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000, **AUTHENTICATED)
    assert (paid["reason"], paid["response_code"]) == ("credential_withdrawn", "R1")
    assert asked(world) != credential_id


def test_until_the_last_second_it_can_be_said_yes_to(world: World) -> None:
    credential_id = asked(world)
    world.clock.advance(DAYS - timedelta(seconds=1))
    assert act(world.phone(), credential_id, "POST /confirm").json()["status"] == "active"
    world.clock.advance(DAYS)
    assert world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000)["approved"]


def test_a_new_policy_moves_nothing_that_waits(world: World) -> None:
    """What has lapsed does not come back to life, and nobody's time to answer is cut."""
    credential_id, phone = asked(world), world.phone()
    policy(world, pending_days=1)
    short = asked(world, "customer-43")
    world.clock.advance(ANOTHER_DAY)
    assert [each["id"] for each in listed(world, phone)] == [credential_id]
    policy(world, pending_days=300)
    assert problem(act(phone, short, "POST /confirm")) == (409, "illegal-state")


def test_what_sql_says_of_a_status_is_what_python_says(world: World) -> None:
    phone = world.phone()
    act(phone, asked(world, "active"), "POST /confirm")
    act(phone, asked(world, "withdrawn"), "DELETE")
    asked(world, "lapsed")
    world.clock.advance(DAYS)
    asked(world, "pending")
    now = world.clock.now()
    with world.parts.database.reading() as session:
        columns = (Credential, credentials.status_in_sql(now))
        found = {row.reference: (credentials.status(row, now), said) for row, said in session.query(*columns)}
    expected = {"active": "active", "withdrawn": "withdrawn", "lapsed": "withdrawn", "pending": "pending"}
    assert found == {name: (status, status) for name, status in expected.items()}


def test_a_list_can_be_of_one_status(world: World) -> None:
    phone = world.phone()
    made = {name: asked(world, name) for name in ("pending", "active", "withdrawn")}
    act(phone, made["active"], "POST /confirm")
    act(phone, made["withdrawn"], "DELETE")
    for status, credential_id in made.items():
        assert [each["id"] for each in listed(world, phone, f"?status={status}")] == [credential_id]
    assert {each["id"] for each in listed(world, phone)} == {made["pending"], made["active"]}
    answer = phone.request("GET", f"/v1/cards/{world.person('anna')['card_id']}/credentials?status=lapsed")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "status")


def test_a_closed_card_is_said_yes_to_no_more_and_can_be_taken_away(world: World) -> None:
    phone, waiting, kept = world.phone(), asked(world, "waiting"), asked(world, "kept")
    act(phone, kept, "POST /confirm")
    bank(world, "/close")
    assert problem(act(phone, waiting, "POST /confirm")) == (409, "card-closed")
    for credential_id in (waiting, kept):
        assert act(phone, credential_id, "DELETE").json()["status"] == "withdrawn"


UNUSABLE: dict[str, tuple[tuple[str, dict[str, str] | None], ...]] = {
    "blocked": (("/block", {"reason": "suspected"}),),
    "closed": (("/close", None),),
    "replaced": (("/replace", {"reason": "bank"}),),
    "lost and replaced": (("/block", {"reason": "lost"}), ("/replace", {"reason": "lost"})),
}


@pytest.mark.parametrize("how", UNUSABLE)
def test_a_card_that_cannot_pay_is_kept_by_nobody(world: World, how: str) -> None:
    for what, body in UNUSABLE[how]:
        bank(world, what, body)
    assert problem(register(world)) == (422, "card-not-verified")


def test_a_card_that_is_over_is_kept_by_nobody(world: World) -> None:
    world.clock.advance(timedelta(days=1_500))
    assert problem(register(world)) == (422, "card-not-verified")


def test_a_new_card_is_kept_by_nobody_before_it_is_activated(world: World) -> None:
    new = bank(world, "/replace", {"reason": "damaged"})
    typed = {name: new[name] for name in ("number", "expiry")}
    assert problem(register(world, card=typed)) == (422, "card-not-verified")
    bank(world, "/activate-plastic")
    assert register(world, card=typed).json()["last4"] == new["number"][-4:]


def test_a_first_payment_that_is_authenticated_is_the_yes_and_is_told(world: World) -> None:
    phone, credential_id = world.phone(), asked(world)
    assert world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000, **AUTHENTICATED)["approved"]
    [kept] = listed(world, phone)
    assert (kept["status"], kept["automatic_update"], kept["confirmed_at"]) == (
        "active",
        False,
        "2026-11-22T10:15:00Z",
    )
    world.tell()
    told = [each["kind"] for each in phone.request("GET", "/v1/inbox").json()["data"]]
    assert told == ["credential.confirmed", "credential.registered"]


def test_who_switches_updates_on_after_such_a_yes_has_the_shop_told_what_it_missed(world: World) -> None:
    phone, credential_id = world.phone(), asked(world)
    new = bank(world, "/replace", {"reason": "bank"})
    assert world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000, **AUTHENTICATED)["approved"]
    shop, feed = world.machine("merchant"), "/v1/merchant/card-updates"
    world.tell()
    assert shop.request("GET", feed).json()["data"] == []
    assert shown(world, credential_id)["last4"] == card_of(world)["number"][-4:]
    act(phone, credential_id, "PATCH")
    world.tell()
    [update] = shop.request("GET", feed).json()["data"]
    assert (update["data"]["code"], update["data"]["current"]["last4"]) == ("A", new["number"][-4:])


def test_what_was_chosen_before_the_yes_stays_chosen(world: World) -> None:
    phone, credential_id = world.phone(), asked(world)
    waiting = act(phone, credential_id, "PATCH").json()
    assert (waiting["status"], waiting["automatic_update"]) == ("pending", True)
    assert world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000, **AUTHENTICATED)["approved"]
    [kept] = listed(world, phone)
    assert (kept["status"], kept["automatic_update"]) == ("active", True)
