"""Every state of a token, stored and derived, and every operation: by function and over HTTP, as the table has it.

The table is that of tests/unit/test_tokenization_life_cycle.py; what calls wants more than that is written out here.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from tests.policy.worlds import rolled_back, undone
from tests.unit.test_tokenization_life_cycle import HELD_UP_BY, ILLEGAL_WHILE, LEADS_TO, OVER_BY, STATES, SUSPENDED_BY
from tests.world import PIN_KEY, Phone, World
from tokenization import cards, ids, life_cycle, payment_keys, token_status, tokens
from tokenization.errors import Conflict
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Requestor, Token
from tokenization.provisioning import verification
from tokenization.secret import Key
from tokenization.vault import Vault

NEW_PIN = Key(bytes([8] * 32))
OF_THE_RIGHT = frozenset(cause for cause in OVER_BY + HELD_UP_BY if cause.startswith("drawing_right"))
CAUSES = (*HELD_UP_BY, *OVER_BY)
ANY_STATE = ("suspend", "resume", "deactivate")
FOUR_YEARS = timedelta(days=1461)


@pytest.fixture(scope="module")
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def town(servers: Any, connection: Connection, key_ring: FileKeyRing, vault: Vault) -> Iterator[World]:
    with Redis.from_url(servers.redis_url) as redis, rolled_back(connection, redis, key_ring, vault) as world:
        yield world


class Stand:
    """One token of Anna's in a stored state, with one thing more in its way."""

    def __init__(self, world: World, session: Session, token_id: str, cause: str | None) -> None:
        self.session, self.vault = session, world.parts.vault
        self.now, self.also = world.clock.now(), frozenset({cause} & OF_THE_RIGHT) if cause else frozenset[str]()
        card = cards.lock(session, ids.parse("card", world.person("anna")["card_id"]))
        assert card is not None
        self.card, self.token = card, session.get_one(Token, (card.card_id, ids.parse("tok", token_id)))
        if cause is not None:
            self._bring_about(cause)

    def _bring_about(self, cause: str) -> None:
        if cause in SUSPENDED_BY:
            life_cycle.suspend(self.session, self.card, self.token, by=cause, reason="other", now=self.now)
        elif cause == "card_blocked":
            cards.block(self.session, self.card, reason="lost", by="issuer", noticed_at=self.now, now=self.now)
        elif cause == "card_closed":
            cards.close(self.session, self.card, self.now)
        elif cause == "requestor_suspended":
            self.session.get_one(Requestor, self.token.requestor_id).status = "suspended"
        elif cause == "expired":
            self.now += FOUR_YEARS

    @property
    def because(self) -> str | None:
        plastic = cards.current_plastic(self.session, self.card)
        requestor = self.session.get_one(Requestor, self.token.requestor_id)
        held_by = [each.by for each in tokens.suspensions(self.session, self.card.card_id, self.token.token_id)]
        return token_status.derive(self.token, self.card, plastic, requestor, held_by, self.now, self.also).because


def verify(at: Stand) -> None:
    life_cycle.require(at.session, at.card, at.token, "verify", also=at.also, now=at.now)
    verification.verified(at.session, at.card, at.token, "sms_code", at.now)


def issue_keys(at: Stand) -> None:
    life_cycle.require(at.session, at.card, at.token, "issue_keys", also=at.also, now=at.now)
    payment_keys.issue(at.session, at.vault, at.card, at.token, 10, at.now)


def resume(at: Stand) -> None:
    life_cycle.resume(at.session, at.card, at.token, by="issuer", now=at.now)


FUNCTIONS: dict[str, Callable[[Stand], object]] = {
    "verify": verify,
    "activate": lambda at: life_cycle.activate(
        at.session, at.vault, at.card, at.token, NEW_PIN, None, also=at.also, now=at.now
    ),
    "issue_keys": issue_keys,
    "change_pin": lambda at: life_cycle.change_pin(
        at.session, at.vault, at.card, at.token, NEW_PIN, also=at.also, now=at.now
    ),
    # By a party that holds nothing yet.
    "suspend": lambda at: life_cycle.suspend(
        at.session, at.card, at.token, by="a stranger", reason="fraud", now=at.now
    ),
    "resume": resume,
    "deactivate": lambda at: life_cycle.deactivate(at.session, at.card, at.token, by="issuer", now=at.now),
}


def after(operation: str, state: str, cause: str | None) -> str | None:
    """The state that the table leads to; None where it says no."""
    if cause in ILLEGAL_WHILE[operation]:
        return None
    if operation == "resume" and cause not in ("issuer", "cardholder"):
        return None  # there is nothing that the bank may lift
    return LEADS_TO[operation][STATES.index(state)]


def in_each_state(world: World) -> dict[str, tuple[Phone, str]]:
    """A phone with a token of Anna's in each stored state."""
    person, made = world.person("anna"), {}
    for state in STATES:
        world.clock.advance(timedelta(hours=2))  # several new phones within an hour would want a second look
        phone = world.phone()
        which = {"card_id": person["card_id"], "cvc": person["card"]["cvc"]} if state == "unverified" else None
        body = which or {"card": person["card"]}
        token = phone.step_up("provision").request("POST", "/v1/tokens", body | {"device": phone.device()}).json()
        if state == "active":
            phone.request("POST", f"/v1/tokens/{token['id']}/activate", {"pin_key": PIN_KEY})
        if state == "deactivated":
            phone.request("DELETE", f"/v1/tokens/{token['id']}")
        made[state] = (phone, token["id"])
    return made


