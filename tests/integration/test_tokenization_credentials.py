"""Cards on file: what a merchant is taken to know, and how often a cardholder is asked."""

from typing import Any

import httpx
import pytest

from tests.world import World

Answer = dict[str, Any]


def register(world: World, reference: str = "customer-42", **card: str) -> httpx.Response:
    """Filmfloden keeps Anna's card on file."""
    known = world.person("anna")["card"]
    body = {"card": {"number": known["number"], "expiry": known["expiry"], **card}, "agreement": "subscription"}
    return world.machine("merchant").request("POST", "/v1/merchant/credentials", body | {"reference": reference})


def bank(world: World, what: str, body: Answer | None = None) -> Answer:
    """The bank does something to Anna's card."""
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/{what}"
    answer = world.machine("issuer").request("POST", path, body)
    assert answer.status_code == 200, answer.text
    found: Answer = answer.json()
    return found


def test_whoever_asks_again_gets_the_same_registration(world: World) -> None:
    first, again, other = register(world), register(world), register(world, "customer-43")
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]


def test_after_a_yes_the_same_customer_can_register_anew(world: World) -> None:
    first = register(world).json()
    said = world.phone().request("POST", f"/v1/credentials/{first['id']}/confirm", {"automatic_update": True})
    assert said.status_code == 200
    assert register(world).json()["id"] != first["id"]


@pytest.mark.parametrize("wrong", [{"cvc": "x"}, {"expiry": "2031-01"}])
def test_a_card_that_does_not_fit_is_one_answer(world: World, wrong: Answer) -> None:
    if "cvc" in wrong:
        right = world.person("anna")["card"]["cvc"]
        assert register(world, "customer-41", cvc=right).status_code == 201
        wrong = {"cvc": f"{(int(right) + 1) % 1000:03}"}
    answer = register(world, **wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "card-not-verified")


def test_who_registers_the_old_number_is_not_taken_to_know_the_new_one(world: World) -> None:
    """A damaged card works until the new one is activated; a shop that is shown it knows that one."""
    bank(world, "replace", {"reason": "damaged"})
    shown = register(world).json()
    assert shown["last4"] == world.person("anna")["card"]["number"][-4:]


def test_closing_the_card_is_newer_than_whatever_a_merchant_was_told(world: World) -> None:
    credential = register(world).json()
    world.phone().request("POST", f"/v1/credentials/{credential['id']}/confirm", {"automatic_update": True})
    merchant, path = world.machine("merchant"), f"/v1/merchant/credentials/{credential['id']}"
    before = merchant.request("GET", path).json()["version"]
    bank(world, "close")
    assert merchant.request("GET", path).json()["version"] == before + 1
