"""The register of blocked cards (R-21): what is asked, in which order, and what the time of an answer must not tell."""

from typing import Any

import httpx
import pytest

from tests.world import World
from tokenization import register

ELSEWHERE = "4111111111111111"


def check(world: World, *numbers: Any) -> httpx.Response:
    return world.machine("merchant").request("POST", "/v1/merchant/blocked-cards/check", {"numbers": list(numbers)})


def number_of(world: World, name: str) -> str:
    return str(world.person(name)["card"]["number"])


def test_the_order_is_kept_and_a_number_may_come_twice(world: World) -> None:
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/block"
    assert world.machine("issuer").request("POST", path, {"reason": "stolen"}).status_code == 200
    blocked, free = number_of(world, "anna"), number_of(world, "bo")
    asked = [free, blocked, ELSEWHERE, blocked, free]
    assert check(world, *asked).json() == {"blocked": [False, True, False, True, False]}


@pytest.mark.parametrize("wrong", ["9208900000000001", "92089", "9208 9000 0000 0002", "", None, 9208900000000002])
def test_what_is_no_card_number_is_named_by_its_place_and_not_shown(world: World, wrong: Any) -> None:
    answer = check(world, number_of(world, "bo"), wrong)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "numbers[1]")
    assert not wrong or str(wrong) not in answer.text


def test_what_is_nobodys_is_looked_up_as_far_as_what_is_somebodys(world: World) -> None:
    somebodys = world.parts.vault.fingerprint("number", number_of(world, "anna"))
    nobodys = bytes(32)  # before all others, so that it has a next one
    with world.parts.database.reading() as session:
        rows = session.execute(register.looked_up([somebodys, nobodys])).all()
    assert {bytes(fingerprint) for fingerprint, _ in rows} == {somebodys, nobodys}
    assert not any(is_entered for _, is_entered in rows)


def test_a_number_behind_all_others_is_not_in_it(world: World) -> None:
    with world.parts.database.reading() as session:
        assert session.execute(register.looked_up([b"\xff" * 32])).all() == []