@pytest.fixture(scope="module")
def phones(town: World) -> dict[str, tuple[Phone, str]]:
    return in_each_state(town)


def circumstances(operation: str, causes: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Each state alone; and the first in which the operation is legal, with each thing more in its way."""
    yield from ((state, None) for state in STATES)
    legal = next(state for state, target in zip(STATES, LEADS_TO[operation], strict=True) if target is not None)
    yield from (("active" if operation in ANY_STATE else legal, cause) for cause in causes)


@pytest.mark.parametrize("operation", FUNCTIONS)
def test_each_operation_does_in_each_state_what_the_table_says(
    town: World, connection: Connection, phones: dict[str, tuple[Phone, str]], operation: str
) -> None:
    for state, cause in circumstances(operation, CAUSES):
        with undone(connection), Session(connection, join_transaction_mode="create_savepoint") as session:
            at = Stand(town, session, phones[state][1], cause)
            assert at.because == (cause or (None if state == "active" else state))
            revision, expected = at.token.revision, after(operation, state, cause)
            try:
                FUNCTIONS[operation](at)
                found = at.token.state
            except Conflict:
                found = None
            assert found == expected, (operation, state, cause)
            grew = at.token.revision > revision
            assert grew == (expected is not None and operation != "issue_keys"), (operation, state, cause)


# Over HTTP: what a phone, its cardholder, the wallet's server and the bank may ask for. 409 `illegal-state` where the
# table says no.
CALLS: dict[str, tuple[str, str, str, Any]] = {
    "verify": ("phone", "POST", "/verification", {"method": "sms_code"}),
    "activate": ("phone", "POST", "/activate", {"pin_key": PIN_KEY}),
    "issue_keys": ("phone", "POST", "/keys", None),
    "change_pin": ("phone", "PUT", "/pin", {"pin_key": PIN_KEY}),
    "suspend": ("phone", "POST", "/suspend", {"reason": "other"}),
    "resume": ("issuer", "POST", "/resume", None),
    "deactivate": ("phone", "DELETE", "", None),
    "suspend by the bank": ("issuer", "POST", "/suspend", {"reason": "looked into"}),
    "deactivate by the bank": ("issuer", "DELETE", "", None),
    "suspend by the wallet": ("provider", "POST", "/suspend", {"reason": "app recalled"}),
}


def ask(world: World, phone: Phone, token_id: str, call: str) -> httpx.Response:
    who, method, path, body = CALLS[call]
    if who == "phone":
        return phone.step_up("pin").request(method, f"/v1/tokens/{token_id}{path}", body)
    return world.machine(who).request(method, f"/v1/{who}/tokens/{token_id}{path}", body)


def bring_about(world: World, phone: Phone, token_id: str, cause: str) -> None:
    bank, card_id = world.machine("issuer"), world.person("anna")["card_id"]
    calls: dict[str, Callable[[], httpx.Response]] = {
        "card_blocked": lambda: bank.request("POST", f"/v1/issuer/cards/{card_id}/block", {"reason": "lost"}),
        "issuer": lambda: bank.request("POST", f"/v1/issuer/tokens/{token_id}/suspend", {"reason": "fraud"}),
        "cardholder": lambda: phone.request("POST", f"/v1/tokens/{token_id}/suspend", {"reason": "fraud"}),
    }
    assert calls[cause]().status_code == 200


# The others take the same way to the same table. What a suspended wallet and a right that is over mean for calls is in
# test_resources_provider.py and test_resources_drawing_rights.py: their apps are shut out before it is asked.
HTTP_CAUSES = ("card_blocked", "issuer", "cardholder")


@pytest.mark.parametrize("call", CALLS)
def test_each_call_answers_in_each_state_as_the_table_says(
    town: World, connection: Connection, phones: dict[str, tuple[Phone, str]], call: str
) -> None:
    operation = call.partition(" ")[0]
    for state, cause in circumstances(operation, HTTP_CAUSES):
        phone, token_id = phones[state]
        with undone(connection):
            town.parts.redis.flushall()
            if cause is not None:
                bring_about(town, phone, token_id, cause)
            answer = ask(town, phone, token_id, call)
            if after(operation, state, cause) is not None:
                assert answer.status_code == 200, (call, state, cause, answer.text)
            else:
                refused = (answer.status_code, answer.json()["code"])
                assert refused == (409, "illegal-state"), (call, state, cause, answer.text)
                assert "token" in answer.json()["detail"]


def test_a_token_that_expired_gets_no_keys_and_no_pin_but_can_still_be_ended(
    town: World, connection: Connection, phones: dict[str, tuple[Phone, str]]
) -> None:
    phone, token_id = phones["active"]
    at: datetime = town.clock.now()
    with undone(connection):
        town.clock.set(at + FOUR_YEARS)
        phone = town.phone(key=phone.key)
        answers = {
            call: ask(town, phone, token_id, call).status_code for call in ("issue_keys", "change_pin", "deactivate")
        }
        town.clock.set(at)
    assert answers == {"issue_keys": 409, "change_pin": 409, "deactivate": 200}
