"""A token's `version` never goes down, grows with each change that can be seen of it, and is told: whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis
from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from delegation.parties import Delegate
from delegation.terms import Ceiling, Limits, RightTerms
from notifications import audiences
from notifications.models import Update
from tests.drawing_rights import POLICY
from tests.numbers import SPACE
from tests.policy.worlds import rolled_back
from tests.world import World
from tokenization import cards, ids, life_cycle, payment_keys, replacement, requestors, token_status, tokens
from tokenization.errors import Conflict, Invalid
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Card, Requestor, Token
from tokenization.provisioning import verification
from tokenization.secret import Key
from tokenization.tokens import Device
from tokenization.vault import Vault
from wallet.access.models import OAuthClient
from wallet.resources import shown

PIN_KEY = Key(bytes([7] * 32))
PHONE_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
    "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
}
REASONS = st.sampled_from(["device_lost", "device_stolen", "fraud", "other", "looked into"])
PARTIES = st.sampled_from(["cardholder", "issuer", "wallet_provider"])


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def town(servers: Any, connection: Connection, key_ring: FileKeyRing, vault: Vault) -> Iterator[World]:
    with Redis.from_url(servers.redis_url) as redis, rolled_back(connection, redis, key_ring, vault) as world:
        yield world


class Child:
    """Emil's token under a drawing right on Anna's card: all that a version is made of."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, world.clock.now()
        self.card_id = ids.parse("card", world.person("anna")["card_id"])
        with self._transaction() as (session, card):
            limits = RightTerms(Limits(per_payment=20_000))
            right = drawing_rights.grant(
                session, card, Delegate("Emil"), limits, Ceiling(), policy=POLICY, now=self.now
            )
            assert isinstance(right, DrawingRight)
            app = session.get_one(OAuthClient, world.access["wallet_app"]["client_id"]).requestor_id
            assert app is not None
            self.right_id, self.requestor_id = right.right_id, app
            token = tokens.create(
                session,
                world.parts.vault,
                SPACE,
                card,
                requestor=session.get_one(Requestor, app),
                scheme="dankort",
                device=Device("Emil's phone", "ios", "thumbprint", PHONE_KEY),
                right_id=right.right_id,
                doubt="lost_lately",
                now=self.now,
            )
            self.token_id = token.token_id

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Session, Card]]:
        with self.world.parts.database.transaction("test") as session:
            card = cards.lock(session, self.card_id)
            assert card is not None
            yield session, card

    def do(self, act: Callable[[Session, Card, Token], object]) -> None:
        """Something happens, or is refused; then all are told."""
        with suppress(Conflict, Invalid), self._transaction() as (session, card):
            act(session, card, session.get_one(Token, (self.card_id, self.token_id), populate_existing=True))
        self.world.tell()

    def to_right(self, act: Callable[[Session, DrawingRight], object]) -> None:
        """Something happens to the drawing right."""
        self.do(lambda session, *_: act(session, drawing_rights.load(session, self.card_id, self.right_id)))

    def look(self) -> tuple[dict[str, Any], int, int]:
        """What is seen of the token; its version; and the one that was told last, as SQL had it."""
        with self.world.app.app_context(), self.world.parts.database.reading() as session:
            token = session.get_one(Token, (self.card_id, self.token_id))
            right = session.get_one(DrawingRight, (self.card_id, self.right_id))
            requestor = session.get_one(Requestor, self.requestor_id)
            version = token_status.version(token, session.get_one(Card, self.card_id), requestor, right.revision)
            seen = shown.token(session, token, self.now)
            assert seen.pop("version") == version
            newest = select(Update.version).where(Update.subject_id == self.token_id).order_by(Update.seq.desc())
            return seen, version, session.scalar(newest.limit(1)) or 0


