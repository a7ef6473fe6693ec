"""Revision 0010 over payments of the version before, and back again; and what stands in the way back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text

from tokenization.ids import new_id
from wallet import embedded, migrations

# Merchant category, kind, how many days old -> what it counted as, and in how many days it ends. Two days ago the bank
# set another policy: 10 days, 20 for fuel, and nothing for hotels.
PAYMENTS = {
    ("0001", "purchase", 1): ([], 9),
    ("0001", "cash", 1): (["cash"], 9),
    ("5411", "purchase", 3): ([], 7),
    ("5541", "purchase", 1): ([], 19),
    ("5541", "purchase", 3): ([], 7),
    ("6011", "purchase", 1): (["cash"], 9),
    ("7995", "purchase", 1): (["gambling"], 9),
    ("7995", "cash", 5): (["cash", "gambling"], 7),
    ("7011", "purchase", 1): ([], 9),
    ("7011", "purchase", 10): ([], 20),
    ("7011", "purchase", 400): ([], 7),
    ("3501", "purchase", 3): ([], 27),
    ("7512", "purchase", 3): ([], 27),
    ("7995", "purchase", 0): (["gambling"], None),  # captured
}
PAID = text("""
INSERT INTO wallet.payments (card_id, payment_id, account_id, client_id, kind, entry_mode, scheme, amount_minor,
    currency, estimated, merchant, approved, reason, held_minor, margin_minor, captured_minor, reversed_minor,
    refunded_minor, usage_day, at)
VALUES (:id, :id, :id, 'acquirer', :kind, 'chip', 'dankort', 100, 'DKK', true,
    jsonb_build_object('mcc', CAST(:mcc AS text)), true, 'approved', 100 * :held, 15 * :held, 100 - 100 * :held, 0, 0,
    current_date, now() - interval '24 hours' * :days)
""")
HOLDS = text("""
INSERT INTO tokenization.policies
SELECT name, :version, figures || CAST(:set AS jsonb), now() + interval '24 hours' * :in_days, 'Mette', now()
FROM tokenization.policies WHERE name = 'holds' AND version = 1
""")
SINCE = {"version": 2, "in_days": -2, "set": '{"days": 10, "long_days": 20, "long_categories": ["fuel"]}'}
FROM_TOMORROW = {"version": 3, "in_days": 1, "set": '{"days": 90, "long_days": 90, "long_categories": []}'}
FOUND = text("SELECT merchant ->> 'mcc', kind, at, counted_as, expires_at FROM wallet.payments")
IN_THE_WAY = {
    "payments in another currency": "UPDATE wallet.payments SET rate = 7.46, rate_of = current_date",
    "payments whose hold has ended": """
        INSERT INTO wallet.payment_operations (card_id, payment_id, seq, kind, amount_minor, final, at)
        SELECT card_id, payment_id, 1, 'expiry', 100, true, now() FROM wallet.payments""",
    "versions of the policy payments": """
        INSERT INTO tokenization.policies SELECT name, 2, figures, now(), 'Mette', now()
        FROM tokenization.policies WHERE name = 'payments'""",
    "versions of the policy cards_on_file": """
        INSERT INTO tokenization.policies SELECT name, 2, figures, now(), 'Mette', now()
        FROM tokenization.policies WHERE name = 'cards_on_file'""",
    "preferences of people": """
        INSERT INTO notifications.preferences VALUES (gen_random_uuid(), 'card.replaced', true, false)""",
    "requestors with a contact": """
        INSERT INTO tokenization.requestors (requestor_id, kind, name, status, merchant_ids, schemes, may_hold_numbers,
            app_attestation, revision, created_at, contact_mobile_sealed)
        VALUES (gen_random_uuid(), 'merchant', 'Filmfloden', 'active', '{}', '{}', false, 'none', 1, now(), 'x')""",
}


@pytest.fixture
def before(servers: embedded.Servers) -> Iterator[Connection]:
    """A database of the version before, with payments that nobody's foreign keys check."""
    engine = create_engine(embedded.create_database(servers.database_url, "upgraded"))
    with engine.connect() as connection, connection.begin():
        migrations.upgrade(connection, "0009")
        connection.execute(HOLDS, [SINCE, FROM_TOMORROW])
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for (mcc, kind, days), (_, ends) in PAYMENTS.items():
            connection.execute(
                PAID, {"id": new_id(), "mcc": mcc, "kind": kind, "days": days, "held": int(ends is not None)}
            )
        yield connection
    engine.dispose()
    embedded.drop_database(servers.database_url, "upgraded")


def found(connection: Connection) -> dict[tuple[str, str, int], tuple[list[str], int | None]]:
    now: datetime = connection.execute(text("SELECT now()")).scalar_one()
    day = timedelta(days=1)
    return {
        (mcc, kind, (now - at) // day): (counted_as, expires_at and (expires_at - now) // day)
        for mcc, kind, at, counted_as, expires_at in connection.execute(FOUND)
    }


def test_old_payments_counted_as_the_version_before_had_it_and_no_hold_ends_before_its_policy_or_a_week(
    before: Connection,
) -> None:
    migrations.upgrade(before)
    assert found(before) == PAYMENTS
    migrations.downgrade(before, "0009")
    migrations.upgrade(before)
    assert found(before) == PAYMENTS


def test_it_is_not_taken_back_where_that_would_lose_anything(before: Connection) -> None:
    migrations.upgrade(before)
    for what, statement in IN_THE_WAY.items():
        with before.begin_nested() as savepoint:
            before.execute(text(statement))
            with pytest.raises(CommandError, match=rf"cannot be taken back: there are \d+ {what}.*: \w"):
                migrations.downgrade(before, "0009")
            savepoint.rollback()
    migrations.downgrade(before, "0009")
