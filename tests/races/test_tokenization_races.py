"""What two at once may not bring about: a dead card on a phone, a person twice, a policy's version twice."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from time import monotonic
from typing import Any

import httpx
from sqlalchemy import select, text

from tests.world import World
from tokenization import cards, ids, replacement
from tokenization.models import Requestor, Token

CPR = "0101700101"
SECONDS = 10
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@contextmanager
def while_replaced(world: World) -> Iterator[None]:
    """Within, the bank is replacing Anna's card, and has not yet committed."""
    parts, now = world.parts, world.clock.now()
    with parts.database.transaction("issuer") as session:
        card = cards.lock(session, ids.parse("card", world.person("anna")["card_id"]))
        assert card is not None
        replacement.replace(session, parts.vault, parts.settings.number_space, card, "lost", now)
        session.flush()
        yield


def wait_for_lock(world: World, running: "Future[Any]") -> None:
    """Until somebody waits for a lock in the database."""
    deadline, pause = monotonic() + SECONDS, Event()
    while monotonic() < deadline and not running.done():
        with world.parts.database.reading() as session:
            if session.scalar(text(WAITING)):
                return
        pause.wait(0.01)
    raise AssertionError("nobody waited")


def test_a_card_that_is_replaced_while_it_is_typed_in_goes_on_no_phone(world: World) -> None:
    """It was right when it was looked up: so it is looked at again under the lock."""
    phone, card = world.phone(), world.person("anna")["card"]
    with ThreadPoolExecutor(1) as pool:
        with while_replaced(world):
            running = pool.submit(phone.provision, card)
            wait_for_lock(world, running)
        answer = running.result()
    assert (answer.status_code, answer.json()["code"]) == (422, "card-not-verified")


def both_at_once(world: World, method: str, path: str, body: object) -> list[httpx.Response]:
    bank, start = world.machine("issuer"), Barrier(2)

    def call() -> httpx.Response:
        start.wait()
        return bank.request(method, path, body)

    with ThreadPoolExecutor(2) as pool:
        return [running.result() for running in [pool.submit(call) for _ in range(2)]]


def test_a_person_who_is_registered_twice_at_once_is_one_customer(world: World) -> None:
    answers = both_at_once(world, "POST", "/v1/issuer/cardholders", {"name": "Carla Prøve", "cpr": CPR})
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_two_versions_of_a_policy_at_once_are_two_versions(world: World) -> None:
    figures = {"per_payment": 1, "per_day": 1, "per_week": 1, "per_month": 1, "payments_per_day": 1}
    answers = both_at_once(world, "PUT", "/v1/issuer/policies/ceilings", {"figures": figures})
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3]


def test_a_block_that_waited_for_a_replacement_blocks_the_new_card(world: World) -> None:
    """And it can be taken away again: the replacement that ended a block came before it."""
    phone, card_id = world.phone(), world.person("anna")["card_id"]
    with ThreadPoolExecutor(1) as pool:
        with while_replaced(world):
            running = pool.submit(phone.request, "POST", f"/v1/cards/{card_id}/block", {"reason": "lost"})
            wait_for_lock(world, running)
        blocked = running.result().json()
    assert (blocked["status"], blocked["blocked"]["reason"]) == ("blocked", "lost")
    assert blocked["last4"] != world.person("anna")["card"]["number"][-4:]
    assert world.machine("issuer").request("POST", f"/v1/issuer/cards/{card_id}/unblock").status_code == 200


def test_a_token_made_while_its_wallet_is_suspended_pays_nothing(world: World) -> None:
    """The suspension waits for nobody, and needs not: whether a token can pay is derived."""
    phone, person, bank = world.phone(), world.person("anna"), world.machine("issuer")
    with world.parts.database.reading() as session:
        found = session.scalars(select(Requestor.requestor_id).where(Requestor.kind == "wallet")).one()
    path = f"/v1/issuer/requestors/{ids.to_text('reqr', found)}"
    with ThreadPoolExecutor(1) as pool:
        with world.parts.database.transaction("test") as session:
            cards.lock(session, ids.parse("card", person["card_id"]))
            running = pool.submit(phone.provision, person["card"])
            wait_for_lock(world, running)
            assert bank.request("PATCH", path, {"status": "suspended"}).status_code == 200
        made = running.result()
    assert made.status_code in (201, 403)
    with world.parts.database.reading() as session:
        tokens = session.scalars(select(Token.token_id).where(Token.state != "deactivated")).all()
    shown = [bank.request("GET", f"/v1/issuer/tokens/{ids.to_text('tok', each)}").json() for each in tokens]
    assert {each["because"] for each in shown} == {"requestor_suspended"}
