"""What is good for one use, asked for by many at once, with real commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from joserfc.jwk import ECKey
from redis import Redis
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from tokenization import cardholders, requestors
from tokenization.clock import SetClock
from tokenization.models import Cardholder, PartyKey, Requestor
from tokenization.vault import Vault
from wallet.access import assertions, clients, dpop, refresh_tokens, sessions, shelf
from wallet.access.models import AccessSession, AssertionJti, OAuthClient, RefreshToken

AT_ONCE = 8
T = TypeVar("T")


def at_once(act: Callable[[], T]) -> list[T]:
    """Let many do the same in the same moment."""
    start = Barrier(AT_ONCE)

    def one(_: int) -> T:
        start.wait()
        return act()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


@pytest.fixture
def machine(engine: Engine, clock: SetClock) -> Iterator[str]:
    """A machine that is really there, until the test is over."""
    jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    with Session(engine) as session, session.begin():
        made = clients.register_client(session, scope="network", name="Prøve", jwks=jwks, now=clock.now())
        client_id = made.client_id
    yield client_id
    with Session(engine) as session, session.begin():
        session.execute(delete(AssertionJti).where(AssertionJti.client_id == client_id))
        session.execute(delete(OAuthClient).where(OAuthClient.client_id == client_id))


@pytest.fixture
def signed_in(engine: Engine, vault: Vault, clock: SetClock) -> Iterator[tuple[AccessSession, str]]:
    """A session that has just begun and its refresh token, until the test is over."""
    now = clock.now()
    with Session(engine, expire_on_commit=False) as session, session.begin():
        app = requestors.register(session, kind="wallet", name="Prøve", merchant_ids=[], schemes=[], now=now)
        holder = cardholders.register(session, vault, name="Anna Prøve", cpr="2902724242", mobile=None, now=now)
        client = clients.register_client(session, scope="child", name="Prøve", requestor_id=app.requestor_id, now=now)
        started = sessions.start(
            session,
            client_id=client.client_id,
            holder_id=holder.holder_id,
            thumbprint="k",
            acr=None,
            auth_time=None,
            now=now,
        )
        token = refresh_tokens.issue(session, started.session_id, now)
    yield started, token
    with Session(engine) as session, session.begin():
        session.execute(delete(RefreshToken).where(RefreshToken.session_id == started.session_id))
        session.execute(delete(AccessSession).where(AccessSession.session_id == started.session_id))
        session.execute(delete(OAuthClient).where(OAuthClient.client_id == client.client_id))
        session.execute(delete(Requestor).where(Requestor.requestor_id == app.requestor_id))
        session.execute(delete(PartyKey).where(PartyKey.party_id == holder.holder_id))
        session.execute(delete(Cardholder).where(Cardholder.holder_id == holder.holder_id))


def test_an_assertion_counts_once_however_many_bring_it_at_once(engine: Engine, machine: str, clock: SetClock) -> None:
    now = clock.now()

    def spend() -> bool:
        with Session(engine) as session, session.begin():
            return assertions.spend(session, machine, "once", now + timedelta(minutes=1), now)

    assert sorted(at_once(spend)) == [False] * (AT_ONCE - 1) + [True]


def test_a_refresh_token_gives_two_answers_at_most_and_then_ends_the_session(
    engine: Engine, signed_in: tuple[AccessSession, str], clock: SetClock
) -> None:
    started, token = signed_in

    def refresh() -> bool:
        with Session(engine) as session, session.begin():
            rotated = refresh_tokens.rotate(
                session, token, client_id=started.client_id, thumbprint="k", now=clock.now()
            )
            return rotated is not None

    assert sorted(at_once(refresh)) == [False] * (AT_ONCE - 2) + [True] * 2
    with Session(engine) as session:
        assert session.get_one(AccessSession, started.session_id).end_reason == "refresh_reuse"


def test_a_proof_counts_once_however_many_bring_it_at_once(redis: Redis) -> None:
    proof = dpop.Proof("k", "once")
    assert sorted(at_once(lambda: dpop.spend(redis, proof))) == [False] * (AT_ONCE - 1) + [True]


def test_a_code_goes_to_one_of_many_at_once(redis: Redis) -> None:
    shelf.put(redis, "code", "secret", {"once": True}, timedelta(minutes=1))
    taken = at_once(lambda: shelf.take(redis, "code", "secret"))
    assert [value for value in taken if value] == [{"once": True}]
