"""Revision 0011 over cards on file of the version before, and back again."""

from datetime import timedelta

from sqlalchemy import create_engine, text

from tokenization.ids import new_id
from wallet import embedded, migrations

KEPT = text("""
INSERT INTO tokenization.credentials (card_id, credential_id, requestor_id, reference, agreement, plastic_id, state,
    automatic_update, version, created_at, confirmed_at)
VALUES (:id, :id, :id, 'customer-42', 'subscription', :id, :state, false, 1, now() - interval '24 hours' * :days,
    CASE WHEN :state = 'active' THEN now() END)
""")
WAITS = text("SELECT state, pending_until - now() FROM tokenization.credentials WHERE confirmed_at IS NULL")
WAITED = text("SELECT pending_until < now() FROM tokenization.credentials WHERE confirmed_at IS NOT NULL")
OLD = {"active": 400, "pending": 29, "withdrawn": 1}


def test_what_waits_for_a_yes_waits_as_long_as_is_delivered_from_when_it_was_made(servers: embedded.Servers) -> None:
    engine = create_engine(embedded.create_database(servers.database_url, "upgraded_credentials"))
    with engine.connect() as connection, connection.begin() as whole:
        migrations.upgrade(connection, "0010")
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # nobody's foreign keys check
        connection.execute(KEPT, [{"id": new_id(), "state": state, "days": days} for state, days in OLD.items()])
        migrations.upgrade(connection, "0011")
        found: dict[str, timedelta] = dict(connection.execute(WAITS).all())
        assert found == {state: timedelta(days=30 - days) for state, days in OLD.items() if state != "active"}
        assert connection.execute(WAITED).scalar_one()
        migrations.downgrade(connection, "0010")
        whole.rollback()
    engine.dispose()
    embedded.drop_database(servers.database_url, "upgraded_credentials")
