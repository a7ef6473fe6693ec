"""One by one or in groups: what was seen of a list of requests that was cut in one way, against another.

Which lists get into each other's way is written down here too.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection

from tests.books import assert_books_balance
from tests.integration.payments import ledger
from tests.integration.payments.lists import authorize
from tests.integration.payments.quarter import Again, Quarter, Wish
from tests.policy.worlds import undone
from tokenization.journal import chains
from wallet.payments.references import Answer, ReferenceReused
from wallet.payments.requests import Authorization
from wallet.services import Services

Outcome = Answer | ReferenceReused
Decide = Callable[[Services, Sequence[Authorization]], list[Outcome]]


@dataclass(frozen=True)
class Seen:
    """What was answered, and what the database holds then."""

    answers: list[Any]
    tables: dict[str, ledger.Rows]


def seen(
    quarter: Quarter,
    connection: Connection,
    pieces: Sequence[Sequence[Authorization]],
    decide: Decide = authorize,
) -> Seen:
    """Decide the pieces, one after the other, in a copy of the quarter; the books balance then, the journals hold."""
    parts = quarter.scene.world.parts
    with undone(connection):
        outcomes = [outcome for piece in pieces for outcome in decide(parts, piece)]
        with parts.database.reading() as session:
            assert_books_balance(session, quarter.scene.opened_with)
            assert all(verdict.valid for _, verdict in chains.verify_all(session, parts.vault.ring, chains.CARDS))
            assert_repeated([asked for piece in pieces for asked in piece], outcomes)
            names = ledger.names(session)
            return Seen([_told(names, outcome) for outcome in outcomes], ledger.read(session))


def assert_repeated(requests: Iterable[Authorization], outcomes: Iterable[Outcome]) -> None:
    """Raise AssertionError where a request that came twice has two answers, as they are sent."""
    first: dict[tuple[str, str], str] = {}
    for asked, outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, Answer):
            told = json.dumps(outcome.body, sort_keys=True)
            assert first.setdefault((asked.reference.client_id, asked.reference.text), told) == told


def _told(names: dict[Any, str], outcome: Outcome) -> Any:
    return (outcome.replayed, ledger.named_by(names, outcome.body)) if isinstance(outcome, Answer) else "reused"


def assert_equal(one: Seen, other: Seen) -> None:
    """Raise AssertionError that names the first answer, or the first table, which differs."""
    assert one.answers == other.answers
    for table, rows in one.tables.items():
        assert rows == other.tables[table], table


def cut(requests: Sequence[Authorization], at: Iterable[int]) -> list[Sequence[Authorization]]:
    """The requests in pieces, of which another begins at each of these."""
    edges = sorted({0, *at, len(requests)})
    return [requests[one:other] for one, other in pairwise(edges)]


def assert_alike(
    quarter: Quarter,
    connection: Connection,
    requests: Sequence[Authorization],
    *ways: Iterable[int],
    decide: Decide = authorize,
) -> None:
    """However they are cut, one by one is the same. `ways` are where: nowhere, if none is said."""
    apart = seen(quarter, connection, cut(requests, range(len(requests))))
    for way in ways or [()]:
        assert_equal(apart, seen(quarter, connection, cut(requests, way), decide))


def _each(who: str, how: str, *amounts: int, **more: Any) -> list[Wish | Again]:
    return [Wish(who, how, amount, **more) for amount in amounts]


LISTS: Final[dict[str, list[Wish | Again]]] = {
    "an account of two cards": [
        *_each("anna's plastic", "chip", 60_000),
        *_each("second plastic", "chip", 60_000),
        *_each("freja", "pin", 20_000, 10_000),
        *_each("anna", "pin", 20_000, 1_000),
        *_each("second plastic", "keyed", 100, 10_000),
    ],
    "children's limits": [
        *_each("emil", "pin", 20_000, 20_001, 20_000),
        *_each("freja", "pin", 100, 100),
        *_each("emil", "pin", 10_000, 9_000),
        *_each("freja", "pin", 60_000, 100, 100),
    ],
    "a yes that is for one": [*_each("emil", "pin", 30_001, 30_000, 30_000), Again(0, "changed"), Again(1)],
    "references": [
        *_each("anna", "tap", 5_000, named="one"),
        *(Again(0, how) for how in ("same", "same", "changed", "renamed", "theirs")),
        *_each("emil", "tap", 5_000, named="buried-1"),
        *(Again(0, how) for how in ("same", "renamed", "changed")),
        *_each("bo's plastic", "chip", 5_000, named="buried-2", spoiled="expiry"),
        *(Again(11), Again(12, "changed"), Again(13, "renamed"), Again(14)),
    ],
    "wrong PINs": [
        *_each("anna", "wrong pin", 40_000, 100),
        *_each("emil", "wrong pin", 100),
        *_each("anna", "pin", 100),
        *_each("emil", "pin", 100, spoiled="mac"),
        *_each("emil", "wrong pin", 100),
        *_each("anna", "wrong pin", 100, 100, 100),
        *_each("emil", "pin", 100),
        *_each("anna", "finger", 100),
    ],
    "taps": [
        *_each("anna", "tap", 100),
        *_each("anna's plastic", "contactless", 100, 100, 100),
        *_each("anna", "tap", 100, 100, 40_000),
        *_each("anna", "tap", 100, where="tram"),
        *_each("anna", "pin", 99_999_999, 100),
        *_each("anna", "tap", 100),
        *_each("anna's plastic", "chip", 100),
        *_each("anna's plastic", "contactless", 100),
    ],
    "limits of a card": [
        *_each("anna's plastic", "chip", 30_000, 10_000, 1, where="machine"),
        *_each("second plastic", "chip", 40_000, 1, where="machine"),
        *_each("anna's plastic", "keyed", 30_000, 1, where="casino"),
        *_each("bo's plastic", "chip", 50_000, 10_001, 10_000, 1, where="visa"),
    ],
    "cards on file": [
        *_each("pending", "charge", 100, where="film"),
        *_each("pending", "3ds", 99_999_999, where="film"),
        *_each("pending", "3ds", 100, where="grocer"),
        *_each("pending", "3ds", 100, where="film"),
        *_each("pending", "charge", 100, where="film"),
        *_each("pending", "3ds", 100, where="film"),
        *_each("withdrawn", "charge", 100, where="film"),
        *_each("nobody's", "charge", 100, where="film"),
        *_each("confirmed", "bare", 100, where="film"),
    ],
    "other currencies": [
        *_each("emil", "pin", 2_000, 2_700, where="abroad"),
        *_each("anna's plastic", "chip", 10_000, 99_999, where="abroad"),
        *_each("second plastic", "chip", 5_000, 100, where="abroad"),
        *_each("emil", "pin", 20_000, 16_000, 1_000),
        *_each("bo's plastic", "chip", 10_000, where="unrated"),
        *_each("anna", "tap", 600, 600, where="abroad"),
        Again(0),
    ],
    "bad ones between good ones": [
        *(Wish("anna", "tap", 100, spoiled=each) for each in ("mac", "", "atc", "date", "")),
        *(Wish("bo's plastic", "web", 100, spoiled=each) for each in ("number", "", "expiry")),
        *_each("bo's plastic", "wrong cvc", 100, 100, 100, 100, 100, 100),
        *_each("bo's plastic", "web", 100),
        *_each("blocked plastic", "chip", 100),
        *_each("bo's plastic", "chip", 200, 100),
        *_each("anna", "pin", 100, where="visa"),
        *_each("anna", "pin", 100, where="abroad"),
        *_each("second plastic", "web", 100, where="check"),
        *_each("second plastic", "chip", 10_000, where="hotel"),
    ],
}
