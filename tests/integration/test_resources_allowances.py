"""What one yes of a parent is good for: one provisioning or one new PIN, in time, on that phone under that right."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.test_resources_drawing_rights import problem
from tests.pairing import Asking, let_in, new_pin, pair, unpair
from tests.world import PIN_KEY, Phone, World
from tokenization import cards, ids, life_cycle
from tokenization.models import Token

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> dict[str, Any]:
    return world.grant(parent)


@pytest.mark.parametrize(
    ("after", "provisioned", "changed"), [(HOUR - SECOND, 201, 200), (HOUR, 409, 409)], ids=["59:59", "60:00"]
)
def test_a_yes_is_good_for_an_hour(
    world: World, parent: Phone, right: dict[str, Any], after: timedelta, provisioned: int, changed: int
) -> None:
    asking, other = Asking(world), let_in(right, Asking(world))
    token = let_in(right, asking).active(right_id=right["id"])
    child = let_in(right, asking)
    world.clock.advance(after)
    assert other.provision(right_id=right["id"]).status_code == provisioned
    assert new_pin(child, token).status_code == changed


def test_the_bank_says_how_long_a_yes_is_good(world: World, parent: Phone, right: dict[str, Any]) -> None:
    bank = world.machine("issuer")
    for policy in bank.request("GET", "/v1/issuer/policies").json()["data"]:
        if policy["name"] == "drawing_rights":
            body = {"figures": policy["figures"] | {"pair_minutes": 5}}
            assert bank.request("PUT", "/v1/issuer/policies/drawing_rights", body).status_code == 200
    in_time, late = (let_in(right, Asking(world)) for _ in range(2))
    world.clock.advance(timedelta(minutes=5) - SECOND)
    assert in_time.provision(right_id=right["id"]).status_code == 201
    world.clock.advance(SECOND)
    assert problem(late.provision(right_id=right["id"])) == (409, "pair-again")


def test_a_card_that_was_taken_off_a_phone_wants_another_yes(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    child = let_in(right, asking)
    token = child.active(right_id=right["id"])
    assert child.request("DELETE", f"/v1/tokens/{token['id']}").status_code == 200
    assert problem(child.provision(right_id=right["id"])) == (409, "pair-again")
    assert let_in(right, asking).provision(right_id=right["id"]).status_code == 201


def test_a_phone_whose_pin_is_locked_sets_another_once_it_was_paired_anew(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    child = let_in(right, asking)
    token = child.active(right_id=right["id"])
    lock_pin(world, token)
    assert problem(new_pin(child, token)) == (409, "pair-again")
    child = let_in(right, asking)
    assert child.request("GET", f"/v1/tokens/{token['id']}").json()["because"] == "pin_locked"
    assert new_pin(child, token).json()["status"] == "active"
    assert problem(new_pin(child, token)) == (409, "pair-again")
    assert problem(child.provision(right_id=right["id"])) == (409, "pair-again")


def lock_pin(world: World, token: dict[str, Any]) -> None:
    """As a third wrong PIN does."""
    with world.parts.database.transaction("test") as session:
        card = cards.lock(session, ids.parse("card", world.person("anna")["card_id"]))
        assert card is not None
        row = session.get_one(Token, (card.card_id, ids.parse("tok", token["id"])))
        life_cycle.suspend(session, card, row, by="pin_locked", reason="wrong_pin", now=world.clock.now())


def test_the_first_pin_belongs_to_the_provisioning_and_takes_no_yes_of_its_own(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking = Asking(world)
    child = let_in(right, asking)
    token = child.provision(right_id=right["id"]).json()
    child = let_in(right, asking)
    assert problem(new_pin(child, token)) == (409, "illegal-state")  # what fails uses no yes up
    assert child.request("POST", f"/v1/tokens/{token['id']}/activate", {"pin_key": PIN_KEY}).status_code == 200
    assert problem(child.request("POST", f"/v1/tokens/{token['id']}/activate", {"pin_key": PIN_KEY})) == (
        409,
        "illegal-state",
    )
    assert new_pin(child, token).status_code == 200


def test_one_phone_under_the_rights_of_two_parents_has_a_yes_from_each(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking, bo = Asking(world), world.phone("bo")
    other = world.grant(bo, "bo")
    annas = let_in(right, asking)
    assert pair(bo, other, asking.ask()["user_code"]).status_code == 200
    bos = let_in(other, asking)
    first = annas.active(right_id=right["id"])
    assert problem(new_pin(annas, first)) == (409, "pair-again")
    assert problem(annas.provision(right_id=other["id"])) == (404, "not-found")
    second = bos.active(right_id=other["id"])
    assert problem(bos.request("GET", f"/v1/tokens/{first['id']}")) == (404, "not-found")
    bos = let_in(other, asking)
    assert problem(new_pin(annas, first)) == (409, "pair-again")
    assert unpair(parent, right).status_code == 200
    assert annas.request("GET", "/v1/me").status_code == 401
    assert new_pin(bos, second).status_code == 200
