"""The yellow path begins: what makes a provisioning doubtful, and who is told why."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.integration.test_resources_verification import ask, call, sent
from tests.world import PIN_KEY, Phone, World
from tokenization.models import Provisioning
from wallet import people

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def provision(phone: Phone, card: dict[str, str] | None = None, country: str | None = None) -> dict[str, Any]:
    """Type Anna's card in, or that one, in a country that the wallet names if it does."""
    answer = attempt(phone, card, country)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def attempt(phone: Phone, card: dict[str, str] | None = None, country: str | None = None) -> httpx.Response:
    typed = card or phone.world.person("anna")["card"]
    body = {"card": typed, "scheme": "dankort", "device": phone.device() | {"country": country}}
    return phone.step_up("provision").request("POST", "/v1/tokens", body)


def doubt(made: dict[str, Any]) -> str | None:
    """Why it must be verified; what follows from that is held here."""
    reason: str | None = made["decision_reason"]
    decided = ("approved", "inactive") if reason is None else ("verification_required", "unverified")
    assert (made["decision"], made["status"]) == decided
    return reason


def put_to_use(phone: Phone, made: dict[str, Any]) -> None:
    """Verify it where it must be, and choose a PIN."""
    if made["status"] == "unverified":
        ask(phone, made)
        assert call(phone, made, "verification/confirm", code=sent(phone.world)[-1]).status_code == 200
    assert call(phone, made, "activate", pin_key=PIN_KEY).json()["status"] == "active"


def bank(world: World, what: str, **body: Any) -> dict[str, Any]:
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/{what}"
    answer: dict[str, Any] = world.machine("issuer").request("POST", path, body or None).json()
    return answer


def test_a_new_phone_in_a_new_country_must_be_verified(world: World) -> None:
    phone = world.phone()
    assert [doubt(provision(phone, country=each)) for each in ("DK", None, "SE")] == [None, None, "new_country"]


def test_a_country_and_a_phone_are_known_once_a_token_was_activated_there(world: World) -> None:
    phone = world.phone()
    put_to_use(phone, provision(phone, country="SE"))
    assert doubt(provision(world.phone(), country="SE")) is None
    assert doubt(provision(phone, country="NO")) is None
    assert doubt(provision(world.phone(), country="NO")) == "new_country"
    assert doubt(provision(world.phone("bo"), world.person("bo")["card"], country="SE")) == "new_country"


def test_what_waits_to_be_verified_makes_nothing_known(world: World) -> None:
    phone = world.phone()
    assert [doubt(provision(phone, country="SE")) for _ in range(3)] == ["new_country"] * 3
    assert doubt(provision(world.phone(), country="SE")) == "new_country"


def test_where_the_phone_was_is_kept(world: World) -> None:
    for country in ("DK", None):
        provision(world.phone(), country=country)
    with world.parts.database.reading() as session:
        assert list(session.scalars(select(Provisioning.country).order_by(Provisioning.token_id))) == ["DK", None]


def test_a_country_is_written_as_iso_3166_has_it(world: World) -> None:
    for country in ("XX", "dk", "DNK", "", "Ｄ Ｋ", 208, ["DK"]):
        answer = attempt(world.phone(), country=country)  # type: ignore[arg-type]  # anything that is none
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "device.country"), country


def test_a_card_that_was_reported_lost_is_in_doubt_for_a_month_whatever_became_of_it(world: World) -> None:
    bank(world, "block", reason="lost")
    new = bank(world, "replace", reason="lost")
    bank(world, "activate-plastic")
    fresh = {name: new[name] for name in ("number", "expiry", "cvc")}
    assert doubt(provision(world.phone(), fresh)) == "card_reported"
    world.clock.advance(30 * DAY - HOUR)
    assert doubt(provision(world.phone(), fresh)) == "card_reported"
    world.clock.advance(HOUR)
    assert doubt(provision(world.phone(), fresh)) is None


@pytest.mark.parametrize(
    ("reason", "expected"), [("stolen", "card_reported"), ("misused", "card_reported"), ("bank", None)]
)
def test_a_card_that_is_replaced_for_what_happened_to_it_was_reported(
    world: World, reason: str, expected: str | None
) -> None:
    new = bank(world, "replace", reason=reason)
    bank(world, "activate-plastic")
    assert doubt(provision(world.phone(), {name: new[name] for name in ("number", "expiry", "cvc")})) == expected


def test_a_card_that_the_bank_blocked_for_its_own_reasons_is_not_in_doubt(world: World) -> None:
    bank(world, "block", reason="overdraft", gross=True)
    bank(world, "unblock")
    assert doubt(provision(world.phone())) is None


def one_after_another(world: World, *phones: Phone) -> list[str | None]:
    """What each is told, a minute apart."""
    told = []
    for phone in phones:
        world.clock.advance(MINUTE)
        told.append(doubt(provision(phone)))
    return told


def test_of_several_new_phones_within_an_hour_the_third_must_be_verified(world: World) -> None:
    known, *new = (world.phone() for _ in range(4))
    put_to_use(known, provision(known))
    world.clock.advance(HOUR)
    assert one_after_another(world, *new) == [None, None, "new_phones"]
    assert one_after_another(world, known) == [None]
    world.clock.advance(HOUR)
    assert one_after_another(world, new[2]) == [None]


