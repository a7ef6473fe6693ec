"""Many phones at once for one card; and what a block, a second code or a second answer does to what is on its way."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, create_engine, delete, func, select
from sqlalchemy.orm import Session

from tests.integration.payments.town import Town
from tests.integration.test_resources_verification import ask, call, sent
from tests.numbers import SPACE
from tests.payments import POLICIES
from tests.races.conftest import SUNDAY, TEMPLATE
from tests.races.test_tokenization_races import wait_for_lock
from tests.world import PIN_KEY, Phone, World
from tokenization import cardholders, cards, ids, life_cycle, tokens
from tokenization.models import Card, Cardholder, KeyBatch, Provisioning, Requestor, Token
from tokenization.provisioning import making, verification
from tokenization.provisioning.history import Wish
from tokenization.secret import Key, Secret
from tokenization.vault import Vault
from wallet import embedded

PHONES, LIMIT = 32, 5
ROUNDS = int(os.environ.get("ROUNDS", "20"))  # `make races`: 3,000
ALLOWED = replace(POLICIES, provisioning=replace(POLICIES.provisioning, active_tokens_per_card=LIMIT))
Take = Callable[[Session, UUID], Card | None]
Done = TypeVar("Done")
Change = Callable[[Session, Cardholder, Card, Token], None]


@pytest.fixture
def engine(town: Town, servers: embedded.Servers) -> Iterator[Engine]:
    """A copy of the town with a connection for each phone."""
    url = embedded.create_database(servers.database_url, "phones", template=TEMPLATE)
    engine = create_engine(url, pool_size=PHONES + 1, max_overflow=0, connect_args={"options": "-c timezone=UTC"})
    yield engine
    engine.dispose()
    embedded.drop_database(servers.database_url, "phones")


class Race:
    """Rounds in which every phone asks for the same card at once, and what was there after each of them."""

    def __init__(self, engine: Engine, vault: Vault, take: Take) -> None:
        self.engine, self.vault, self.take = engine, vault, take
        self.live: list[int] = []
        with Session(engine, expire_on_commit=False) as session:
            self.card_id = session.scalars(select(Token.card_id).where(Token.right_id.is_(None))).one()
            self.wallet = session.scalars(select(Requestor).where(Requestor.kind == "wallet")).one()
        self._clear()
        self.together = Barrier(PHONES, action=self._count)

    def run(self, rounds: int) -> list[int]:
        """How many tokens were live after each round."""
        with ThreadPoolExecutor(PHONES) as pool:
            for running in [pool.submit(self._phone, number, rounds) for number in range(PHONES)]:
                running.result()
        return self.live[1:]

    def _phone(self, number: int, rounds: int) -> None:
        device = tokens.Device("phone", "ios", f"phone {number}", {"kty": "EC"})
        wish = Wish(self.wallet, "dankort", device, None, card_was_typed_in=True, can_be_verified=True)
        with self.engine.connect() as connection:
            for _ in range(rounds):
                self.together.wait(60)
                with Session(connection) as session, session.begin():
                    card = self.take(session, self.card_id)
                    assert card is not None
                    making.provision(session, self.vault, SPACE, card, wish, ALLOWED, SUNDAY)
            self.together.wait(60)

    def _count(self) -> None:
        """While everybody waits."""
        with Session(self.engine) as session:
            own = (Token.card_id == self.card_id, Token.right_id.is_(None))
            self.live.append(session.scalar(select(func.count()).select_from(Token).where(*own)) or 0)
        self._clear()

    def _clear(self) -> None:
        with self.engine.begin() as connection:
            for table in (Provisioning, KeyBatch, Token):
                connection.execute(delete(table).where(table.card_id == self.card_id))


def test_five_phones_get_the_card_and_never_six_of_thirty_two_at_once(engine: Engine, vault: Vault) -> None:
    assert Race(engine, vault, cards.lock).run(ROUNDS) == [LIMIT] * ROUNDS


def test_control_without_the_cards_lock_more_phones_get_the_card(engine: Engine, vault: Vault) -> None:
    def unlocked(session: Session, card_id: UUID) -> Card | None:
        return session.get(Card, card_id)

    assert max(Race(engine, vault, unlocked).run(3)) > LIMIT


# A block, and what is on its way.


@contextmanager
def while_blocked(world: World) -> Iterator[None]:
    """Within, the bank is blocking Anna's card, and has not yet committed."""
    with world.parts.database.transaction("issuer") as session:
        card = cards.lock(session, ids.parse("card", world.person("anna")["card_id"]))
        assert card is not None
        now = world.clock.now()
        cards.block(session, card, reason="lost", by="issuer", noticed_at=now, now=now)
        session.flush()
        yield


def in_flight(world: World, step: Callable[[], Done], around: Any) -> Done:
    """The answer to a call that had come when the other was under way, and waited for it."""
    with ThreadPoolExecutor(1) as pool:
        with around:
            running = pool.submit(step)
            wait_for_lock(world, running)
        return running.result()


def unverified(phone: Phone) -> dict[str, Any]:
    who = phone.world.person("anna")
    body = {"card_id": who["card_id"], "cvc": who["card"]["cvc"], "device": phone.device()}
    made: dict[str, Any] = phone.step_up("provision").request("POST", "/v1/tokens", body).json()
    return made


def shown(phone: Phone, made: dict[str, Any]) -> tuple[str, str]:
    token = phone.request("GET", f"/v1/tokens/{made['id']}").json()
    return token["status"], token["because"]


