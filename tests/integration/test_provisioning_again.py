"""The same provisioning again: after an answer that was lost, on a phone that has the card, and without end."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.test_resources_provisioning import card_of, problem
from tests.world import PIN_KEY, Phone, World
from wallet.access.figures import RateLimits

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def ask(phone: Phone, key: str | None = None) -> httpx.Response:
    """Type Anna's card in."""
    card, headers = card_of(phone.world), {"Idempotency-Key": key} if key else None
    body = {"card": card, "scheme": "dankort", "device": phone.device()}
    return phone.step_up("provision").request("POST", "/v1/tokens", body, headers=headers)


def activate(phone: Phone, made: dict[str, Any]) -> None:
    answer = phone.request("POST", f"/v1/tokens/{made['id']}/activate", {"pin_key": PIN_KEY})
    assert answer.json()["status"] == "active"


def states(phone: Phone) -> dict[str, str]:
    """Of all tokens that were ever made."""
    return {each["id"]: each["status"] for each in phone.request("GET", "/v1/tokens").json()["data"]}


def test_the_same_phone_again_replaces_its_token_and_counts_once(world: World) -> None:
    phone = world.phone()
    made = [ask(phone).json()["id"] for _ in range(12)]
    assert states(phone) == dict.fromkeys(made, "deactivated") | {made[-1]: "inactive"}
    assert len(set(made)) == 12


@pytest.mark.parametrize("later", [timedelta(), 24 * HOUR - timedelta(seconds=1)], ids=str)
def test_with_an_idempotency_key_the_first_answer_comes_again(world: World, later: timedelta) -> None:
    phone = world.phone()
    first = ask(phone, "once")
    world.clock.advance(later)
    again = ask(phone, "once")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert states(phone) == {first.json()["id"]: "inactive"}


def test_an_idempotency_key_leaves_a_token_alone_that_was_activated_meanwhile(world: World) -> None:
    phone = world.phone()
    made = ask(phone, "once").json()
    activate(phone, made)
    assert ask(phone, "once").json()["id"] == made["id"]
    assert states(phone) == {made["id"]: "active"}


def test_without_a_key_nothing_is_left_over_of_an_answer_that_was_lost(world: World) -> None:
    phone = world.phone()
    lost, made = ask(phone).json()["id"], ask(phone).json()["id"]
    assert states(phone) == {lost: "deactivated", made: "inactive"}


def test_an_active_token_makes_way_on_its_own_phone_and_nobody_is_left_in_the_dark(world: World) -> None:
    phone, other = world.phone(), world.phone()
    first, elsewhere = ask(phone).json(), ask(other).json()
    for on, made in ((phone, first), (other, elsewhere)):
        activate(on, made)
    second = ask(phone).json()
    assert states(phone) == {first["id"]: "deactivated", elsewhere["id"]: "active", second["id"]: "inactive"}
    world.tell()
    messages = phone.request("GET", "/v1/inbox").json()["data"]
    assert Counter(each["kind"] for each in messages) == {"token.provisioned": 3}
    updates = world.machine("provider").request("GET", "/v1/provider/token-updates").json()["data"]
    told = {each["data"]["token_id"]: each["data"]["status"] for each in updates}
    assert (told[first["id"]], told[second["id"]]) == ("deactivated", "inactive")


def test_a_doubtful_token_makes_way_too(world: World) -> None:
    phone, who = world.phone(), world.person("anna")
    body = {"card_id": who["card_id"], "cvc": who["card"]["cvc"], "device": phone.device()}
    made = [phone.step_up("provision").request("POST", "/v1/tokens", body).json()["id"] for _ in range(2)]
    assert states(phone) == {made[0]: "deactivated", made[1]: "unverified"}


def test_nobody_provisions_without_end(world: World) -> None:
    """R-3.3c counts phones, and a phone again is none; so how often somebody asks is counted apart."""
    limits = RateLimits(provision_per_person="3 per hour")
    settings = world.parts.settings.model_copy(update={"rate_limits": limits})
    world.app.extensions["tegnebog"] = replace(world.parts, settings=settings)
    phone, bo = world.phone(), world.phone("bo")
    assert [ask(phone).status_code for _ in range(3)] == [201] * 3
    for each in (phone, world.phone()):
        refused = ask(each)
        assert problem(refused) == (429, "too-many-requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert bo.provision(card_of(world, "bo")).status_code == 201
