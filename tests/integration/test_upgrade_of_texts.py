"""Revision 0011 over text messages of the version before, and back again."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, create_engine, text

from notifications import audiences, sms_queue
from tokenization.ids import new_id
from wallet import embedded, migrations

KINDS = {sms_queue.CODE, *(telling.kind or type_ for type_, all_ in audiences.PEOPLE.items() for telling in all_)}
QUEUED = text("""
INSERT INTO notifications.sms_messages (holder_id, sms_id, event_id, kind, text, state, next_attempt_at, at)
VALUES (:id, :id, :id, :kind, 'Hello', :state, now(), now())
""")
FOUND = text("SELECT kind, rank, expires_at - at FROM notifications.sms_messages WHERE state = 'waiting'")
SEALED = text("UPDATE notifications.sms_messages SET text = '', text_sealed = 'x' WHERE kind = 'token.code'")
TO_A_SHOP = text("""UPDATE notifications.sms_messages SET "to" = 'requestor' WHERE kind = 'card.replaced'""")


@pytest.fixture
def before(servers: embedded.Servers) -> Iterator[Connection]:
    """A database of the version before, with texts that nobody's foreign keys check, each waiting and each sent."""
    engine = create_engine(embedded.create_database(servers.database_url, "upgraded_texts"))
    with engine.connect() as connection, connection.begin():
        migrations.upgrade(connection, "0010")
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for state in ("waiting", "sent"):
            connection.execute(QUEUED, [{"id": new_id(), "kind": kind, "state": state} for kind in sorted(KINDS)])
        yield connection
    engine.dispose()
    embedded.drop_database(servers.database_url, "upgraded_texts")


def test_texts_that_wait_get_the_rank_and_the_end_that_they_have_now(before: Connection) -> None:
    migrations.upgrade(before)
    found = {kind: (rank, life) for kind, rank, life in before.execute(FOUND)}
    assert found == {
        kind: (sms_queue.rank(kind), timedelta(minutes=10) if kind == sms_queue.CODE else sms_queue.LIFE)
        for kind in KINDS
    }


def test_on_the_way_back_only_what_the_version_before_cannot_open_is_gone(before: Connection) -> None:
    migrations.upgrade(before)
    before.execute(SEALED)
    before.execute(TO_A_SHOP)
    before.execute(text("SET LOCAL session_replication_role = origin"))
    before.execute(text("DELETE FROM notifications.sms_messages WHERE kind <> 'token.code' AND state = 'sent'"))
    holder = text("""
        INSERT INTO tokenization.cardholders (holder_id, name, language, cpr_fingerprint, cpr_sealed, created_at)
        SELECT recipient_id, 'Anna', 'da', decode(md5(recipient_id::text), 'hex'), '', now()
        FROM notifications.sms_messages
    """)
    before.execute(holder)
    migrations.downgrade(before, "0010")
    left = before.execute(text("SELECT kind, state, text FROM notifications.sms_messages")).all()
    whole = [(kind, "waiting", "Hello") for kind in KINDS - {sms_queue.CODE, "card.replaced"}]
    assert sorted(tuple(row) for row in left) == sorted([*whole, (sms_queue.CODE, "sent", "")])
