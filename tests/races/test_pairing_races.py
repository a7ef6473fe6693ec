"""What is for one, of two that want it at once: a place, a yes; and a payment while its phone is put out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from delegation import drawing_rights
from tests.pairing import Asking, let_in, new_pin, pair, phones, ready
from tests.races.test_provisioning_races import both, in_flight
from tests.world import PIN_KEY, Phone, World
from tokenization import cards, ids
from wallet.phones import put_out


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> dict[str, Any]:
    return world.grant(parent)


def test_one_yes_is_used_once_whichever_two_want_it_at_once(world: World, parent: Phone, right: dict[str, Any]) -> None:
    asking = Asking(world)
    child = let_in(right, asking)
    provision = partial(child.provision, right_id=right["id"])
    assert both(provision, provision) == [201, 409]
    [token] = [each for each in child.request("GET", "/v1/tokens").json()["data"] if each["status"] == "inactive"]
    activate = partial(child.request, "POST", f"/v1/tokens/{token['id']}/activate", {"pin_key": PIN_KEY})
    assert both(activate, activate) == [200, 409]
    child = let_in(right, asking)
    assert both(partial(new_pin, child, token), partial(new_pin, child, token)) == [200, 409]
    child = let_in(right, asking)
    again = partial(child.provision, right_id=right["id"])
    assert both(again, partial(new_pin, child, token)) in ([201, 409], [200, 409])


def test_the_last_place_goes_to_one_of_two_phones(world: World, parent: Phone) -> None:
    right = world.grant(parent, phones_allowed=1)
    codes = [Asking(world).ask()["user_code"] for _ in range(2)]
    assert both(*(partial(pair, parent, right, code) for code in codes)) == [200, 409]
    assert len(phones(parent, right)) == 1


@contextmanager
def while_put_out(world: World, right: dict[str, Any]) -> Iterator[None]:
    """Within, the parent puts the phones out, and that is not committed yet."""
    with world.parts.database.transaction("parent") as session:
        card = cards.lock(session, ids.parse("card", right["card_id"]))
        assert card is not None
        row = drawing_rights.load(session, card.card_id, ids.parse("right", right["id"]))
        put_out(session, card, row, None, world.clock.now())
        session.flush()
        yield


def test_what_is_on_its_way_from_a_phone_while_it_is_put_out_comes_to_nothing(
    world: World, parent: Phone, right: dict[str, Any]
) -> None:
    asking, shop = Asking(world), world.shop()
    child = let_in(right, asking)
    token = ready(child, right)
    paid = in_flight(world, partial(shop.tap, token, 1_000), while_put_out(world, right))
    assert (paid["approved"], paid["reason"]) == (False, "token_inactive")
    child = let_in(right, asking)
    made = in_flight(world, partial(child.provision, right_id=right["id"]), while_put_out(world, right))
    assert (made.status_code, made.json()["code"]) == (409, "drawing-right-inactive")
    child = let_in(right, asking)
    active = child.active(right_id=right["id"])
    keys = partial(child.request, "POST", f"/v1/tokens/{active['id']}/keys")
    fetched = in_flight(world, keys, while_put_out(world, right))
    assert (fetched.status_code, fetched.json()["code"]) == (409, "illegal-state")
