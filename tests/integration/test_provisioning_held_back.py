"""A phone that somebody was held back on is doubted, whoever comes with it next, until they verify themselves on it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.test_provisioning_doubts import doubt, link_mitid, provision, put_to_use
from tests.world import Phone, World

DAY = timedelta(days=1)


def active(phone: Phone) -> str:
    """The id of a token that Anna pays with."""
    made = provision(phone)
    put_to_use(phone, made)
    token_id: str = made["id"]
    return token_id


def hold(world: World, token_id: str, by: str, reason: str) -> None:
    answer = world.machine(by).request("POST", f"/v1/{by}/tokens/{token_id}/suspend", {"reason": reason})
    assert answer.status_code == 200, answer.text


def end(caller: Any, path: str, reason: str) -> dict[str, Any]:
    answer = caller.request("DELETE", f"{path}?reason={reason}")
    assert answer.status_code == 200, answer.text
    ended: dict[str, Any] = answer.json()
    return ended


def test_a_phone_that_was_held_back_for_one_person_is_so_for_the_next(world: World) -> None:
    phone, bos = world.phone(), world.person("bo")["card"]
    hold(world, active(phone), "issuer", "device_stolen")
    assert doubt(provision(world.phone("bo", phone.key), bos)) == "phone_held_back"
    assert doubt(provision(world.phone("bo"), bos)) is None


@pytest.mark.parametrize(
    ("caller", "reason", "doubtful"),
    [
        ("phone", "fraud", "phone_held_back"),
        ("issuer", "fraud", "phone_held_back"),
        ("phone", "device_lost", "phone_held_back"),
        ("phone", "device_sold", None),
    ],
)
def test_to_end_a_token_is_no_milder_than_to_suspend_it(
    world: World, caller: str, reason: str, doubtful: str | None
) -> None:
    link_mitid(world, mitid_uuid=world.person("anna")["mitid_uuid"])  # a code would go to the phone
    phone = world.phone()
    token_id = active(phone)
    if caller == "phone":
        ended, by = end(world.phone(), f"/v1/tokens/{token_id}", reason), "cardholder"
    else:
        ended, by = end(world.machine(caller), f"/v1/{caller}/tokens/{token_id}", reason), caller
    assert (ended["status"], ended["because"]) == ("deactivated", "deactivated")
    assert [(held["by"], held["reason"]) for held in ended["suspensions"]] == ([(by, reason)] if doubtful else [])
    assert doubt(provision(world.phone("anna", phone.key))) == doubtful


def test_who_verified_a_card_on_the_phone_since_and_put_it_to_use_is_doubted_no_more(world: World) -> None:
    phone = world.phone()
    hold(world, active(phone), "provider", "other")
    assert [doubt(provision(phone)) for _ in range(2)] == ["phone_held_back"] * 2
    put_to_use(phone, provision(phone))
    assert doubt(provision(phone)) is None
    bos = provision(world.phone("bo", phone.key), world.person("bo")["card"])
    assert doubt(bos) == "phone_held_back"


def test_a_phone_that_is_held_back_again_is_doubted_again(world: World) -> None:
    phone = world.phone()
    for _ in range(2):
        made = provision(phone)
        put_to_use(phone, made)
        hold(world, made["id"], "provider", "other")
        assert doubt(provision(phone)) == "phone_held_back"


def test_what_was_not_verified_since_makes_nothing_good(world: World) -> None:
    """As a token that was there before, and one that went on the phone when it was not held back."""
    phone = world.phone()
    before = provision(phone, country="SE")
    put_to_use(phone, before)
    world.clock.advance(DAY)
    hold(world, active(phone), "issuer", "fraud")
    world.clock.advance(DAY)
    assert doubt(provision(phone)) == "phone_held_back"
