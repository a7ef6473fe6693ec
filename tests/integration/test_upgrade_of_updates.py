"""Revision 0011 over what merchants were told by the version before: who is taken to have it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.orm import Session

from notifications import receipts
from notifications.models import Update
from tokenization.ids import new_id
from tokenization.models import Credential
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
    with Session(connection) as session:
        told = session.scalars(select(Update).order_by(Update.seq)).all()
        assert [(receipts.received_at(each), each.number_given, each.missed_at) for each in told] == [
            (each.at if arrived else None, False, None) for each, arrived in zip(told, STATES.values(), strict=True)
        ]
        on_file = [Credential(requestor_id=each.requestor_id, credential_id=each.subject_id) for each in told]
        had = {each.subject_id: each.at for each in told if each.received_at}
        assert receipts.last_received(session, on_file) == had
        assert len(had) == sum(STATES.values())
