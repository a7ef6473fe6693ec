"""A relay that stops between any two of its steps, for good or for a moment: nothing is lost, nothing is told twice."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from notifications import deliveries, outbox
from notifications.addresses import Guard, resolve
from notifications.relay import Relay
from notifications.sending import Answer
from notifications.sms import HttpGateway
from notifications.surroundings import Surroundings
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.street import Street
from tests.integration.notifications.town import Town
from tests.numbers import SPACE
from tokenization import cards, replacement
from tokenization.clock import SetClock
from tokenization.events import act_as, take_by_actor
from tokenization.journal import entries
from tokenization.secret import Secret

STEPS: Final = 12  # at least: two cards are told, texted and delivered to two shops


@dataclass
class Mortal:
    """All that a relay reaches out by. It stops at its nth step: before that has any effect, or right after. `for_good`
    like a process that dies, or else for this one step, like a database that is away for a moment.
    """

    town: Town
    gateway: HttpGateway
    nth: int
    after: bool
    for_good: bool
    steps: int = 0
    lock: Lock = field(default_factory=Lock)

    def relay(self) -> Relay:
        guard = Guard(loopback_allowed=True, resolver=self._resolve)
        town = self.town
        return Relay(Surroundings(self._transaction, town.redis, town.vault, town.clock, self, guard), threads=4)

    @property
    def has_stopped(self) -> bool:
        return self.steps >= self.nth

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        with self._step():
            self.gateway.send(mobile, text, reference)

    def _resolve(self, host: str, port: int) -> list[str]:
        with self._step():
            return resolve(host, port)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self._step(stops_within=True) as stops, self.town.transaction() as session:
            yield session
            if stops:
                raise _gone()  # so that it is not committed

    @contextmanager
    def _step(self, *, stops_within: bool = False) -> Iterator[bool]:
        with self.lock:
            self.steps += 1
            this = self.steps == self.nth
            dead = self.for_good and self.steps > self.nth
        if dead or (this and not self.after and not stops_within):
            raise _gone()
        yield this and not self.after
        if this and self.after:
            raise _gone()


def _gone() -> Exception:
    return OperationalError("stopped", None, RuntimeError("stopped"))


@pytest.fixture
def gateway(texts: Receiver) -> Iterator[HttpGateway]:
    with HttpGateway(texts.url) as gateway:
        yield gateway


@pytest.fixture
def street(town: Town, receiver: Receiver, texts: Receiver, gateway: HttpGateway) -> Street:
    town.sms_sender = gateway
    return Street(town, receiver, texts, shops=2, cards=2)


@pytest.mark.parametrize("after", [False, True], ids=["before-it-has-an-effect", "after-it"])
@pytest.mark.parametrize("for_good", [True, False], ids=["for-good", "for-a-moment"])
def test_a_relay_that_stops_at_any_step_has_lost_nothing_and_told_nobody_twice(
    street: Street, gateway: HttpGateway, clock: SetClock, *, after: bool, for_good: bool
) -> None:
    for nth in count(1):
        street.replace_all()
        mortal = Mortal(street.town, gateway, nth, after, for_good)
        with capture_logs(), mortal.relay() as relay, suppress(OperationalError):
            relay.run_once()
        street.let_leases_end(clock)
        street.finish()
        street.check()
        if not mortal.has_stopped:
            break
    assert nth > STEPS


# Controls: what is broken on purpose loses something, and the check finds it.


def replace_and_stop(town: Town, engine: Engine, card_id: UUID) -> None:
    """A service that writes what is to be told after its commit, and stops in between."""
    with sessionmaker(engine)() as session, session.begin():
        act_as(session, "test")
        card = cards.lock(session, card_id)
        assert card is not None
        replacement.replace(session, town.vault, SPACE, card, "bank", town.clock.now())
        session.flush()
        for who, what in take_by_actor(session):
            entries.append(session, town.vault.ring, what, who)


def test_control_an_outbox_that_is_written_after_the_commit_loses_events(
    street: Street, engine: Engine, clock: SetClock
) -> None:
    street.replace_all()
    card_id = next(iter(street.replaced))
    replace_and_stop(street.town, engine, card_id)
    street.replaced[card_id] += 1
    street.finish()
    assert street.is_quiet()
    with pytest.raises(AssertionError):
        street.check()


def test_control_a_relay_that_writes_down_before_it_sends_loses_webhooks(street: Street, clock: SetClock) -> None:
    street.replace_all()
    town, now = street.town, clock.now()
    with town.transaction() as session:
        town.fan_out_all(session)
    with town.transaction() as session:
        for lease in deliveries.claim(session, now, 1, failing=False):
            job = deliveries.next_job(session, town.vault, lease, now)
            assert job is not None
            deliveries.settle(session, lease, job, Answer(204), now, 0)
    street.let_leases_end(clock)
    street.finish()
    assert street.is_quiet()
    with pytest.raises(AssertionError):
        street.check()


def test_control_a_relay_that_takes_an_event_out_before_it_has_told_it_loses_it(
    street: Street, clock: SetClock
) -> None:
    street.replace_all()
    with street.town.transaction() as session:
        [event, *_] = outbox.claim(session, clock.now(), 1)
        assert outbox.finish(session, event)
    street.finish()
    assert street.is_quiet()
    with pytest.raises(AssertionError):
        street.check()