def unblocked(world: World) -> None:
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/unblock"
    assert world.machine("issuer").request("POST", path).status_code == 200


def test_a_card_that_is_blocked_while_it_is_typed_in_goes_on_no_phone(world: World) -> None:
    phone, card = world.phone(), world.person("anna")["card"]
    answer = in_flight(world, lambda: phone.provision(card), while_blocked(world))
    assert (answer.status_code, answer.json()["code"]) == (409, "card-blocked")


def test_a_token_that_is_verified_while_its_card_is_blocked_is_not(world: World) -> None:
    phone = world.phone()
    made = unverified(phone)
    ask(phone, made)
    code = sent(world)[-1]
    answer = in_flight(world, lambda: call(phone, made, "verification/confirm", code=code), while_blocked(world))
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-state")
    assert shown(phone, made) == ("suspended", "card_blocked")
    unblocked(world)
    assert shown(phone, made) == ("unverified", "unverified")


def test_a_token_that_is_activated_while_its_card_is_blocked_is_not(world: World) -> None:
    phone = world.phone()
    made = phone.provision(world.person("anna")["card"]).json()
    answer = in_flight(world, lambda: call(phone, made, "activate", pin_key=PIN_KEY), while_blocked(world))
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-state")
    unblocked(world)
    assert shown(phone, made) == ("inactive", "inactive")


@contextmanager
def while_changed(world: World, made: dict[str, Any], change: Change) -> Iterator[None]:
    """Within, a token of Anna's is changed under the locks of its holder and its card, and that is not committed."""
    with world.parts.database.transaction("phone") as session:
        holder = cardholders.get(session, ids.parse("holder", world.person("anna")["cardholder_id"]), lock=True)
        card = cards.lock(session, ids.parse("card", made["card_id"]))
        assert card is not None
        change(session, holder, card, session.get_one(Token, (card.card_id, ids.parse("tok", made["id"]))))
        session.flush()
        yield


def test_a_token_that_is_activated_just_before_its_card_is_blocked_is_suspended_by_it(world: World) -> None:
    phone, vault, now = world.phone(), world.parts.vault, world.clock.now()
    made = phone.provision(world.person("anna")["card"]).json()

    def activate(session: Session, _: Cardholder, card: Card, token: Token) -> None:
        life_cycle.activate(session, vault, card, token, Key(bytes(32)), None, also=frozenset(), now=now)

    path, bank = f"/v1/issuer/cards/{made['card_id']}/block", world.machine("issuer")
    block = in_flight(
        world, lambda: bank.request("POST", path, {"reason": "lost"}), while_changed(world, made, activate)
    )
    assert block.status_code == 200
    assert shown(phone, made) == ("suspended", "card_blocked")


# Two codes, two confirmations, two of the same.


def both(*calls: Callable[[], httpx.Response]) -> list[int]:
    """The statuses of calls that are made at once, sorted."""
    start = Barrier(len(calls))

    def run(each: Callable[[], httpx.Response]) -> int:
        start.wait(10)
        return each().status_code

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_the_last_code_of_the_day_is_sent_once_however_many_tokens_ask_for_it(world: World) -> None:
    policies = world.machine("issuer").request("GET", "/v1/issuer/policies").json()["data"]
    [figures] = [each["figures"] for each in policies if each["name"] == "tokens"]
    body = {"figures": figures | {"codes_per_day": 1}}
    assert world.machine("issuer").request("PUT", "/v1/issuer/policies/tokens", body).status_code == 200
    phones = [world.phone() for _ in range(2)]
    made = [unverified(phone) for phone in phones]
    assert both(*(partial(ask, *each) for each in zip(phones, made, strict=True))) == [200, 429]
    assert len(sent(world)) == 1


def test_a_code_that_is_confirmed_while_another_is_sent_counts_no_more(world: World) -> None:
    phone, now = world.phone(), world.clock.now()
    made = unverified(phone)
    ask(phone, made)
    code = sent(world)[-1]

    def resend(session: Session, holder: Cardholder, card: Card, token: Token) -> None:
        verification.new_code(session, world.parts.vault, card, token, holder, POLICIES.tokens, now)

    confirm = partial(call, phone, made, "verification/confirm", code=code)
    answer = in_flight(world, confirm, while_changed(world, made, resend))
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong-code")


def test_a_code_is_not_sent_while_the_one_before_is_confirmed(world: World) -> None:
    phone, now = world.phone(), world.clock.now()
    made = unverified(phone)
    ask(phone, made)
    code = Secret(sent(world)[-1])

    def confirm(session: Session, holder: Cardholder, card: Card, token: Token) -> None:
        vault, policy = world.parts.vault, POLICIES.tokens
        assert verification.confirm(session, vault, card, token, holder, code, policy, now) is None

    answer = in_flight(world, partial(ask, phone, made), while_changed(world, made, confirm))
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-state")
    assert len(sent(world)) == 1


def test_the_same_provisioning_twice_at_once_is_one_token(world: World) -> None:
    phone, card = world.phone().step_up("provision"), world.person("anna")["card"]
    body = {"card": card, "scheme": "dankort", "device": phone.device()}
    assert both(*[partial(phone.request, "POST", "/v1/tokens", body)] * 2) == [201, 201]
    newest = phone.request("GET", "/v1/tokens").json()["data"][:2]
    assert {each["status"] for each in newest} == {"deactivated", "inactive"}