class Life(RuleBasedStateMachine):
    """Whatever may happen to it, in any order."""

    world: World
    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self._savepoint = self.connection.begin_nested()
        self.child = Child(self.world)
        self.vault, self.now = self.world.parts.vault, self.child.now
        self.before, self.version, _ = self.child.look()

    def teardown(self) -> None:
        self._savepoint.rollback()

    @invariant()
    def holds(self) -> None:
        seen, version, told = self.child.look()
        assert version >= self.version
        if seen != self.before:
            assert version > self.version
            assert told == version, "who listens has been told, of this version"
        self.before, self.version = seen, version

    @rule()
    def comes_on(self) -> None:
        """Verified, activated, given keys: one step further."""
        also = frozenset[str]()

        def step(session: Session, card: Card, token: Token) -> None:
            if token.state == "unverified":
                life_cycle.require(session, card, token, "verify", also=also, now=self.now)
                verification.verified(session, card, token, "sms_code", self.now)
            elif token.state == "inactive":
                life_cycle.activate(session, self.vault, card, token, PIN_KEY, None, also=also, now=self.now)
            else:
                life_cycle.require(session, card, token, "issue_keys", also=also, now=self.now)
                payment_keys.issue(session, self.vault, card, token, 50, self.now)

        self.child.do(step)

    @rule(by=PARTIES, reason=REASONS)
    def is_suspended(self, by: str, reason: str) -> None:
        self.child.do(lambda s, card, token: life_cycle.suspend(s, card, token, by=by, reason=reason, now=self.now))

    @rule()
    def is_locked(self) -> None:
        why = {"by": "pin_locked", "reason": "wrong_pin", "now": self.now}
        self.child.do(lambda s, card, token: life_cycle.suspend(s, card, token, **why))  # type: ignore[arg-type]  # by name

    @rule(by=PARTIES)
    def is_resumed(self, by: str) -> None:
        self.child.do(lambda s, card, token: life_cycle.resume(s, card, token, by=by, now=self.now))

    @rule()
    def gets_another_pin(self) -> None:
        def change(session: Session, card: Card, token: Token) -> None:
            also = frozenset[str]()
            life_cycle.change_pin(session, self.vault, card, token, PIN_KEY, also=also, now=self.now)

        self.child.do(change)

    @rule(reason=st.sampled_from(["lost", "misused", "suspected"]))
    def card_is_blocked(self, reason: str) -> None:
        how = {"reason": reason, "by": "issuer", "noticed_at": self.now, "now": self.now}
        self.child.do(lambda s, card, _: cards.block(s, card, **how))  # type: ignore[arg-type]  # by name

    @rule()
    def card_is_unblocked(self) -> None:
        self.child.do(lambda s, card, _: cards.unblock(s, card, self.now))

    @rule(reason=st.sampled_from(["expiring", "lost", "bank", "misused"]))
    def card_is_replaced(self, reason: str) -> None:
        self.child.do(lambda s, card, _: replacement.replace(s, self.vault, SPACE, card, reason, self.now))

    @rule(act=st.sampled_from([drawing_rights.pause, drawing_rights.resume]))
    def right_is_paused_or_resumed(self, act: Callable[..., None]) -> None:
        self.child.to_right(lambda s, right: act(s, right, self.now))

    @rule(until=st.sampled_from([date(2026, 12, 24), date(2027, 6, 30), None]))
    def right_is_changed(self, until: date | None) -> None:
        def change(session: Session, right: DrawingRight) -> None:
            wanted = replace(drawing_rights.terms_of(right), valid_until=until)
            drawing_rights.change(session, right, Ceiling(), right_terms=wanted, now=self.now)

        self.child.to_right(change)

    @rule(status=st.sampled_from(["suspended", "active"]))
    def wallet_is_suspended_or_back(self, status: str) -> None:
        def change(session: Session, *_: object) -> None:
            requestors.change(
                session, session.get_one(Requestor, self.child.requestor_id), {"status": status}, self.now
            )

        self.child.do(change)


def test_a_version_grows_with_all_that_is_seen_and_is_told(town: World, connection: Connection) -> None:
    class Here(Life):
        pass

    Here.world, Here.connection = town, connection
    run_state_machine_as_test(Here, settings=settings(max_examples=3, stateful_step_count=14, deadline=None))


@pytest.mark.parametrize(
    "ends",
    [
        lambda child: child.do(
            lambda s, card, token: life_cycle.deactivate(s, card, token, by="issuer", now=child.now)
        ),
        lambda child: child.do(lambda s, card, _: cards.close(s, card, child.now)),
        lambda child: child.to_right(lambda s, right: drawing_rights.revoke(s, right, child.now)),
    ],
    ids=["token ended", "card closed", "right revoked"],
)
def test_the_end_has_a_version_of_its_own_too(town: World, ends: Callable[[Child], None]) -> None:
    child = Child(town)
    town.tell()
    _, before, _ = child.look()
    ends(child)
    seen, version, told = child.look()
    assert seen["status"] == "deactivated"
    assert version == told == before + 1


def test_every_event_that_is_told_of_tokens_has_a_name_as_an_operation() -> None:
    told = (
        audiences.ABOUT_A_TOKEN,
        audiences.ABOUT_TOKENS_OF_A_CARD,
        audiences.ABOUT_TOKENS_OF_A_RIGHT,
        audiences.ABOUT_TOKENS_OF_A_REQUESTOR,
    )
    assert set(audiences.OPERATIONS) == frozenset[str]().union(*told)
