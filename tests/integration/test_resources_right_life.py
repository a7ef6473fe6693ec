"""The life of a drawing right over HTTP: what time does to it and to the child's card, and what a parent can do."""

from datetime import datetime, timedelta

import pytest

from tests.integration.test_resources_drawing_rights import ask, change, problem
from tests.world import World
from tokenization.clock import SetClock

MIDNIGHT = datetime.fromisoformat("2026-11-22T23:00Z")


def test_who_turns_18_pays_until_midnight_and_again_when_the_birthdate_was_wrong(world: World, clock: SetClock) -> None:
    parent = world.phone()
    right = world.grant(parent, delegate={"name": "Emil", "birthdate": "2008-11-23"})
    child = world.child(right["id"])
    token = child.token(right_id=right["id"])
    clock.set(MIDNIGHT - timedelta(seconds=1))
    assert world.shop().tap(token, 5_000)["reason"] == "approved"
    clock.set(MIDNIGHT)
    assert world.shop().tap(token, 5_000)["reason"] == "drawing_right_inactive"
    shown = child.request("GET", f"/v1/tokens/{token.id}").json()
    assert (shown["status"], shown["because"]) == ("expired", "drawing_right_expired")
    assert change(parent.step_up("right"), right, valid_until="2027-06-30").json()["status"] == "expired"
    parent.purpose = None
    put_right = {"delegate": {"birthdate": "2009-11-23"}}
    assert problem(change(parent, right, **put_right)) == (401, "insufficient-user-authentication")
    assert change(parent.step_up("right"), right, **put_right).json()["status"] == "active"
    assert world.shop().tap(token, 5_000)["reason"] == "approved"


def test_an_invitation_that_lapsed_lets_no_phone_in_and_counts_for_nothing(world: World, clock: SetClock) -> None:
    parent = world.phone()
    right = world.grant(parent)
    path = f"/v1/drawing-rights/{right['id']}"
    clock.advance(timedelta(days=30))
    answer = parent.step_up("pair").request("POST", f"{path}/pair", {"user_code": "WDJB-MJHT"})
    assert problem(answer) == (409, "illegal-state")
    block = parent.request("POST", f"/v1/cards/{right['card_id']}/block?dry_run=true", {"reason": "lost"})
    assert block.json()["cascade"]["drawing_rights"] == 0
    assert parent.request("DELETE", path).json()["status"] == "revoked"


@pytest.mark.parametrize("card", ["closed", "expired"])
def test_nothing_is_granted_on_a_card_that_is_over(world: World, clock: SetClock, card: str) -> None:
    if card == "closed":
        world.machine("issuer").request("POST", f"/v1/issuer/cards/{world.person('anna')['card_id']}/close", {})
    else:
        clock.advance(timedelta(days=3_000))
    assert problem(ask(world, world.phone())) == (409, f"card-{card}")
