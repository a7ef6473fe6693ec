"""Requests over HTTP that are decided together: they come while somebody leads who has to wait."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Final, cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.payments.scene import Answer, Scene
from tests.races.arena import connect
from tokenization import cards, ids
from wallet.database import Database
from wallet.resources import groups

SECONDS: Final = 20
_WAITING: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it. Raises AssertionError where it does not come."""
    deadline, pause = monotonic() + SECONDS, Event()
    while not condition():
        assert monotonic() < deadline, "it did not come to that"
        pause.wait(0.01)


@contextmanager
def locked(engine: Engine, card_id: UUID) -> Iterator[None]:
    """Within, somebody else has the card's lock."""
    with Session(engine) as session:
        assert cards.lock(session, card_id) is not None
        yield


def somebody_waits(engine: Engine) -> bool:
    """Whether anybody waits for a lock: asked anew, as a transaction sees this as it was when it first looked."""
    with engine.connect() as connection:
        return bool(connection.scalar(_WAITING))


def together(scene: Scene, engine: Engine, requests: Sequence[Answer]) -> list[httpx.Response]:
    """What is answered to requests that wait, in this order, while a payment by Anna's plastic waits for its card.

    The first answer is that payment's.
    """
    waiting = scene.world.app.extensions[groups.EXTENSION]
    with ThreadPoolExecutor(len(requests) + 1) as pool, pytest.MonkeyPatch.context() as patient:
        patient.setattr(groups, "_IMPATIENT", "SET LOCAL lock_timeout = '2s'")  # however slow the machine
        with locked(engine, ids.parse("card", scene.world.person("anna")["card_id"])):
            running = [pool.submit(scene.ask, scene.plastic(100))]
            until(lambda: somebody_waits(engine))
            for number, request in enumerate(requests, 1):
                running.append(pool.submit(scene.ask, request))
                until(lambda number=number: len(waiting) == number)  # type: ignore[misc]  # a loop's variable, bound
        return [each.result() for each in running]


@contextmanager
def over(scene: Scene, url: str, lock_timeout: str = "5s") -> Iterator[None]:
    """Within, the app reaches its database at that address, or is less patient."""
    world, before, engine = scene.world, scene.world.parts, connect(url, lock_timeout)
    made = sessionmaker(engine, expire_on_commit=False)
    parts = replace(before, database=Database(made, before.vault.ring, announce=lambda: None))
    world.parts = world.app.extensions["tegnebog"] = parts
    yield
    world.parts = world.app.extensions["tegnebog"] = before
    engine.dispose()


def engine_of(scene: Scene) -> Engine:
    """What the scene's parts are made over, before they are moved."""
    with scene.world.parts.database.reading() as session:
        return cast(Engine, session.get_bind())
