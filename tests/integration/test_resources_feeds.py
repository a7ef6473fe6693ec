"""Reading a feed is a receipt: what was shown is noted as received, before the answer leaves."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.world import World

UPDATES = "/v1/merchant/card-updates"


@pytest.fixture
def kept(world: World) -> World:
    """Anna's card is on file at Filmfloden, and has been replaced."""
    anna, merchant = world.person("anna"), world.machine("merchant")
    card = {name: anna["card"][name] for name in ("number", "expiry")}
    asked = {"card": card, "agreement": "subscription", "reference": "customer-42"}
    made = merchant.request("POST", "/v1/merchant/credentials", asked).json()
    world.phone().request("POST", f"/v1/credentials/{made['id']}/confirm", {"automatic_update": True})
    replaced = world.machine("issuer").request(
        "POST", f"/v1/issuer/cards/{anna['card_id']}/replace", {"reason": "bank"}
    )
    assert replaced.status_code == 200
    world.tell()
    return world


def received(world: World) -> Sequence[bool]:
    """Of each update of a credential, whether it is noted as received."""
    with world.parts.database.reading() as session:
        wanted = "SELECT received_at IS NOT NULL FROM notifications.updates WHERE kind = 'credential.updated'"
        return session.scalars(text(wanted)).all()


def test_what_a_merchant_reads_is_noted_as_received(kept: World) -> None:
    assert received(kept) == [False]
    assert len(kept.machine("merchant").request("GET", UPDATES).json()["data"]) == 1
    assert received(kept) == [True]


def test_what_stands_behind_the_cursor_or_is_asked_for_by_head_is_not_shown(kept: World) -> None:
    merchant = kept.machine("merchant")
    assert merchant.request("GET", f"{UPDATES}?cursor=1").json() == {"data": [], "next_cursor": None, "cursor": "1"}
    assert merchant.request("HEAD", UPDATES).status_code == 200
    assert received(kept) == [False]


def test_a_cursor_ahead_of_the_feed_is_refused_and_what_comes_is_not_missed(kept: World) -> None:
    for scope, path, newest in (("merchant", UPDATES, 1), ("provider", "/v1/provider/token-updates", 0)):
        feed = partial(kept.machine(scope).request, "GET")
        assert feed(f"{path}?cursor={newest}").json()["data"] == []
        for ahead in (newest + 1, 5_000):
            answer = feed(f"{path}?cursor={ahead}")
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")
            assert "without a cursor" in answer.json()["errors"][0]["message"]


def test_reading_what_was_read_before_writes_nothing(kept: World) -> None:
    merchant, statements = kept.machine("merchant"), list[str]()
    merchant.request("GET", UPDATES)

    def keep(*args: Any) -> None:
        statements.append(args[2])

    with kept.parts.database.reading() as session:
        connection = session.connection()
    event.listen(connection, "before_cursor_execute", keep)
    merchant.request("GET", UPDATES)
    event.remove(connection, "before_cursor_execute", keep)
    assert any("notifications.updates" in each for each in statements)
    assert [each for each in statements if each.startswith(("UPDATE notifications", "INSERT INTO notifications"))] == []