def test_a_new_phone_that_asks_again_gets_the_same_answer_whoever_came_since(world: World) -> None:
    new = [world.phone() for _ in range(4)]
    decided = [None, None, "new_phones", "new_phones"]
    assert one_after_another(world, *new) == decided
    assert one_after_another(world, *new) == decided


def test_phones_are_counted_over_all_cards_of_a_person_and_each_once(world: World) -> None:
    who = world.person("anna")
    asked = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"], "scheme": "visa_dankort"}
    issued = world.machine("issuer").request("POST", "/v1/issuer/cards", asked).json()
    other = {name: issued[name] for name in ("number", "expiry", "cvc")}
    first, second, third = (world.phone() for _ in range(3))
    steps = [(first, None), (first, other), (second, other), (third, None), (third, other)]
    assert [doubt(provision(phone, card)) for phone, card in steps] == [None] * 3 + ["new_phones"] * 2
    assert doubt(provision(world.phone("bo"), world.person("bo")["card"])) is None


@pytest.mark.parametrize(
    ("caller", "reason", "doubtful"),
    [
        ("issuer", "fraud", "phone_held_back"),
        ("provider", "fraud", "phone_held_back"),
        ("phone", "fraud", "phone_held_back"),
        ("phone", "other", None),
    ],
)
def test_a_new_token_is_no_way_around_a_suspension_that_its_holder_could_not_lift(
    world: World, caller: str, reason: str, doubtful: str | None
) -> None:
    phone = world.phone()
    made = provision(phone)
    put_to_use(phone, made)
    who = phone if caller == "phone" else world.machine(caller)
    path = f"/v1/tokens/{made['id']}" if caller == "phone" else f"/v1/{caller}/tokens/{made['id']}"
    assert who.request("POST", f"{path}/suspend", {"reason": reason}).status_code == 200
    phone.request("DELETE", f"/v1/tokens/{made['id']}")
    assert doubt(provision(phone)) == doubtful


def test_a_child_card_is_let_in_by_its_pairing_alone(world: World) -> None:
    bank(world, "block", reason="lost")
    bank(world, "unblock")
    child = world.child(world.grant(world.phone())["id"])
    body = {"drawing_right_id": child.subject, "device": child.device() | {"country": "SE"}}
    assert doubt(child.request("POST", "/v1/tokens", body).json()) is None


def link_mitid(world: World, **changes: Any) -> None:
    path = f"/v1/issuer/cardholders/{world.person('anna')['cardholder_id']}"
    assert world.machine("issuer").request("PATCH", path, changes).status_code == 200


def test_whoever_has_no_settled_mobile_number_verifies_by_mitid(world: World) -> None:
    link_mitid(world, mitid_uuid=world.person("anna")["mitid_uuid"])
    assert provision(world.phone(), country="SE")["verification_methods"] == ["sms_code", "mitid"]
    link_mitid(world, mobile="+4500000099")
    assert provision(world.phone(), country="SE")["verification_methods"] == ["mitid"]


def test_whoever_can_do_neither_is_refused_and_told_why(world: World) -> None:
    link_mitid(world, mobile=None)
    phone = world.phone()
    answer = attempt(phone, country="SE")
    assert (answer.status_code, answer.json()["code"]) == (409, "verification-unavailable")
    assert answer.json()["decision_reason"] == "new_country"
    assert doubt(provision(phone, country="DK")) is None
    world.tell()
    told = {each["kind"]: each["text"] for each in phone.request("GET", "/v1/inbox").json()["data"]}
    assert "det kunne ikke bekræftes" in told["token.provisioning_refused"]


def test_the_cardholder_reads_that_it_waits_and_why_and_then_that_it_was_confirmed(world: World) -> None:
    phone = world.phone()
    put_to_use(phone, provision(phone, country="SE"))
    world.tell()
    told = {each["kind"]: each["text"] for each in phone.request("GET", "/v1/inbox").json()["data"]}
    assert set(told) == {"token.verification_required", "token.verified"}
    assert "en ny telefon i et nyt land" in told["token.verification_required"]


def test_the_reason_stands_in_the_journal(world: World) -> None:
    for country in ("DK", "SE"):
        provision(world.phone(), country=country)
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/journal"
    entries = world.machine("issuer").request("GET", path).json()["data"]
    decided = [each["payload"]["reason"] for each in entries if each["type"] == "token.provisioned"]
    assert decided == [None, "new_country"]


def test_the_bank_sets_what_is_doubtful(world: World) -> None:
    policies = world.machine("issuer").request("GET", "/v1/issuer/policies").json()["data"]
    [figures] = [each["figures"] for each in policies if each["name"] == "tokens"]
    changed = {"figures": figures | {"home_countries": ["DK", "SE"], "new_phones_per_hour": 0}}
    assert world.machine("issuer").request("PUT", "/v1/issuer/policies/tokens", changed).status_code == 200
    assert doubt(provision(world.phone(), country="SE")) == "new_phones"


def test_in_the_demo_two_people_have_as_many_phones_as_programs_want(world: World) -> None:
    people.let_two_be_everybody(world.parts)
    assert [doubt(provision(world.phone())) for _ in range(3)] == [None] * 3
