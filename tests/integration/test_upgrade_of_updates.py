"""Revision 0011 over what merchants were told by the version before: who is taken to have it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, text

from tokenization.ids import new_id
from wallet import embedded, migrations

TOLD = text("""
    INSERT INTO notifications.updates
        (requestor_id, seq, event_id, kind, card_id, subject_id, version, code, change, plastic_id, facts, at)
    VALUES (:id, :seq, :id, 'credential.updated', :id, :subject_id, 2, 'A', 'number_changed', :id, '{}', now())
""")
QUEUED = text("""
    INSERT INTO notifications.deliveries
        (requestor_id, delivery_id, seq, kind, state, attempts, next_attempt_at, created_at)
    VALUES (:id, :delivery_id, :seq, 'credential.updated', :state, 1, now(), now())
""")
# How its webhook stands, if there is one -> whether it is taken to have arrived.
STATES = {None: True, "delivered": True, "failed": True, "superseded": True, "pending": False}
RECEIVED = text("SELECT received_at = at, number_given, missed_at FROM notifications.updates ORDER BY seq")


@pytest.fixture
def connection(servers: embedded.Servers) -> Iterator[Connection]:
    engine = create_engine(embedded.create_database(servers.database_url, "told_before"))
    with engine.connect() as connection, connection.begin():
        migrations.upgrade(connection, "0010")
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        requestor_id = new_id()
        for seq, state in enumerate(STATES, start=1):
            connection.execute(TOLD, {"id": requestor_id, "seq": seq, "subject_id": new_id()})
            if state is not None:
                queued = {"id": requestor_id, "delivery_id": new_id(), "seq": seq, "state": state}
                connection.execute(QUEUED, queued)
        yield connection
    engine.dispose()
    embedded.drop_database(servers.database_url, "told_before")


def test_what_was_told_before_receipts_were_kept_has_arrived_unless_it_is_on_its_way(connection: Connection) -> None:
    migrations.upgrade(connection)
    rows = connection.execute(RECEIVED).all()
    assert [tuple(row) for row in rows] == [(arrived or None, False, None) for arrived in STATES.values()]
