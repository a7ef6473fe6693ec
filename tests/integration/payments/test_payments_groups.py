"""One by one or in groups: the same answers, and the same in the database. More of it in test_payments_groups_many.py.

What is broken in the controls is how a list is decided, or what became of it: so they hold whatever stands behind it.
"""

from collections.abc import Sequence
from typing import Final

import pytest
from sqlalchemy import Connection, text

from tests.integration.payments import ledger
from tests.integration.payments.alike import Decide, Outcome, assert_alike
from tests.integration.payments.lists import authorize, decided
from tests.integration.payments.quarter import Again, Quarter, Wish
from tests.policy.worlds import undone
from wallet.payments.requests import Authorization
from wallet.services import Services

CROSSING: Final[list[Wish | Again]] = [
    Wish("emil", "tap", 20_000),
    Wish("anna", "tap", 30_000),
    Wish("anna", "pin", 60_000),
    Again(0),
    Again(1, "renamed"),
    Wish("second plastic", "chip", 60_000),
    Wish("emil", "wrong pin", 20_000),
    Wish("freja", "pin", 20_000),
    Wish("second plastic", "contactless", 1_000, spoiled="number"),
    Wish("pending", "3ds", 100, where="film"),
    Wish("pending", "charge", 100, where="film"),
    Wish("emil", "wrong pin", 20_000),
    Wish("anna", "tap", 100, named="buried-1"),
    Wish("emil", "pin", 100),
    Wish("anna", "tap", 100),
]


def test_a_list_is_decided_alike_one_by_one_and_together(quarter: Quarter, connection: Connection) -> None:
    assert_alike(quarter, connection, quarter.requests(CROSSING))


# Controls.


def blind(parts: Services, requests: Sequence[Authorization]) -> list[Outcome]:
    """Nobody sees what was decided before him in the list."""
    answers = []
    with parts.database.reading() as session:
        for each in requests:
            with session.begin_nested() as alone:
                answers += decided(session, parts.vault, [each], parts.clock.now())
                alone.rollback()
    return answers


def backwards(parts: Services, requests: Sequence[Authorization]) -> list[Outcome]:
    """Who came last is decided first."""
    return authorize(parts, requests[::-1])[::-1]


@pytest.mark.parametrize("broken", [blind, backwards])
def test_control_a_list_that_is_decided_otherwise_is_found(
    quarter: Quarter, connection: Connection, broken: Decide
) -> None:
    requests = quarter.requests(CROSSING[:6])
    with pytest.raises(AssertionError):
        assert_alike(quarter, connection, requests, decide=broken)


FORGED: Final = (
    "UPDATE wallet.payments SET right_left = NULL",
    "UPDATE wallet.accounts SET held_minor = held_minor + 1",
    "UPDATE wallet.reference_directory SET answer = jsonb_set(answer, '{limit}', '{}')",
    "UPDATE delegation.usage_days SET payments = payments + 1",
    "UPDATE tokenization.tokens SET atc_window = decode('0000000000000000', 'hex')",
    "UPDATE tokenization.tokens SET pin_tries_left = 3",
    "UPDATE tokenization.tokens SET payments_without_pin = 0",
    "UPDATE tokenization.plastics SET minor_without_pin = 0",
    "UPDATE tokenization.credentials SET state = 'pending'",
    "DELETE FROM tokenization.token_suspensions",
    "DELETE FROM notifications.outbox WHERE type = 'payment.approved'",
    "UPDATE tokenization.journal_entries SET payload = payload || '{\"amount\": 1}' WHERE type = 'payment.declined'",
    "UPDATE tokenization.journal_entries SET seq = -seq",
)


def test_control_whatever_is_changed_in_the_database_is_found(quarter: Quarter, connection: Connection) -> None:
    parts = quarter.scene.world.parts
    with undone(connection):
        authorize(parts, quarter.requests(CROSSING))
        right = now_in(parts)
        for forged in FORGED:
            with undone(connection):
                connection.execute(text(forged))
                assert now_in(parts) != right, forged


def now_in(parts: Services) -> dict[str, ledger.Rows]:
    with parts.database.reading() as session:
        return ledger.read(session)
